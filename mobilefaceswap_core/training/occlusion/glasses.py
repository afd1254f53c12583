"""Drawn glasses: frames, clear and dark lenses, reflections."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...faces.landmarks68 import JAW, LEFT_EYE, RIGHT_EYE
from ...types import Points
from .layers import Float, Layer, plain

_FINE = 3  # frames are thin: they are drawn this much larger and averaged down
# A lens darker than this hides the eyes behind it; between the two nobody could say.
_DARK, _CLEAR = 0.55, 0.35
_SUPERELLIPSE = {"round": 2.0, "oval": 2.2, "aviator": 2.6, "rectangle": 5.0}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where glasses sit: eye centres ``(2, 2)``, their distance, and the rotation of the line between them."""

    eyes: Points
    distance: float
    rotation: NDArray[np.float64]


def glasses(rng: Generator, landmarks: Points, side: int) -> list[Layer]:
    """Lenses, a reflection on them, and the frame.

    Args:
        landmarks: ``(68, 2)`` px.
    """
    eyes = np.stack([landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)])
    across = eyes[1] - eyes[0]
    distance = float(np.linalg.norm(across))
    cos, sin = across / max(distance, 1e-6)
    place = _Place(eyes, distance, np.array([[cos, -sin], [sin, cos]]))
    outlines = _outlines(rng, place)
    thickness = distance * (rng.uniform(0.012, 0.03) if rng.random() < 0.5 else rng.uniform(0.03, 0.075))
    frame, lens = _frame(rng, place, outlines, landmarks[JAW], thickness, side), _lens(outlines, side)
    layers = [_tint(rng, lens)]
    if rng.random() < 0.35:
        layers.append(_reflection(rng, place, lens))
    return [*layers, _rim(rng, frame)]


def _outlines(rng: Generator, place: _Place) -> list[Points]:
    """Both lenses' outlines, ``(72, 2)`` px each."""
    width, height = place.distance * rng.uniform(0.36, 0.5), place.distance * rng.uniform(0.22, 0.42)
    shape = str(rng.choice(["round", "rectangle", "oval", "aviator"], p=[0.2, 0.45, 0.2, 0.15]))
    power = _SUPERELLIPSE[shape] * (rng.uniform(0.7, 1.4) if shape == "rectangle" else 1.0)
    height = width * rng.uniform(0.85, 1.0) if shape == "round" else height
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / power) * width
    y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / power) * height
    if shape == "aviator":  # drops to the cheeks, narrower there
        x = x * np.where(y > 0, 1 - 0.2 * np.clip(y / height, 0, 1), 1)
        y = np.where(y > 0, y * 1.25, y * 0.85)
    apart, drop = place.distance * rng.uniform(-0.01, 0.06), place.distance * rng.uniform(-0.02, 0.1)
    return [
        np.stack([x, y], 1) @ place.rotation.T + eye + place.rotation @ np.array([sign * apart, drop])
        for eye, sign in zip(place.eyes, (-1, 1), strict=True)
    ]


def _frame(rng: Generator, place: _Place, outlines: list[Points], jaw: Points, thickness: float, side: int) -> Float:
    """Rims, bridge and temples, ``(S, S)``."""
    frame = np.zeros((side * _FINE, side * _FINE), np.float32)
    rimless, half = rng.random() < 0.08, rng.random() < 0.15

    def stroke(points: Points, width: float, *, closed: bool = False) -> None:
        pixels = np.round(points * _FINE).astype(np.int32)
        cv2.polylines(frame, [pixels], closed, 1.0, max(1, round(width * _FINE)), cv2.LINE_AA)

    if not rimless:
        for outline in outlines:
            stroke(outline[36:] if half else outline, thickness, closed=not half)
    centre = place.eyes.mean(0) - place.rotation @ np.array([0, place.distance * rng.uniform(-0.03, 0.15)])
    inner = [outline[np.argmin(np.linalg.norm(outline - centre, axis=1))] for outline in outlines]
    arch = np.mean(inner, 0) - place.rotation @ np.array([0, place.distance * rng.uniform(0, 0.06)])
    stroke(np.stack([inner[0], arch, inner[1]]), thickness * rng.uniform(0.6, 1.2))
    for outline, sign, ear in ((outlines[0], -1, jaw[0]), (outlines[1], 1, jaw[-1])):
        far = outline[np.argmax((outline - centre) @ (place.rotation @ np.array([sign, 0])))]
        end = np.array([ear[0] + sign * place.distance * 0.1, far[1] + (ear[1] - far[1]) * rng.uniform(0, 0.35)])
        stroke(np.stack([far, end]), thickness * rng.uniform(0.7, 1.1))
    return cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)


