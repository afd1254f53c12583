"""A student's output as viewers of a clip see it: with the target's gaze, lids and mouth brought back.

Those parts carry likeness, and the finish takes it away again. An identity loss that sees the output without them asks for
likeness in eyes that nobody will see; one that sees it as it is shown asks for likeness in what stays the swapper's.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...blend.gaze import gaze_weight
from ...blend.lids import closing, lids_weight
from ...blend.mouth import mouth_share, mouth_weight

_GREY = (0.299, 0.587, 0.114)  # luma of OpenCV's grey, which the stage `gaze` works on
_DARKEST = 1 / 255  # as there: darker pixels are not divided by


def shown_weights(landmarks: NDArray[np.floating], size_px: int) -> NDArray[np.float32]:
    """Where the target shows in a finished swap, ``(N, 2, S, S)``: its light in the eyes; itself at closing lids and mouth.

    Args:
        landmarks: ``(N, 68, 2)`` of the targets, fractions of the crop.
        size_px: the crop's side.
    """
    weights = np.empty((len(landmarks), 2, size_px, size_px), np.float32)
    for own, (gaze, back) in zip(landmarks.astype(np.float64) * size_px, weights, strict=True):
        gaze[:] = gaze_weight(own, size_px)
        mouth = mouth_weight(own, mouth_share(own), size_px)
        back[:] = np.maximum(lids_weight(own, closing(own), size_px), mouth)
    return weights


def as_shown(swapped: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """What :func:`~mobilefaceswap_core.blend.gaze.bring_back_gaze` and the stages after it make of an output, with gradients.

    Args:
        swapped: ``(N, 3, S, S)`` in [0, 1].
        target: the same.
        weights: ``(N, 2, S, S)``, see :func:`shown_weights`.
    """
    gaze, back = weights.split(1, 1)
    before, wanted = _grey(swapped), _grey(target)
    change = (wanted - before) * gaze
    darker = swapped * (1 + change / before.clamp(min=_DARKEST))
    looking = torch.where(change < 0, darker, swapped + change)
    return torch.lerp(looking, target, back)


def _grey(images: Tensor) -> Tensor:
    return (images * images.new_tensor(_GREY)[:, None, None]).sum(1, keepdim=True)
