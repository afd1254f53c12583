"""The hidden mark as the last stage of finishing a crop.

Whoever reads the mark cuts the face out as :data:`~.carriers.MARK_CROP` says. A swapped crop of another template or fit is
therefore brought to that crop, marked there, and the change is brought back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from ..blend.finishing import Finishing, Stage
from ..faces.geometry import (
    compose,
    crop_of_contract,
    invert,
    side_in_frame,
    warp,
)
from ..swapper import SwapperInfo
from ..types import CropSpec, Image, Mask, Matrix
from .carriers import MARK_CROP
from .mark import MarkOptions, mark_crop, mark_next_crop


def marking_stage(info: SwapperInfo, options: MarkOptions, *, moving: bool = False) -> Stage | None:
    """Hide the mark in a crop before it is pasted; ``None`` where no watermark was chosen.

    Args:
        info: of the swapper; the mark names it.
        options: see :class:`~.mark.MarkOptions`.
        moving: for a clip or live frames: stronger, without a search.
    """
    if not options.watermark:
        return None

    def run(face: Finishing) -> Finishing:
        def mark(crop: Image, weight: Mask, side_px: float) -> Image:
            if face.memory is None:
                return mark_crop(crop, weight, side_px, model=info.name, moving=moving)
            marked, face.memory.mark = mark_next_crop(crop, weight, side_px, face.memory.mark, model=info.name)
            return marked

        place = face.crop_from_frame
        return replace(face, pixels=mark_aligned(mark, face.pixels, face.weight, spec=info.crop, crop_from_frame=place))

    return Stage("mark", run)


def mark_aligned(
    mark: Callable[[Image, Mask, float], Image], crop: Image, weight: Mask, *, spec: CropSpec, crop_from_frame: Matrix
) -> Image:
    """Mark a swapped crop at the place where a reader will look for the mark.

    Args:
        mark: such as :func:`~mobilefaceswap_core.marking.mark_crop`; takes a crop of :data:`MARK_CROP`, its weight,
            and its side in the frame in px.
        crop: ``(S, S, 3)`` RGB uint8; S may be another than the contract's size.
        weight: ``(S, S)`` float32, what the crop will be pasted with.
        spec: how the crop was cut out.
        crop_from_frame: ``(2, 3)`` matrix that cut it out.

    Returns:
        A new crop. One of another template or fit (the authors' weights take an affine fit) is carried over to the
        reader's crop, marked there, and the change is carried back; pixels with weight 0 stay as they are.
    """
    spec = replace(spec, size_px=len(crop))  # finishing may have enlarged it
    if (spec.template, spec.fit) == (MARK_CROP.template, MARK_CROP.fit):
        return mark(crop, weight, side_in_frame(crop_from_frame, len(crop)))
    mark_from_crop = compose(crop_of_contract(crop_from_frame, spec, MARK_CROP), invert(crop_from_frame))
    size = (MARK_CROP.size_px, MARK_CROP.size_px)
    carried = warp(crop, mark_from_crop, size, border=cv2.BORDER_REPLICATE)
    there = np.clip(warp(weight, mark_from_crop, size), 0, 1)
    side_px = side_in_frame(compose(mark_from_crop, crop_from_frame), MARK_CROP.size_px)
    change = mark(carried, there, side_px).astype(np.float32) - carried
    back = warp(change, invert(mark_from_crop), crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    changed = np.clip(np.rint(crop + back), 0, 255).astype(np.uint8)
    return np.where(weight[..., None] > 0, changed, crop)
