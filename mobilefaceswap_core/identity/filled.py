"""What is left of a source's glasses once they are filled with skin.

The recogniser still reads the flat bands where rims were as something on the nose: a faint wire came with every second pair of
glasses. On average it sees the same in all faces, so that much is taken off the feature map that a person's kernels are
predicted from. The embedding stays as it is: what a person looks like lies there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..types import AlignedFace

NAME = "feature_map"
# ``(512, 7, 7)`` in 16 bits: ``python -m mobilefaceswap_core.training.data.filled_glasses``.
LEFT = Path(__file__).with_name("filled_glasses.safetensors")


@cache
def left_by_glasses() -> NDArray[np.float32]:
    """``(512, 7, 7)``, read-only: how a feature map of the recogniser that ships differs where glasses were filled."""
    from safetensors.numpy import load_file

    left: NDArray[np.float32] = load_file(LEFT)[NAME].astype(np.float32)
    left.flags.writeable = False
    return left


def filled_share(faces: Sequence[AlignedFace]) -> float:
    """In how many of a person's photos glasses were filled, 0 to 1."""
    return sum(face.glasses_filled for face in faces) / max(len(faces), 1)