def _lens(outlines: list[Points], side: int) -> Float:
    lens = np.zeros((side, side), np.float32)
    for outline in outlines:
        cv2.fillPoly(lens, [np.round(outline * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return lens


def _tint(rng: Generator, lens: Float) -> Layer:
    side = len(lens)
    dark = rng.random() < 0.35
    strength = rng.uniform(0.4, 1.0) if dark else rng.uniform(0, 0.15)
    colour = plain(rng.uniform(0, 70, 3) if dark else rng.uniform(120, 255, 3), side)
    if dark or rng.random() < 0.3:  # what the lenses mirror is brighter on one side
        ramp = np.linspace(0, 1, side, dtype=np.float32)
        slope = ramp[None] * rng.uniform(-1, 1) + ramp[:, None] * rng.uniform(-1, 1)
        colour = np.clip(colour + slope[..., None] * rng.uniform(0, 90), 0, 255)
    opacity = (lens * strength).astype(np.float32)
    hides = opacity if strength >= _DARK else np.zeros_like(opacity)
    unsure = (lens > 0.1) if _CLEAR < strength < _DARK else None
    return Layer(colour.astype(np.float32), opacity, np.minimum(hides / _DARK, 1), unsure, lit=False)


def _reflection(rng: Generator, place: _Place, lens: Float) -> Layer:
    side = len(lens)
    streak = np.zeros((side, side), np.float32)
    centre = place.eyes[int(rng.integers(2))] + rng.uniform(-0.3, 0.3, 2) * place.distance
    reach = np.array([rng.uniform(-0.2, 0.2), -1]) * place.distance * 0.5
    ends = np.round(np.stack([centre - reach, centre + reach])).astype(np.int32)
    width = max(1, round(place.distance * rng.uniform(0.03, 0.15)))
    cv2.polylines(streak, [ends], False, 1.0, width, cv2.LINE_AA)
    streak = (
        cv2.GaussianBlur(streak, (0, 0), side * rng.uniform(0.004, 0.013)) * lens * np.float32(rng.uniform(0.2, 0.8))
    )
    return Layer(plain(np.full(3, 255.0), side), streak, np.zeros_like(streak), streak > 0.25, lit=False)


def _rim(rng: Generator, frame: Float) -> Layer:
    side = len(frame)
    kind = str(rng.choice(["black", "brown", "metal", "clear", "colour"], p=[0.42, 0.2, 0.2, 0.06, 0.12]))
    colour = {
        "black": np.full(3, rng.uniform(5, 45)),
        "brown": np.array([70, 45, 25]) * rng.uniform(0.5, 1.5),
        "metal": rng.uniform(90, 210) * np.array([1, 0.95, rng.uniform(0.6, 1)]),
        "clear": np.full(3, rng.uniform(170, 230)),
        "colour": rng.uniform(10, 220, 3),
    }[kind]
    shade = 1 + rng.uniform(0, 0.35) * np.linspace(-1, 1, side)[:, None, None] * rng.choice([-1, 1])
    opacity = frame * np.float32(rng.uniform(0.4, 0.7) if kind == "clear" else rng.uniform(0.85, 1))
    return Layer(np.clip(plain(colour, side) * shade, 0, 255).astype(np.float32), opacity, frame, lit=False)
