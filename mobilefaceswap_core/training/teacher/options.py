"""Options of the program ``teacher``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..data.options import DataOptions
from ..loop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class TeacherLosses:
    """Weights of the teacher's losses, from the prototype's GPU run (teacher version 0)."""

    identity: float = 12.0
    reconstruction: float = 10.0
    adversarial: float = 1.0
    feature_matching: float = 3.0
    landmarks: float = 0.6
    mask: float = 2.0
    perceptual: float = 0.5
    r1: float = 4.0


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """Program ``teacher``.

    Attributes:
        start: ``shipped``, ``scratch``, or a safetensors file.
        recogniser: of the identity loss: ``shipped``, ``second`` or an ONNX file. The generator itself always reads
            the shipped one.
        landmarks: ``shipped`` or a file of the program ``landmarks``; needed unless that loss is 0.
        same_identity: fraction of a batch whose source is another photo of the target's person.
        snapshots: generators kept over the run for the quality network.
        width: channels of the generator; another than this starts from scratch only.
        blocks: of the generator; the same holds.
        discriminator_width: channels of its first layer.
    """

    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(batch=48, learning_rate=3e-4, betas=(0.0, 0.99), ema=0.999)
    )
    data: DataOptions = field(default_factory=DataOptions)
    losses: TeacherLosses = field(default_factory=TeacherLosses)
    start: str = "shipped"
    recogniser: str = "shipped"
    landmarks: str = ""
    same_identity: float = 0.25
    snapshots: int = 10
    width: int = 48
    blocks: int = 6
    discriminator_width: int = 64
    perceptual: str = "recogniser"
