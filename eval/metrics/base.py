"""What every metric states about itself, and the checks that all of them begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.types import Image, Mask

from .sample import Sample

JudgeKind = Literal["recogniser", "pose", "expression", "shape", "gaze", "none"]
JUDGE_KINDS: tuple[JudgeKind, ...] = get_args(JudgeKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """Everything a reader needs beside the number.

    Attributes:
        key: name in records; ``key@judge`` where a judge measures it.
        label: column head.
        unit: unit of the printed value; empty for a pure number.
        higher_is_better: direction; ``None`` where neither end is good by itself.
        worst: what a failed swap, or a swapped image in which the judge finds no face, counts as.
        judge_kind: which judges give it, each in a column of its own.
        definition: one sentence.
        source: where the metric comes from.
        scale: factor from record to table (100 for rates printed in per cent).
        decimals: digits printed.
        headline: whether the short table shows it.
        clips_only: whether only pairs of consecutive frames have it; without any the column is left out.
        occluders_only: whether only runs whose targets are drawn on have it (``--occluders``); others leave the column out.
        needs_people: whether it makes sense only where the pair list says who is who; others leave the column out.
        is_rate: whether a pair has 0 or 1, and the column is a share.
        shown: how the mean over pairs is printed: as it is, or a mean squared error as decibels of its peak, 255.
    """

    key: str
    label: str
    unit: str = ""
    higher_is_better: bool | None
    worst: float
    judge_kind: JudgeKind = "none"
    definition: str
    source: str
    scale: float = 1.0
    decimals: int = 2
    headline: bool = True
    clips_only: bool = False
    occluders_only: bool = False
    needs_people: bool = False
    is_rate: bool = False
    shown: Literal["mean", "decibels"] = "mean"


# What metrics need, as attributes of a sample: references first.
PIXELS = ("target_face", "swapped")
FACES = ("target_face", "swapped_face")
WHOLE = ("target_face", "source", "swapped", "swapped_face")
IDENTITY = ("target_face", "source_vector", "target_vector", "swapped_vector")
TARGET_VECTORS = ("target_face", "target_vector", "swapped_vector")
SOURCE_VECTORS = ("target_face", "source_vector", "swapped_vector")


@dataclass(frozen=True, slots=True)
class OverClip:
    """How a number comes from all frames of a clip.

    Attributes:
        reading: the openings it is made of, by their name in records (:data:`eval.metrics.motion.READINGS`).
        judge_kind: of the judges whose first gives the reading; ``none`` where landmarks give it.
        reduce: ``(N,)`` of the target and ``(N,)`` of the swapped clip, ``NaN`` where no swapped face is -> a number.
    """

    reading: str
    reduce: Callable[[NDArray[np.float64], NDArray[np.float64]], float]
    judge_kind: str = "none"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: what it states, and the function that measures one pair. Own ones and those of other packages alike.

    Attributes:
        spec: the statement.
        measure: one finite number of a :class:`~eval.metrics.sample.Sample`. A
            :class:`~eval.metrics.sample.NoReferenceError` that it raises means that nobody can be measured in this pair; any
            other error about the images, such as ``NoFaceError``, counts as ``spec.worst``. ``None`` where no single pair has
            a value: the Frechet distance, what is measured over clips, and LPIPS without its network.
        needs: attributes of the sample without which there is nothing to measure, in the order in which they are missed.
        over_clip: of a number that a whole clip has and no single frame.
    """

    spec: MetricSpec
    measure: Callable[[Sample], float] | None
    needs: tuple[str, ...] = WHOLE
    over_clip: OverClip | None = None


def check_image_pair(first: Image, second: Image) -> None:
    """Both must be RGB uint8 of one size.

    Raises:
        OptionError: saying what was got.
    """
    for name, image in (("first", first), ("second", second)):
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise OptionError(f"The {name} image is {got}; wanted uint8 (H, W, 3) RGB.")
    if first.shape != second.shape:
        raise OptionError(f"The images differ in size: {first.shape[:2]} and {second.shape[:2]}; compare equal sizes.")


def check_mask(mask: Mask, image: NDArray[np.generic]) -> None:
    """A mask must be as large as its image, lie in [0, 1] and select something."""
    if mask.shape != image.shape[:2]:
        raise OptionError(f"The mask is {mask.shape}; wanted {image.shape[:2]}, the size of the image.")
    if not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
        raise OptionError(f"The mask reaches from {mask.min()} to {mask.max()}; wanted [0, 1].")
    if float(mask.sum()) == 0.0:
        raise OptionError("The mask selects no pixel; nothing can be measured there.")


def check_vector_pair(first: NDArray[np.floating], second: NDArray[np.floating]) -> None:
    """Both must be finite vectors of one length."""
    for name, vector in (("first", first), ("second", second)):
        if np.ndim(vector) != 1 or np.size(vector) == 0 or not np.isfinite(vector).all():
            raise OptionError(f"The {name} vector has shape {np.shape(vector)} or is not finite; wanted (D,) finite.")
    if np.shape(first) != np.shape(second):
        raise OptionError(f"The vectors have {np.size(first)} and {np.size(second)} entries; wanted equal lengths.")
