"""Choices of a video job."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..options import SwapOptions
from .tracking import KEY_INTERVAL
from .writer import EncodeOptions


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """Choices of a video job.

    Attributes:
        encode: how frames are written.
        swap: as for stills.
        faces: which faces one source goes to; a mapping by person chooses by itself.
        smooth: calm the landmarks over time.
        key_interval: frames from one detection to the next.
        batch: frames whose faces go through the network together; ``None``: 1 on a CPU, 16 on a GPU.
    """

    encode: EncodeOptions = field(default_factory=EncodeOptions)
    swap: SwapOptions = field(default_factory=SwapOptions)
    faces: Literal["all", "largest"] = "all"
    smooth: bool = True
    key_interval: int = KEY_INTERVAL
    batch: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
