"""The average face, whose eyes stand in for those of a source that are covered.

    python -m mobilefaceswap_core.training.data.average PACK.npz average_face.png

Faces with glasses or covered eyes are left out, as the network that ships sees them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from ...blend.occlusion import load_occlusion
from ...faces.geometry import template_points
from ...files.atomic import write_bytes
from ...files.packs import read_pack
from ...identity.covered import AVERAGE_PX
from ...identity.glasses import find_glasses
from ...types import CropSpec, Image


def average_face(pack: Path) -> tuple[Image, int]:
    """``(64, 64, 3)`` RGB uint8, and of how many faces.

    Args:
        pack: crops as training reads them.
    """
    occlusion, spec = load_occlusion(), CropSpec()
    eyes, total, count = template_points(spec)[:2], np.zeros((spec.size_px, spec.size_px, 3)), 0
    faces = read_pack(pack)
    for index in range(len(faces)):
        face = faces.decode(index, spec.size_px)
        seen = find_glasses(occlusion(face), eyes)
        if seen.rims is None and seen.covered is None:
            total += face
            count += 1
    small = cv2.resize(total / max(count, 1), (AVERAGE_PX, AVERAGE_PX), interpolation=cv2.INTER_AREA)
    return np.rint(small).astype(np.uint8), count


def main() -> None:
    """Write the picture and say of how many faces it is."""
    pack, path = map(Path, sys.argv[1:])
    average, count = average_face(pack)
    _, coded = cv2.imencode(".png", cv2.cvtColor(average, cv2.COLOR_RGB2BGR))
    write_bytes(path, coded.tobytes())
    print(f"{path}: the average of {count} faces")


if __name__ == "__main__":
    main()
