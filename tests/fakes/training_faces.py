"""Small packs of noise with the landmarks of a schematic face, and a teacher of them, for the training tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mobilefaceswap_core.errors import NoFaceError
from mobilefaceswap_core.files.packs import Pack, pack_from_crops
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.training.data.faces import Faces, faces_from_packs
from mobilefaceswap_core.training.student.cache import StoredPairs, load_pairs, make_pairs
from mobilefaceswap_core.training.student.options import PairOptions
from mobilefaceswap_core.types import CropSpec, SwappedCrop

LOOSE = PairOptions(count=12, motion=False, workers=1)  # noise has no eyes to follow


def schematic_face() -> np.ndarray:
    """A schematic frontal face, fractions of the crop; mirror-symmetric."""
    points = np.zeros((68, 2))
    angle = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([0.5 + 0.35 * np.cos(angle), 0.5 + 0.42 * np.sin(angle)], 1)
    points[17:27] = np.stack([np.linspace(0.25, 0.75, 10), np.full(10, 0.36)], 1)
    points[27:31] = np.stack([np.full(4, 0.5), np.linspace(0.44, 0.6, 4)], 1)
    points[31:36] = np.stack([np.linspace(0.44, 0.56, 5), np.full(5, 0.64)], 1)
    for start, x in ((36, 0.35), (42, 0.65)):
        turn = np.linspace(np.pi, -np.pi, 6, endpoint=False)
        points[start : start + 6] = np.stack([x + 0.06 * np.cos(turn), 0.45 - 0.02 * np.sin(turn)], 1)
    for start, count, radius in ((48, 12, 0.12), (60, 8, 0.08)):
        turn = np.linspace(np.pi, -np.pi, count, endpoint=False)
        points[start : start + count] = np.stack([0.5 + radius * np.cos(turn), 0.8 - 0.03 * np.sin(turn)], 1)
    return points


def noise_crops(count: int, side: int = 32) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in small]


def noise_pack(labels: list[str], name: str = "p", side: int = 32) -> Pack:
    return pack_from_crops(name, noise_crops(len(labels), side), np.stack([schematic_face()] * len(labels)), labels)


def noise_faces(labels: list[str], name: str = "p") -> Faces:
    return faces_from_packs([noise_pack(labels, name)], [1.0], size_px=32)


def stored(folder: Path, faces: Faces, *, hold_out: float = 0.3) -> StoredPairs:
    """Pairs of a teacher that copies, made in a folder."""
    make_pairs(faces, [Copier("swaps")], load_identity_encoder(faces.device), folder, LOOSE, hold_out=hold_out, seed=1)
    return load_pairs(folder, faces, hold_out=hold_out, seed=1)


class Copier:
    """A teacher that returns the source, and refuses sources darker than a limit."""

    def __init__(self, name: str, *, refuses: float = 0.0) -> None:
        self.info = SwapperInfo(name, name, CropSpec(32), "none", "test", match_colours=False)
        self._refuses = refuses

    def condition(self, sources):
        if sources[0].image.mean() < self._refuses:
            raise NoFaceError("covered")
        return sources[0].image

    def swap(self, targets, conditions):
        ones = np.ones(targets[0].image.shape[:2], np.float32)
        return [SwappedCrop(condition, ones) for condition in conditions]
