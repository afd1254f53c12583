"""Choices of a video job."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import OptionError
from ..options import SwapOptions
from .writer import EncodeOptions

LEAST_SHORTER_PX = 64  # below this a face of a third of the height is smaller than what is swapped at all


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """Choices of a video job.

    Attributes:
        encode: how frames are written.
        swap: as for stills.
        faces: which faces one source goes to; a mapping by person chooses by itself.
        smooth: calm the landmarks over time.
        key_interval: frames from one detection to the next; ``None``: 4, and 8 while the same faces are found again.
        batch: frames whose faces go through the network together; ``None``: 1 on a CPU, 16 on a GPU.
        shorter_px: larger frames are made smaller before anything is done, until their shorter side has as many pixels;
            ``None`` keeps their size.
        deinterlace: make whole pictures of interlaced ones; they stay interlaced otherwise.
    """

    encode: EncodeOptions = field(default_factory=EncodeOptions)
    swap: SwapOptions = field(default_factory=SwapOptions)
    faces: Literal["all", "largest"] = "all"
    smooth: bool = True
    key_interval: int | None = None
    batch: int | None = None
    shorter_px: int | None = None
    deinterlace: bool = False

    def __post_init__(self) -> None:
        if self.shorter_px is not None and self.shorter_px < LEAST_SHORTER_PX:
            raise OptionError(
                f"Frames with a shorter side of {self.shorter_px} px were asked for; wanted {LEAST_SHORTER_PX} or more."
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
