"""What filled glasses leave behind in the recogniser's feature map.

    python -m mobilefaceswap_core.training.data.filled_glasses PACK.npz filled_glasses.safetensors

Clear glasses are drawn on faces without any, found and filled as those of a source are, and the feature maps compared with
those of the faces as they were: the mean of the differences.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from ...blend.occlusion import load_occlusion
from ...faces.geometry import template_points
from ...files.atomic import write_bytes
from ...files.packs import read_pack
from ...identity.encoder import load_identity_encoder, to_unit_tensor
from ...identity.filled import NAME
from ...identity.glasses import fill_in, find_glasses
from ...types import CropSpec, Image, Points
from ..occlusion.glasses import glasses
from ..occlusion.layers import composite

FACES = 2000  # of the pack that are tried, evenly spread
_CLEAR = 0.2  # opacity of lenses up to which nobody would call them dark


def left_behind(pack: Path, *, faces: int = FACES, seed: int = 1) -> tuple[NDArray[np.float32], int]:
    """``(512, 7, 7)``, and of how many faces.

    Args:
        pack: crops as training reads them, with landmarks.
        faces: of the pack that are tried.
        seed: of the glasses.
    """
    occlusion, encoder, spec = load_occlusion(), load_identity_encoder(), CropSpec()
    eyes, rng, known = template_points(spec)[:2], np.random.default_rng(seed), read_pack(pack)
    differences = []
    for index in np.linspace(0, len(known) - 1, min(faces, len(known))).astype(int):
        face = known.decode(index, spec.size_px)
        before = find_glasses(occlusion(face), eyes)
        with_glasses = worn(face, known.landmarks[index] * spec.size_px, rng)
        if with_glasses is None or before.rims is not None or before.covered is not None:
            continue
        rims = find_glasses(occlusion(with_glasses), eyes).rims
        if rims is None:
            continue
        pair = torch.from_numpy(np.stack([face, fill_in(with_glasses, rims, eyes)]))
        with torch.inference_mode():
            without, filled = encoder(to_unit_tensor(pair, "cpu"))[1].numpy()
        differences.append(filled - without)
    shape = (512, 7, 7)
    return (np.mean(differences, axis=0) if differences else np.zeros(shape)).astype(np.float32), len(differences)


def worn(face: Image, landmarks: Points, rng: np.random.Generator) -> Image | None:
    """The face with drawn glasses, ``None`` where their lenses came out dark.

    Args:
        face: ``(S, S, 3)`` RGB uint8; not changed.
        landmarks: ``(68, 2)`` px.
        rng: draws them.
    """
    layers = glasses(rng, landmarks, len(face))
    if layers[0].opacity.max() > _CLEAR:
        return None
    picture = face.astype(np.float32)
    for layer in layers:
        picture = composite(picture, layer)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def main() -> None:
    """Write the map and say of how many faces it is."""
    pack, path = map(Path, sys.argv[1:])
    mean, count = left_behind(pack)
    write_bytes(path, save({NAME: mean.astype(np.float16)}))
    print(f"{path}: the mean of {count} faces")


if __name__ == "__main__":
    main()
