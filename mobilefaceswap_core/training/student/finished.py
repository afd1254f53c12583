"""A student's output as viewers of a clip see it: with the target's gaze, lids and mouth brought back.

Those parts carry likeness, and the finish takes it away again. An identity loss that sees the output without them asks for
likeness in eyes that nobody will see; one that sees it as it is shown asks for likeness in what stays the swapper's.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...blend.gaze import DARK, LARGEST_EXPONENT, MEANS, gaze_weights
from ...blend.lids import closing, lids_weight
from ...blend.luma import LUMA
from ...blend.mouth import mouth_share, mouth_weight

_DARKEST = 1 / 255  # as there: darker pixels are not divided by


def shown_weights(landmarks: NDArray[np.floating], size_px: int) -> NDArray[np.float32]:
    """Where the target shows in a finished swap, ``(N, 3, S, S)``: its light in the left and in the right eye of the image;
    itself at closing lids and mouth.

    Args:
        landmarks: ``(N, 68, 2)`` of the targets, fractions of the crop.
        size_px: the crop's side.
    """
    weights = np.empty((len(landmarks), 3, size_px, size_px), np.float32)
    for own, (*eyes, back) in zip(landmarks.astype(np.float64) * size_px, weights, strict=True):
        for eye, weight in zip(eyes, gaze_weights(own, size_px), strict=True):
            eye[:] = weight
        mouth = mouth_weight(own, mouth_share(own), size_px)
        back[:] = np.maximum(lids_weight(own, closing(own), size_px), mouth)
    return weights


def as_shown(swapped: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """What :func:`~mobilefaceswap_core.blend.gaze.bring_back_gaze` and the stages after it make of an output, with gradients.

    Every eye stays as light as it is; closed ones, which do not, are covered by the target's lids.

    Args:
        swapped: ``(N, 3, S, S)`` in [0, 1].
        target: the same.
        weights: ``(N, 3, S, S)``, see :func:`shown_weights`.
    """
    eyes, back = weights.split([2, 1], 1)
    before, light = _grey(swapped), _grey(target)
    whole = eyes.sum((2, 3), keepdim=True)
    own, wanted = (((x * eyes).sum((2, 3), keepdim=True) / whole.clamp(min=1)).clamp(*MEANS) for x in (before, light))
    tones = (own.log() / wanted.log()).clamp(1 / LARGEST_EXPONENT, LARGEST_EXPONENT)
    change = ((light**tones - before) * eyes).sum(1, keepdim=True)
    darker = swapped * (1 + change / before.clamp(min=_DARKEST))
    colour = (target + DARK / 255) / (light + DARK / 255)
    looking = torch.where(change < 0, darker, swapped + change * colour)
    return torch.lerp(looking, target, back)


def _grey(images: Tensor) -> Tensor:
    return (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
