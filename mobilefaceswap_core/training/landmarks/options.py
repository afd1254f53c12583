"""Options of the program ``landmarks``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..data.options import DataOptions
from ..loop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class LandmarksConfig:
    """Program ``landmarks``: a differentiable landmark network for the consistency losses of teacher and student."""

    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(batch=64, learning_rate=2e-3, ema=0.999, steps=20_000)
    )
    data: DataOptions = field(default_factory=DataOptions)
    width: int = 32
