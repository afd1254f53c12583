"""Options of the program ``encoder``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..data.options import DataOptions
from ..loop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Program ``encoder``: a small recogniser distilled from ``recogniser`` (``shipped``, ``second`` or an ONNX file)."""

    loop: LoopOptions = field(default_factory=lambda: LoopOptions(batch=64, learning_rate=3e-3, ema=0.999))
    data: DataOptions = field(default_factory=DataOptions)
    recogniser: str = "shipped"
    feature_map: float = 0.4
    relations: float = 20.0
