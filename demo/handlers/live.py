"""Answers of the Live tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.images import check_image
from mobilefaceswap_core.video import LiveStats

from ..messages import Visit
from ..texts import say
from ..work.living import live_swapper
from ..work.services import Services
from .choices import chosen


def prepare(
    services: Services,
    visit: Visit,
    *,
    source: str | None,
    session: str | None,
    model: str,
    choices: Mapping[str, Any],
    consented: bool,
) -> dict[str, Any]:
    """Make the visitor's own live swapper of a photo; nothing without consent.

    Raises:
        OptionError: there is no photo, or no place for one more live picture.
    """
    if not consented:
        return {}
    if not source:
        raise OptionError(say("need_source", visit.language))
    engine, live = services.engine, services.live
    live.close(session)
    live.check(visit.caller)
    engine.admit(visit.caller)
    made = live_swapper(engine, source, model=model, choices=chosen(choices))
    return {"session": live.open(visit.caller, made), "status": say("live_prepared", visit.language)}


def adjust(
    services: Services,
    visit: Visit,
    *,
    source: str | None,
    session: str | None,
    model: str,
    choices: Mapping[str, Any],
    consented: bool,
) -> dict[str, Any]:
    """Have what was chosen hold for the picture that runs; without one there is nothing to do yet."""
    if not consented or not source or session not in services.live:
        return {}
    services.engine.admit(visit.caller)
    services.live.replace(session, live_swapper(services.engine, source, model=model, choices=chosen(choices)))
    return {"status": say("live_prepared", visit.language)}


def step(services: Services, visit: Visit, *, camera: NDArray[np.uint8] | None, session: str | None) -> dict[str, Any]:
    """Swap one frame of the camera, ``(H, W, 3)`` RGB uint8.

    Raises:
        OptionError: the session's time is over.
    """
    swapper = services.live.swapper(session)
    if swapper is None:
        return {"shown": None, "stats": say("live_first", visit.language)}
    if camera is None:
        return {}
    picture, how = swapper.process(check_image(camera, what="the camera's picture"))
    return {"shown": picture, "stats": in_words(how, visit.language)}


def in_words(how: LiveStats, spoken: str) -> str:
    """The small read-out: how long a picture takes, how many come, and whether anybody is seen."""
    said = say("live_stats", spoken, latency=f"{how.p50_ms:.0f}", rate=f"{how.per_second:.1f}")
    return said if how.faces else f"{said} · {say('live_nobody', spoken)}"
