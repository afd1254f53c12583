"""Faces with things over them, and where the face is hidden: a seeded, pure function of crop, landmarks and generator.

The label is a probability: the opacity of what lies over the face, so that a veil that lets half of the face through says
one half, which is how much of the target should stay. It is known only where it is certain: on every occluder, on the
face between jaw and brows, and on the forehead where its pixels have the cheeks' colour (without those nothing would tell
a forehead from hair). Everything else, hair and background, counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...faces.landmarks68 import BROWS, CHIN, JAW, NOSE_TIP, OUTER_LIPS, forehead
from ...types import Image, Points
from .beards import beard
from .glasses import glasses
from .layers import Float, Layer, adapted, composite, filled, moved, shadowed
from .occluders import Cutouts, blob, cup, cutout, fingers, mask, microphone, phone, strands, veil

Area = NDArray[np.bool_]

# How often a crop gets each; what one sees most on photos of faces comes most.
CHANCES = {"beard": 0.25, "glasses": 0.42, "strands": 0.3}
_THINGS = {"cutout": 0.34, "fingers": 0.2, "blob": 0.12, "microphone": 0.08, "phone": 0.08, "cup": 0.06, "mask": 0.06, "veil": 0.06}  # fmt: skip
_CLEAN, _WITH_THING, _TWO_THINGS = 0.1, 0.55, 0.3
_MOVING = 0.12
_VISIBLE_OPACITY = 0.02
_CHEEK_POINTS = [2, 3, 13, 14]
_NOSE_POINTS = [27, 28]
# Lightness varies over a forehead, its tint hardly; deviations of CIELAB levels (8 bit), and how far a pixel may be off.
_LAB_SPREAD, _LAB_LIMIT = np.array([38.0, 11.0, 13.0]), 1.3


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One training sample.

    Attributes:
        image: ``(S, S, 3)`` RGB uint8.
        hidden: ``(S, S)`` float32 in [0, 1].
        known: ``(S, S)`` bool: where ``hidden`` is certain.
    """

    image: Image
    hidden: Float
    known: Area


def face_area(landmarks: Points, side: int) -> Area:
    """Where an aligned face certainly is: between jaw and brows, a little inside of the landmarks."""
    brows = landmarks[BROWS]
    raised = brows + (brows.mean(0) - landmarks[CHIN]) * 0.06
    return _eroded(_hull(np.concatenate([landmarks[JAW], raised]), side), side)


def beardless_area(landmarks: Points, side: int) -> Area:
    """:func:`face_area` above the moustache."""
    area = face_area(landmarks, side)
    low = landmarks[NOSE_TIP] * 0.5 + landmarks[OUTER_LIPS].mean(0) * 0.5
    down = landmarks[CHIN] - landmarks[BROWS].mean(0)
    y, x = np.mgrid[:side, :side]
    return area & ((x - low[0]) * down[0] + (y - low[1]) * down[1] < 0)


def forehead_area(image: Image, landmarks: Points) -> Area:
    """Skin above the brows: the pixels there that have the cheeks' colour."""
    side = len(image)
    rising = forehead(landmarks)
    above = _hull(np.concatenate([landmarks[BROWS], rising[1:-1], (landmarks[[17, 26]] + rising[[0, -1]]) / 2]), side)
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), max(side / 150, 0.3)), cv2.COLOR_RGB2LAB).astype(np.float32)
    inward = landmarks[_CHEEK_POINTS] * 0.6 + landmarks[NOSE_TIP] * 0.4
    half = max(1, side // 56)
    patches = []
    for x, y in np.clip(np.concatenate([inward, landmarks[_NOSE_POINTS]]), half, side - 1 - half).astype(int):
        patches.append(lab[y - half : y + half + 1, x - half : x + half + 1].reshape(-1, 3).mean(0))
    off = (lab - np.median(patches, 0).astype(np.float32)) / _LAB_SPREAD.astype(np.float32)
    skin = ((off**2).sum(2) < _LAB_LIMIT) & above
    size = max(1, side // 45)
    return cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, np.ones((size, size), np.uint8)).astype(bool)


def occlude(
    rng: Generator, image: Image, landmarks: Points, *, texture: Image, cutouts: Cutouts = (), jpeg: bool = True
) -> Sample:
    """Put things over a face.

    Args:
        rng: everything drawn comes from it alone.
        image: ``(S, S, 3)`` RGB uint8, a face that nothing hides.
        landmarks: ``(68, 2)`` px.
        texture: another picture, whose pieces some shapes wear.
        cutouts: RGBA pictures; a drawn shape stands in for them where there are none.
        jpeg: compress some samples.
    """
    side = len(image)
    known = face_area(landmarks, side) | forehead_area(image, landmarks)
    unsure = np.zeros((side, side), bool)
    out, hidden = image.astype(np.float32), np.zeros((side, side), np.float32)
    for kind in _kinds(rng):
        for layer in _layers(rng, kind, out, landmarks, texture, cutouts):
            if layer.lit:
                layer = adapted(rng, layer, out)
            if kind in ("fingers", "cutout", "phone", "cup", "microphone") and rng.random() < _MOVING:
                layer = moved(rng, layer)
            if kind not in ("beard", "strands") and layer.hides.any() and rng.random() < 0.45:
                out = shadowed(rng, out, layer.opacity)
            out = composite(out, layer)
            # Through what is half transparent shows what was there before, hidden or not.
            hidden = 1 - (1 - hidden) * (1 - layer.hides)
            if layer.unsure is not None:
                unsure |= layer.unsure
    pixels = np.clip(out, 0, 255).astype(np.uint8)
    if jpeg and rng.random() < 0.3:
        pixels = _compressed(pixels, int(rng.integers(25, 90)))
    return Sample(pixels, hidden, (known | (hidden > _VISIBLE_OPACITY)) & ~unsure)


def _kinds(rng: Generator) -> list[str]:
    kinds = [kind for kind, chance in CHANCES.items() if rng.random() < chance]
    if rng.random() < _WITH_THING:
        count = 2 if rng.random() < _TWO_THINGS else 1
        kinds += [str(kind) for kind in rng.choice(list(_THINGS), count, p=list(_THINGS.values()))]
    return [] if rng.random() < _CLEAN else kinds


def _layers(
    rng: Generator, kind: str, image: Float, landmarks: Points, texture: Image, cutouts: Cutouts
) -> list[Layer]:
    side = len(image)
    if kind == "glasses":
        return glasses(rng, landmarks, side)
    if kind == "fingers":
        return [fingers(rng, landmarks, image)]  # type: ignore[arg-type]
    if kind == "cutout" and cutouts:
        return [cutout(rng, cutouts[int(rng.integers(len(cutouts)))], landmarks, side)]
    if kind in ("blob", "cutout"):
        return [blob(rng, side, texture)]
    drawn = {"beard": beard, "strands": strands, "microphone": microphone, "mask": mask, "veil": veil, "phone": phone, "cup": cup}  # fmt: skip
    return [drawn[kind](rng, landmarks, side)]


def _compressed(image: Image, quality: int) -> Image:
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])  # type: ignore[index]


def _hull(points: Points, side: int) -> Area:
    return filled(cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64), side) > 0.5


def _eroded(area: Area, side: int) -> Area:
    size = max(1, side // 45)
    kernel: NDArray[Any] = np.ones((size, size), np.uint8)
    return cv2.erode(area.astype(np.uint8), kernel).astype(bool)
