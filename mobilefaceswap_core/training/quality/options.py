"""Options of the program ``quality``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..data.options import DataOptions
from ..loop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """Program ``quality``: regress the fraction of teacher training from images of ``snapshots``."""

    loop: LoopOptions = field(default_factory=lambda: LoopOptions(batch=32, learning_rate=1e-3, steps=5_000))
    data: DataOptions = field(default_factory=DataOptions)
    snapshots: str = ""
    width: int = 64
