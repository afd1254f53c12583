"""Drawn beards and moustaches. They are face, not occluders: a swap redraws them.

The other choice would keep the target's beard on the source's face. A beard grows out of the skin that is replaced and
moves with the mouth; kept, it ends where the mask ends and looks glued on. So its label is "face" wherever it grows.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from ...faces.landmarks68 import JAW, LEFT_MOUTH, NOSE_OUTLINE, OUTER_LIPS, RIGHT_MOUTH
from ...types import Points
from .layers import Float, Layer, filled, noise
from .occluders import HAIR

_UPPER_LIP, _LOWER_LIP = slice(48, 55), slice(54, 61)  # corner to corner, past the end back to the first


def beard(rng: Generator, landmarks: Points, side: int) -> Layer:
    """Stubble, a moustache, a goatee or a full beard, of any hair colour."""
    kind = str(rng.choice(["moustache", "goatee", "full"], p=[0.3, 0.2, 0.5]))
    area = _moustache(landmarks, side) if kind != "full" or rng.random() < 0.85 else np.zeros((side, side), np.float32)
    if kind != "moustache":
        area = np.maximum(area, _below(rng, landmarks, side, narrow=kind == "goatee"))
    lips = filled(landmarks[OUTER_LIPS], side, soft=side * 0.004)
    area = cv2.GaussianBlur(area, (0, 0), side * rng.uniform(0.006, 0.02)) * (1 - lips)
    # Hairs: noise that is short across and long down the face.
    grain = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 0.6, sigmaY=side * 0.012)
    hairs = grain / np.float32(max(float(grain.std()), 1e-6))
    density = rng.uniform(0.25, 0.95)  # stubble to full
    opacity = np.clip(area * (density + 0.22 * hairs + noise(rng, side, deviation=2.0, width=0.02)), 0, 1) * (
        area > 0.03
    )
    base = HAIR[rng.integers(len(HAIR))] * rng.uniform(0.6, 1.5)
    colour = np.clip(base * (1 + 0.25 * np.roll(hairs, 3, 1))[..., None], 0, 255)
    return Layer(colour.astype(np.float32), opacity.astype(np.float32), np.zeros((side, side), np.float32))


def _moustache(landmarks: Points, side: int) -> Float:
    upper = landmarks[_UPPER_LIP]
    nostrils = landmarks[NOSE_OUTLINE[1:]]
    return filled(np.concatenate([upper, nostrils[::-1] * 0.85 + upper.mean(0) * 0.15]), side)


def _below(rng: Generator, landmarks: Points, side: int, *, narrow: bool) -> Float:
    lower = np.concatenate([landmarks[_LOWER_LIP], landmarks[[LEFT_MOUTH]]])
    if narrow:
        chin = landmarks[JAW][6:11]
        return filled(np.concatenate([lower[::-1], chin[::-1]]), side)
    first = int(rng.integers(1, 4))
    jaw = landmarks[JAW][first : 17 - first]
    high = rng.uniform(0.25, 0.6)  # of the way from the jaw's upper end to the corner of the mouth
    cheeks = [jaw[k] * (1 - high) + landmarks[corner] * high for k, corner in ((-1, RIGHT_MOUTH), (0, LEFT_MOUTH))]
    around = np.concatenate(
        [jaw, [cheeks[0], landmarks[RIGHT_MOUTH]], landmarks[[33]], [landmarks[LEFT_MOUTH], cheeks[1]]]
    )
    return filled(around, side)
