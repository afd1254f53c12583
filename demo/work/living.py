"""A visitor's face made ready for live pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobilefaceswap_core.video import LiveSwapper

from .auditing import door
from .budgets import budget_of
from .engine import Engine
from .wishes import wished


@door("live")
def live_swapper(
    engine: Engine, source: str | Path, *, model: str | None = None, choices: Mapping[str, Any] | None = None
) -> LiveSwapper:
    """A swapper for one visitor's camera, which writes on every picture what it is; its start is in the host's log.

    Args:
        engine: the app's.
        source: photo of the face to use.
        model: a name of :meth:`Engine.model_names`; the host's for clips if not given.
        choices: values by the names of :data:`~mobilefaceswap_core.choices.CHOICES`.

    Raises:
        OptionError: an unknown model.
        NoFaceError, ImageError: the photo cannot be used.
        RefusedError: the person is on the host's block list.
    """
    settings, name = engine.settings, model or engine.default_video_model()
    options = wished({**(choices or {}), "badge": True})
    person = engine.prepare(name, [source], video=True, options=options)
    made = LiveSwapper(
        engine.video_pipeline(name),
        person,
        budget_ms=settings.live_budget_ms,
        budget=budget_of(settings),
        options=options,
    )
    engine.rules().note("live", sources=[Path(source)], model=name)
    return made
