"""What one drawn thing is: a picture with an opacity, and how far it hides what lies below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Float = NDArray[Any]  # float32; OpenCV's stubs promise less


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One thing over a crop.

    Attributes:
        colour: ``(S, S, 3)`` levels of 0 to 255.
        opacity: ``(S, S)`` in [0, 1].
        hides: ``(S, S)`` in [0, 1], the label: the opacity itself for most things, 0 for what belongs to the face.
        unsure: ``(S, S)`` bool where neither label would be right; ``None`` for nowhere.
        lit: whether its brightness may be brought to the photo's.
    """

    colour: Float
    opacity: Float
    hides: Float
    unsure: NDArray[np.bool_] | None = None
    lit: bool = True


def thing(colour: NDArray[Any], opacity: NDArray[Any], *, lit: bool = True) -> Layer:
    """A layer that hides as far as it is opaque."""
    opaque = np.clip(opacity, 0, 1).astype(np.float32)
    return Layer(np.clip(colour, 0, 255).astype(np.float32), opaque, opaque, lit=lit)


def composite(image: Float, layer: Layer) -> Float:
    """The layer over ``(S, S, 3)``."""
    opacity = layer.opacity[..., None]
    return image * (1 - opacity) + layer.colour * opacity


def adapted(rng: Generator, layer: Layer, image: Float) -> Layer:
    """The layer in a light nearer to the photo's, or left as it is."""
    colour = layer.colour
    if rng.random() < 0.7:
        ratio = np.clip(image.mean() / max(float(colour.mean()), 1.0), 0.4, 1.8)
        colour = colour * np.float32(1 + (ratio - 1) * rng.uniform(0.2, 0.9))
    colour = np.clip(colour * np.float32(rng.uniform(0.75, 1.25)) + rng.uniform(-12, 12, 3).astype(np.float32), 0, 255)
    return Layer(colour, layer.opacity, layer.hides, layer.unsure, layer.lit)


def moved(rng: Generator, layer: Layer) -> Layer:
    """The layer as a camera sees it that is too slow for its motion."""
    side = len(layer.opacity)
    length = max(3, round(side * rng.uniform(0.015, 0.06)))
    kernel = np.zeros((length, length), np.float32)
    angle, centre = rng.uniform(0, np.pi), (length - 1) / 2
    tip = np.array([np.cos(angle), np.sin(angle)]) * centre
    start, end = (tuple(round(v) for v in centre + sign * tip) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA)
    kernel /= kernel.sum()
    # Colours are blurred as far as they are there, else the nothing around them would darken the edge.
    opacity = cv2.filter2D(layer.opacity, -1, kernel)
    shown = cv2.filter2D(layer.colour * layer.opacity[..., None], -1, kernel)
    colour = np.where(opacity[..., None] > 0.02, shown / np.maximum(opacity, 0.02)[..., None], layer.colour)
    return Layer(colour, opacity, cv2.filter2D(layer.hides, -1, kernel), layer.unsure, layer.lit)


def shadowed(rng: Generator, image: Float, opacity: Float) -> Float:
    """``image`` under the soft shadow of something of this opacity."""
    side = len(opacity)
    shift = np.hstack([np.eye(2), rng.uniform(-0.027, 0.027, (2, 1)) * side])
    cast = cv2.warpAffine(opacity, shift, (side, side))
    soft = cv2.GaussianBlur(cast, (0, 0), side * rng.uniform(0.009, 0.027))
    return image * (1 - soft * np.float32(rng.uniform(0.1, 0.5)))[..., None]


def noise(rng: Generator, side: int, *, deviation: float, width: float) -> Float:
    """Smooth grey noise ``(S, S)``; ``width`` is the Gaussian's, a fraction of the side."""
    return cv2.GaussianBlur(rng.normal(0, deviation, (side, side)).astype(np.float32), (0, 0), width * side)


def plain(colour: NDArray[Any], side: int) -> Float:
    """One colour everywhere, ``(S, S, 3)``."""
    return np.broadcast_to(np.asarray(colour, np.float32), (side, side, 3)).copy()


def filled(points: NDArray[np.float64], side: int, *, soft: float = 0.0) -> Float:
    """A polygon ``(N, 2)`` in px, 1 inside; its edge blurred by a Gaussian of ``soft`` px."""
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), soft) if soft > 0 else mask
