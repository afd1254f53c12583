"""From a swapped crop to what is pasted: an ordered tuple of named stages, each a pure function of one value.

A new stage is a function in a file of its own, an option in :class:`FinishOptions`, and a line in :data:`STAGES`. Stills,
clips, live frames and the training's measurements all run the same tuple, or the part of it that they name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..swapper import SwapperInfo
from ..types import AlignedFace, Image, Mask, Matrix, SwappedCrop
from .colour import match_colours
from .detail import match_detail
from .limits import MaskLimits, limit_weight
from .mask import MaskOptions, refine_mask


@dataclass(frozen=True, slots=True, eq=False)
class Finishing:
    """A swapped crop on its way into the frame.

    Attributes:
        pixels: ``(S, S, 3)`` RGB uint8, what will be pasted.
        weight: ``(S, S)`` float32 in [0, 1]; the swapper's own mask at first.
        target: the face it was made for, cut out the same way.
        crop_from_frame: ``(2, 3)``, the frame to ``pixels``.
    """

    pixels: Image
    weight: Mask
    target: AlignedFace
    crop_from_frame: Matrix


Run = Callable[[Finishing], Finishing]


class Stage(NamedTuple):
    """One step: its name, as reports say it, and its function."""

    name: str
    run: Run


@dataclass(frozen=True, slots=True)
class FinishOptions:
    """What happens between a swapped crop and the frame.

    Attributes:
        match_colours: bring the swapped face to the target's colours; ``None`` leaves it to the swapper.
        match_detail: strengthen its fine detail to the target's; ``None`` leaves it to the swapper.
        mask: how a network's mask becomes a weight.
        limits: where a swap may show besides that.
    """

    match_colours: bool | None = None
    match_detail: bool | None = None
    mask: MaskOptions = field(default_factory=MaskOptions)
    limits: MaskLimits = field(default_factory=MaskLimits)


def _colour(info: SwapperInfo, options: FinishOptions) -> Run | None:
    if not (info.match_colours if options.match_colours is None else options.match_colours):
        return None
    return lambda face: replace(face, pixels=match_colours(face.pixels, face.target.image, face.weight))


def _detail(info: SwapperInfo, options: FinishOptions) -> Run | None:
    if not (info.match_detail if options.match_detail is None else options.match_detail):
        return None
    return lambda face: replace(face, pixels=match_detail(face.pixels, face.target.image, face.weight))


def _mask(info: SwapperInfo, options: FinishOptions) -> Run | None:
    return lambda face: replace(face, weight=refine_mask(face.weight, options.mask))


def _limits(info: SwapperInfo, options: FinishOptions) -> Run | None:
    if options.limits.limits_nothing:
        return None
    return lambda face: replace(face, weight=limit_weight(face.weight, face.target.landmarks, options.limits))


# In the order they run. Colour and detail compare the faces under the swapper's own mask, so they come before it is refined.
# The hidden mark comes last, over all of these; it is the pipeline that adds it (``marking`` knows how).
STAGES: tuple[tuple[str, Callable[[SwapperInfo, FinishOptions], Run | None]], ...] = (
    ("colour", _colour),
    ("detail", _detail),
    ("mask", _mask),
    ("limits", _limits),
)
APPEARANCE = ("colour", "detail")  # what changes the face itself; the rest decides where it shows


def stages(
    info: SwapperInfo, options: FinishOptions = FinishOptions(), *, only: Iterable[str] | None = None
) -> tuple[Stage, ...]:
    """The stages that have something to do.

    Args:
        info: of the swapper whose crops are finished.
        options: see :class:`FinishOptions`.
        only: names to take; all of :data:`STAGES` if not given.
    """
    wanted = {name for name, _ in STAGES} if only is None else set(only)
    made = ((name, make(info, options)) for name, make in STAGES if name in wanted)
    return tuple(Stage(name, run) for name, run in made if run is not None)


def finish(target: AlignedFace, crop: SwappedCrop, steps: Iterable[Stage]) -> Finishing:
    """Run stages in order on one swapped crop.

    Raises:
        OptionError: a stage needs 68 landmarks that the target does not have.
    """
    face = Finishing(crop.image, crop.mask, target, target.crop_from_frame)
    for step in steps:
        face = step.run(face)
    return face


def swapped_crop(target: AlignedFace, crop: SwappedCrop, info: SwapperInfo) -> Image:
    """The swap as a crop of its own: matched as the swapper asks for, laid over the target by the swapper's own mask.

    Returns:
        ``(S, S, 3)`` RGB uint8; what networks are trained on and compared by.
    """
    face = finish(target, crop, stages(info, only=APPEARANCE))
    alpha = face.weight[..., None]
    return np.clip(np.rint(face.pixels * alpha + target.image * (1 - alpha)), 0, 255).astype(np.uint8)
