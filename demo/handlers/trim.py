"""Which part of a clip is wanted, as the page's one control says it."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.video import WHOLE, Part

from ..texts import say
from ..work.clips import check_clip
from ..work.engine import Engine

NO_TRIM: tuple[float, float] = (0.0, 0.0)
_MOMENT_S = 0.5
_LEAST_S = 1.0  # a shorter clip is not worth a control
_AT_END_S = 0.06  # the control goes in steps of 0.05 s, and its last one may lie before the clip's end


def control_of(seconds: float, spoken: str) -> Any:
    """What the control shows for a clip of this length; a very short clip has none."""
    value = {"start": 0.0, "end": seconds, "length": seconds, "from": say("trim_start", spoken),
             "to": say("trim_end", spoken)}  # fmt: skip
    return gr.update(value=value, visible=seconds >= _LEAST_S)


def wanted_part(control: Any, spoken: str) -> tuple[float, float]:
    """Start and end in seconds; an end of 0 is the clip's.

    Args:
        control: value of the control, which a caller may have written himself; ``None`` before there was a clip.
        spoken: language of the message.

    Raises:
        OptionError: not two moments, one after the other.
    """
    if control is None:
        return NO_TRIM
    keys = ("start", "end", "length")
    values: list[Any] = [control.get(key) for key in keys] if isinstance(control, Mapping) else []
    if len(values) != len(keys) or not all(_is_moment(value) for value in values):
        raise OptionError(say("trim_wrong", spoken))
    start, end, length = map(float, values)
    end = 0.0 if end >= length - _AT_END_S else end
    if 0 < end <= start:
        raise OptionError(say("trim_wrong", spoken))
    return start, end


def _is_moment(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value >= 0


def part_of(engine: Engine, path: str, start_s: float, end_s: float, spoken: str) -> Part:
    """The part of a clip that is wanted, within the host's limits; an end of 0 is the clip's.

    Raises:
        OptionError: the part is empty.
        VideoError: too long, or not a clip.
    """
    settings = engine.settings
    if (start_s, end_s) == NO_TRIM:
        check_clip(path, settings, spoken)
        return WHOLE
    if 0 < end_s <= start_s:
        raise OptionError(say("trim_wrong", spoken))
    facts = check_clip(path, settings, spoken, seconds=(end_s or float("inf")) - start_s)
    if start_s >= facts.seconds:
        raise OptionError(say("trim_wrong", spoken))
    return Part(start_s, end_s or None)


def start_of(engine: Engine, path: str, start_s: float, end_s: float, spoken: str) -> Part:
    """A moment at the start of the wanted part, however long the part is.

    Raises:
        OptionError: the part is empty.
        VideoError: not a clip, or its pictures are too large.
    """
    return part_of(engine, path, start_s, min(end_s or float("inf"), start_s + _MOMENT_S), spoken)
