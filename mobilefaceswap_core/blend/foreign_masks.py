"""XSeg and BiSeNet in the place of our own masks: what hides a face, and where its parts are.

Known deviations from facefusion, whose contracts these are: both look at the target's crop, where facefusion shows BiSeNet
the swapped one; in clips the answers are averaged over time as ours are, and edges of large faces follow the picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import CropSpec, Image, Mask, Region
from .occlusion import CERTAINLY_HIDDEN, CERTAINLY_VISIBLE
from .stage_network import StageNetwork

# Classes of CelebAMask-HQ in the order that BiSeNet's scores have (facefusion's `face_mask_region_set`): 1 skin, 2 3 brows,
# 4 5 eyes, 10 nose, 11 mouth, 12 13 lips. Skin holds the nose, as it does where landmarks tell the parts.
PARTS: dict[Region, tuple[int, ...]] = {
    "skin": (1, 10),
    "brows": (2, 3),
    "eyes": (4, 5),
    "nose": (10,),
    "mouth": (11, 12, 13),
}
FACE = tuple(
    sorted({label for labels in PARTS.values() for label in labels})
)  # the rest hides it: glasses (6), hat, hair
_BLUR_PX = 5  # of the crop: facefusion smooths every mask by a Gaussian of this standard deviation


class ForeignOccluder:
    """A published network that answers as :class:`~.occlusion.OcclusionModel` does.

    Args:
        network: of the role ``occluder`` or ``parser``.
    """

    def __init__(self, network: StageNetwork) -> None:
        self._network = network
        self.crop: CropSpec | None = network.contract.crop

    def __call__(self, target: Image) -> Mask:
        """What hides a face, on the scale of :func:`~.occlusion.visible_weight`, which makes the contract's mask of it.

        Args:
            target: ``(S, S, 3)`` RGB uint8, the swapper's crop.

        Returns:
            ``(S, S)`` float32.
        """
        output = self._network(target)
        visible = output[0] if self._network.contract.output == "visible" else _is_one_of(output, FACE)
        shown = _smoothed(visible, len(target))
        return CERTAINLY_HIDDEN - np.float32(CERTAINLY_HIDDEN - CERTAINLY_VISIBLE) * shown


class ForeignParts:
    """The parts of one face as a parser sees them.

    Args:
        network: of the role ``parser``.
        target: ``(S, S, 3)`` RGB uint8, the swapper's crop.
    """

    def __init__(self, network: StageNetwork, target: Image) -> None:
        self._scores, self._side = network(target), len(target)

    def __call__(self, region: Region) -> Mask:
        """One part as ``(S, S)`` float32, 1 inside."""
        return _smoothed(_is_one_of(self._scores, PARTS[region]), self._side)


def _is_one_of(scores: NDArray[np.float32], labels: Iterable[int]) -> Mask:
    """Where the best of the scores ``(C, S, S)`` is one of some labels."""
    return np.isin(scores.argmax(0), list(labels)).astype(np.float32)


def _smoothed(mask: Mask, side: int) -> Mask:
    """A mask at the crop's side: blurred, and its upper half stretched, so that the soft edge lies inside."""
    sized: Any = cv2.resize(np.clip(mask, 0, 1), (side, side))
    return (np.clip(cv2.GaussianBlur(sized, (0, 0), _BLUR_PX), 0.5, 1) - np.float32(0.5)) * 2
