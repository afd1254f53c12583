"""GFPGAN, CodeFormer and GPEN on the swapped face, by their contracts.

Known deviations from facefusion, whose contracts these are: only the swapped face is enhanced, under the weight that it is
pasted with, so what stays the target's stays as it was.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ..faces.geometry import compose, crop_of_contract, invert, warp, warp_to_crop
from ..types import CropSpec, Image, Mask, Matrix
from .paste import paste_back
from .stage_network import StageNetwork

# The border of an enhancer's crop that is not taken, and its fade (standard deviation), as fractions of the side:
# facefusion's box mask at its default blur of 0.3.
_BORDER, _FADE = 0.075, 0.0375


def enhance(
    pixels: Image,
    weight: Mask,
    crop_from_frame: Matrix,
    frame: Image,
    spec: CropSpec,
    network: StageNetwork,
    *,
    strength: float,
    fidelity: float,
) -> Image:
    """The swapped face, drawn anew by an enhancer that sees it in its frame.

    Args:
        pixels: ``(S, S, 3)`` RGB uint8.
        weight: ``(S, S)`` that it will be pasted with.
        crop_from_frame: ``(2, 3)``, the frame to ``pixels``.
        frame: ``(H, W, 3)`` RGB uint8 of the target.
        spec: how the swapper's crop is cut out.
        network: of the role ``enhancer``.
        strength: 0 changes nothing, 1 shows nothing but what the enhancer drew.
        fidelity: for the networks that take one: 1 stays close to the face that is given.

    Returns:
        ``(S, S, 3)`` RGB uint8.
    """
    wanted = network.contract.crop
    assert wanted is not None  # every enhancer has a template
    own_from_frame = crop_of_contract(crop_from_frame, replace(spec, size_px=len(pixels)), wanted)
    own_from_crop = compose(own_from_frame, invert(crop_from_frame))
    seen = warp_to_crop(frame, own_from_frame, wanted.size_px)
    seen = paste_back(seen, pixels, weight, invert(own_from_crop), out=seen)
    drawn = network.written(network(seen, fidelity=fidelity))
    size, crop_from_own = (len(pixels), len(pixels)), invert(own_from_crop)
    there = warp(drawn, crop_from_own, size, border=cv2.BORDER_REPLICATE, interpolation=cv2.INTER_CUBIC)
    share = warp(_inner(wanted.size_px), crop_from_own, size) * np.float32(strength)
    change = cv2.multiply(cv2.subtract(there, pixels, dtype=cv2.CV_32F), cv2.merge([share] * 3))
    return cv2.add(pixels, change, dtype=cv2.CV_8U)  # type: ignore[return-value]


def _inner(side: int) -> Mask:
    """1 in the middle of an enhancer's crop, 0 at its border."""
    mask = np.zeros((side, side), np.float32)
    border = round(_BORDER * side)
    mask[border:-border, border:-border] = 1
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), _FADE * side), np.float32)
