"""Answers of the Live tab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.codecs import encode
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.video import LiveStats, LiveSwapper

from ..messages import Visit
from ..texts import glasses_words, say
from ..work.living import live_swapper
from ..work.services import Services
from .choices import chosen
from .consent import may_swap

_QUALITY = 88  # of a JPEG that is looked at for a tenth of a second
_MOST_PIXELS = 1280 * 720  # the page sends 640 x 480


@dataclass(frozen=True, slots=True)
class Answer:
    """To one picture of a camera.

    Attributes:
        said: in the visitor's language.
        picture: swapped, a JPEG; ``None`` where there is none yet: there is no face, or others have their turn.
    """

    said: str
    picture: bytes | None = None


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
    """Make the visitor's own live swapper of a photo; nothing of one that does not ship without consent.

    Raises:
        OptionError: there is no photo, or no place for one more live picture.
    """
    if not source:
        raise OptionError(say("need_source", visit.language))
    if not may_swap(consented, source):
        return {}
    engine, live = services.engine, services.live
    live.close(session)
    live.check(visit.caller)
    engine.admit(visit.caller)
    made = live_swapper(engine, source, model=model, choices=chosen(choices))
    key = live.open(visit.caller, made)
    return {"session": key, "stage": {"key": key}, "status": _prepared(made, visit.language)}


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
    if not source or not may_swap(consented, source) or session not in services.live:
        return {}
    services.engine.admit(visit.caller)
    made = live_swapper(services.engine, source, model=model, choices=chosen(choices))
    services.live.replace(session, made)
    return {"status": _prepared(made, visit.language)}


def _prepared(made: LiveSwapper, spoken: str) -> str:
    return " ".join([say("live_prepared", spoken), *glasses_words([made.source.glasses], spoken)])


def step(
    services: Services, visit: Visit, *, picture: bytes, session: str | None, arrived: float | None = None
) -> Answer:
    """Swap one picture of the camera.

    Args:
        picture: the encoded picture, at most 1280 x 720 pixels.
        session: key of the visitor's live swapper.
        arrived: as :meth:`LiveSwapper.process` takes it.

    Raises:
        ImageError: it is no picture, or too large.
        OptionError: the turn is over, or too many pictures came at once.
    """
    with services.live.picture(session) as turn:
        if turn is None:
            return Answer(say("live_first", visit.language))
        if turn.swapper is None:
            return Answer(say("live_waits", visit.language, count=turn.before))
        camera = read_image(picture, max_pixels=_MOST_PIXELS).image
        shown, how = turn.swapper.process(camera, arrived=arrived)
    jpeg = encode(shown, "RGB", "JPEG", icc_profile=None, quality=_QUALITY, text={})
    return Answer(in_words(how, visit.language), jpeg)


def in_words(how: LiveStats, spoken: str) -> str:
    """The small read-out: how long a picture takes, how many come, and whether anybody is seen."""
    said = say("live_stats", spoken, latency=f"{how.p50_ms:.0f}", rate=f"{how.per_second:.1f}")
    return said if how.faces else f"{said} · {say('live_nobody', spoken)}"
