"""Options of the program ``detail``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..data.options import DataOptions
from ..loop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class DetailWeights:
    """Weights of the losses.

    Attributes:
        pixels: mean absolute difference of luma to the answer.
        gradients: the same of its slopes: edges count, not shades.
        energy: difference in how much fine detail there is, patch by patch. A mean of what may be there is soft, and costs
            the first two nothing.
    """

    pixels: float = 20.0
    gradients: float = 30.0
    energy: float = 60.0


@dataclass(frozen=True, slots=True)
class DetailConfig:
    """Program ``detail``: a soft face becomes sharp by the fine detail of another picture of about the same features.

    Attributes:
        loop: how long and how.
        data: the faces; ``size_px`` is twice the side that the network reads.
        start: ``shipped``, ``scratch``, or a file of this program.
        others: share of samples whose guide shows another person, with its features brought near the answer's. The rest are
            guided by the answer's own photo, its features displaced.
        soft: number of crops whose soft version is the student's swap of a face onto itself; others are blurred.
        window_px: side of what is looked at, a multiple of 16.
        losses: their weights.
    """

    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(batch=8, learning_rate=2e-3, ema=0.998, clip_norm=5.0, steps=20_000)
    )
    data: DataOptions = field(default_factory=lambda: DataOptions(size_px=448))
    start: str = "shipped"
    others: float = 0.5
    soft: int = 200
    window_px: int = 192
    losses: DetailWeights = field(default_factory=DetailWeights)
