"""What every clip is to those who read it: its facts, its pictures in order, and a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

from ..errors import OptionError
from .described import HdrMetadata
from .picture import Picture

Kind = Literal["clip", "animation", "images"]


@dataclass(slots=True)
class ClipInfo:
    """What is known of a clip before its frames are read.

    Attributes:
        kind: how it is stored.
        width: of the upright frame, in pixels.
        height: of the upright frame, in pixels.
        frame_rate: average frames per second.
        frames: how many there should be; ``None`` when only reading tells.
        duration_s: as the container says; ``None`` when it does not.
        time_base: unit of time stamps in seconds.
        sample_aspect: width of a pixel by its height.
        loop: repetitions of an animation, 0 for ever.
        is_interlaced: its first picture holds two fields.
        hdr: static metadata of its first picture.
        is_steady: as far as the container says, every frame is shown equally long.
        end_s: time stamp that a part of a clip ends before; ``None`` for the clip's end.
        start_s: time stamp of the result's beginning: a clip cut out of a broadcast starts at some hour of the day.
    """

    path: Path
    kind: Kind
    width: int
    height: int
    frame_rate: Fraction
    frames: int | None
    duration_s: float | None
    time_base: Fraction
    sample_aspect: Fraction | None = None
    loop: int = 0
    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None
    is_steady: bool = False
    is_interlaced: bool = False
    hdr: HdrMetadata = field(default_factory=HdrMetadata)
    notes: list[str] = field(default_factory=list)

    def is_over(self, time_s: Fraction) -> bool:
        """Whether a time stamp lies behind what is read of the clip."""
        return self.end_s is not None and time_s >= self.end_s


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a clip by its own clock, which starts at 0.

    Attributes:
        start_s: the first picture is the one that is shown then.
        end_s: pictures from here on are left out; ``None`` for the clip's end.
    """

    start_s: float = 0.0
    end_s: float | None = None

    def __post_init__(self) -> None:
        if not self.start_s >= 0 or (self.end_s is not None and not self.end_s > self.start_s):
            raise OptionError(
                f"A part from {self.start_s} to {self.end_s} seconds was asked for; wanted a start of 0 or more, and an end "
                "after it."
            )

    @property
    def is_whole(self) -> bool:
        return self.start_s == 0 and self.end_s is None

    def holds(self, time_s: float, duration_s: float) -> bool:
        """Whether something shown from ``time_s`` on for a while belongs to the part; half of the while decides."""
        return time_s + duration_s / 2 >= self.start_s and not self.is_over(time_s)

    def is_over(self, time_s: float) -> bool:
        """Whether the part ends at or before a time."""
        return self.end_s is not None and time_s >= self.end_s - 1e-6


WHOLE = Part()


class Clip(Protocol):
    """An open clip.

    Attributes:
        info: what is known beforehand.
        truncated: set while reading, when the clip ends before it should or cannot be read on.
        damaged: packets that could not be decoded and were left out.
        container: PyAV's input container, for streams that are copied; ``None`` for animations and images.
        stream: the container's video stream, or ``None``.
    """

    info: ClipInfo
    truncated: bool
    damaged: int
    container: Any
    stream: Any

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """Frames in order of display.

        Args:
            on_packet: given each packet of an audio or subtitle stream as it comes.
        """
        ...

    def close(self) -> None: ...
