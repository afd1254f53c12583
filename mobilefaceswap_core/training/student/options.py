"""Options of the program ``student`` and of the teacher outputs it learns from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..data.options import DataOptions
from ..loop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class PairOptions:
    """Stored teacher outputs.

    Attributes:
        count: pairs to make.
        teachers: names of ``--model``, or paths of student files; with several, each pair keeps the best output.
        source_yaw: largest difference of the pose signatures of a pair, sideways (see ``pairs.py``).
        source_pitch: the same, up and down.
        frontal: largest yaw signature of a usable face.
        motion: take eyes, closing lids and the inside of an open mouth from the target; see ``motion.py``.
        quality: weights of a quality network (``quality`` program), or empty.
        workers: processes for the graphics baseline alone on a CPU, threads otherwise and for few pairs.
    """

    count: int = 8000
    teachers: tuple[str, ...] = ("graphics",)
    source_yaw: float = 0.08
    source_pitch: float = 0.10
    frontal: float = 0.22
    motion: bool = True
    quality: str = ""
    workers: int = 2


@dataclass(frozen=True, slots=True)
class ReweightOptions:
    """The loss reweighting module; each term can be switched off for an ablation. See ``reweighting.py``."""

    identity: bool = True
    quality: bool = True
    reference: float = 0.36
    low: float = 0.1
    high: float = 1.4


@dataclass(frozen=True, slots=True)
class StudentLosses:
    """Weights of the student's losses; 0 switches a term off and saves its work.

    Defaults: the prototype's run that worked on two cores. The distillation stays in charge: a large identity weight
    gives a small network coloured patterns that please the recogniser and nobody else.
    """

    distil: float = 25.0
    colour: float = 0.0
    gradient: float = 15.0
    detail: float = 0.0
    eyes: float = 0.0
    mouth: float = 0.0
    identity: float = 3.0
    perceptual: float = 3.0
    low_frequency: float = 0.0
    mask: float = 2.0
    landmarks: float = 0.0
    pose: float = 0.0
    adversarial: float = 0.0
    feature_matching: float = 0.0
    r1: float = 4.0
    activation: float = 0.02


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """Program ``student``.

    Attributes:
        start: ``shipped``, ``scratch``, or a safetensors file in the student's layout.
        pairs: stored teacher outputs (written by ``cache``); empty makes them in the run's folder first.
        crop_px: train on windows of this side of the whole crop, at full scale; 0 means whole crops. Windows of 160 hold
            the face and cost half.
        alternate: identity and perceptual loss take turns at twice their weight; a step then runs one network, not two.
        self_pairs: chance of a sample that its source is the target itself.
        recognisers: of the identity loss, taking turns: ``shipped``, ``second``, or ONNX files (see ``onnx_network.py``).
            What pleases one alone need not show the source to any other; what pleases two mostly does. The student itself
            always reads the shipped one.
        identity_grey: chance of a sample that the identity loss sees it without colour. A large identity weight tints eyes
            and lips in ways that please the recogniser; grey pictures do not reward that.
        finished: chance of a sample that the identity loss sees it as clips show it, with the target's gaze, closing lids and
            open mouth brought back by the finish. Likeness then grows where the finish leaves it.
        only_mask: train the mask head alone, on whole crops, everything else frozen. The head reads detached features, so
            the face does not change; a step runs the encoder and the head only. The cheap end of a run on windows.
        mask_background_only: supervise only the background part of the mask, as the paper does.
        perceptual: see ``perceptual.py``.
        perceptual_px: larger images are averaged down to this side for the perceptual loss, the most expensive one.
        landmarks: ``shipped`` or a file of the program ``landmarks``; needed where that loss, the pose loss, the eye loss or
            the mouth loss is not 0.
        discriminator_width: channels of the critic's first layer; it is there where ``losses.adversarial`` or
            ``losses.feature_matching`` is not 0.
        critic_real: what the critic takes for real: ``teacher``, its outputs of the same pairs, or ``photos``, the targets as
            they are; a teacher's seams and softness are then nothing to be learnt from the critic.
    """

    loop: LoopOptions = field(default_factory=LoopOptions)
    data: DataOptions = field(default_factory=DataOptions)
    teacher: PairOptions = field(default_factory=PairOptions)
    reweight: ReweightOptions = field(default_factory=ReweightOptions)
    losses: StudentLosses = field(default_factory=StudentLosses)
    start: str = "shipped"
    pairs: str = ""
    crop_px: int = 0
    alternate: bool = True
    self_pairs: float = 0.125
    recognisers: tuple[str, ...] = ("shipped",)
    identity_grey: float = 0.0
    finished: float = 0.0
    only_mask: bool = False
    mask_background_only: bool = False
    perceptual: str = "recogniser"
    perceptual_px: int = 128
    landmarks: str = ""
    discriminator_width: int = 32
    critic_real: Literal["teacher", "photos"] = "teacher"
