"""Drawn things that hide a face: hair, fingers, microphones, masks, veils, phones, cups, anything; and cut-out pictures."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...errors import OptionError
from ...faces.landmarks68 import CHIN, JAW, LEFT_BROW, LEFT_MOUTH, NOSE_TIP, OUTER_LIPS, RIGHT_BROW, RIGHT_MOUTH
from ...files.npz import read_npz
from ...types import Image, Points
from .layers import Float, Layer, filled, noise, plain, thing

Cutouts = tuple[NDArray[np.uint8], ...]  # (H, W, 4) RGBA each

_FINE = 2  # hairs are thin: they are drawn this much larger and averaged down
HAIR = np.array([[20, 15, 12], [60, 40, 25], [110, 75, 45], [190, 160, 110], [150, 150, 150], [120, 50, 25]], float)
SKIN = np.array([[235, 190, 160], [200, 150, 120], [150, 100, 75], [90, 60, 45]], float)
_NOSE_BRIDGE = 28  # landmark; masks of doctors end about there
_CHEEKS = [2, 14, NOSE_TIP]


def strands(rng: Generator, landmarks: Points, side: int) -> Layer:
    """Hair that falls over a face: a few strands, or a fringe."""
    fine = side * _FINE
    opacity: Float = np.zeros((fine, fine), np.float32)
    colour: Float = np.zeros((fine, fine, 3), np.float32)
    base = HAIR[rng.integers(len(HAIR))] * rng.uniform(0.6, 1.4)
    fringe = rng.random() < 0.35
    rise = np.linalg.norm(landmarks[CHIN] - landmarks[27]) * rng.uniform(0.25, 0.6)
    top = (landmarks[LEFT_BROW].mean(0) + landmarks[RIGHT_BROW].mean(0)) / 2 - np.array([0, rise])
    left = top[0] + (0 if fringe else rng.choice([-1, 0, 1]) * side * rng.uniform(0.1, 0.35))
    spread = side * (rng.uniform(0.25, 0.45) if fringe else rng.uniform(0.03, 0.25))
    # A fringe ends at the brows or the eyes, strands reach down to the chin.
    length = rise * rng.uniform(0.9, 1.7) if fringe else side * rng.uniform(0.15, 0.75)
    curl, lean = rng.uniform(-0.5, 0.5), rng.uniform(-0.6, 0.6) * (0.5 if fringe else 1)
    for _ in range(int(rng.integers(60, 160) if fringe else rng.integers(3, 90))):
        root = np.array([left + rng.normal() * spread, top[1] + rng.normal() * side * 0.03])
        reach, turn = length * rng.uniform(0.6, 1.1), rng.normal(0, 0.12)
        line = _curve(root, np.array([lean + turn, 0.5]) * reach, np.array([lean + curl + turn, 1.0]) * reach)
        width = max(1, round(side * rng.uniform(0.002, 0.011) * _FINE))
        pixels = [np.round(line * _FINE).astype(np.int32)]
        cv2.polylines(opacity, pixels, False, 1.0, width, cv2.LINE_AA)
        cv2.polylines(colour, pixels, False, np.clip(base * rng.uniform(0.6, 1.5), 0, 255).tolist(), width, cv2.LINE_AA)
    opacity = cv2.resize(opacity, (side, side), interpolation=cv2.INTER_AREA)
    colour = cv2.resize(colour, (side, side), interpolation=cv2.INTER_AREA)
    there = opacity[..., None] > 0.02
    return thing(np.where(there, colour / np.maximum(opacity, 0.02)[..., None], base), opacity)


def _curve(root: Points, middle: Points, end: Points) -> Points:
    t = np.linspace(0, 1, 14)[:, None]  # a quadratic Bézier curve
    return root + 2 * t * (1 - t) * middle + t**2 * end


def fingers(rng: Generator, landmarks: Points, image: Image) -> Layer:
    """One to five capsules of skin from an edge of the crop; most in the face's own colour, which is the hard case."""
    side = len(image)
    edge = str(rng.choice(["left", "right", "below"]))
    lean = rng.uniform(-0.2, 0.9)
    direction = np.array({"left": [-1, lean], "right": [1, lean], "below": [rng.uniform(-0.5, 0.5), 1]}[edge])
    direction = direction / np.linalg.norm(direction)
    across = np.array([-direction[1], direction[0]])
    tip = landmarks[rng.integers(68)] + rng.normal(0, side * 0.06, 2)
    base, width, count = _skin(rng, landmarks, image), side * rng.uniform(0.055, 0.11), int(rng.integers(1, 6))
    opacity: Float = np.zeros((side, side), np.float32)
    colour: Float = np.zeros((side, side, 3), np.float32)
    for number in range(count):
        start = tip + across * width * 1.05 * (number - count / 2) + direction * rng.uniform(0, 0.12) * side
        way = direction * side * 1.2 + across * rng.uniform(-0.1, 0.1) * side
        radius = width / 2 * rng.uniform(0.9, 1.1)
        distance = _distance(side, start, way)
        inside = np.clip(radius - distance + 0.5, 0, 1)
        round_ = 1 - 0.38 * np.clip(distance / radius, 0, 1) ** 2
        colour = np.where(inside[..., None] > 0, base * rng.uniform(0.9, 1.1) * round_[..., None], colour)
        opacity = np.maximum(opacity, inside)
        if rng.random() < 0.5:
            nail = np.clip(radius * 0.6 - _distance(side, start + direction * radius * 0.2, direction), 0, 1)[..., None]
            colour = colour * (1 - 0.3 * nail) + np.array([240, 205, 190]) * 0.3 * nail
    return thing(colour + noise(rng, side, deviation=25, width=0.009)[..., None], opacity, lit=False)


def _skin(rng: Generator, landmarks: Points, image: Image) -> NDArray[np.float64]:
    if rng.random() < 0.4:
        return SKIN[rng.integers(len(SKIN))]
    x, y = np.clip(landmarks[_CHEEKS].astype(int), 0, len(image) - 1).T
    return image[y, x].mean(0)


def _distance(side: int, start: Points, way: Points) -> Float:
    """Distance of each pixel from the line that goes ``way`` from ``start``, in px."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    t = np.clip(((x - start[0]) * way[0] + (y - start[1]) * way[1]) / (way @ way), 0, 1)
    return np.hypot(x - start[0] - t * way[0], y - start[1] - t * way[1])


def microphone(rng: Generator, landmarks: Points, side: int) -> Layer:
    """A ball of wire mesh near the mouth, on a stick."""
    near = landmarks[rng.choice([CHIN, 57, LEFT_MOUTH, RIGHT_MOUTH])]
    centre = near + rng.normal(0, side * 0.06, 2) + np.array([0, side * 0.03])
    radius = side * rng.uniform(0.06, 0.15)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    x, y = x - centre[0], y - centre[1]
    distance = np.hypot(x, y / rng.uniform(0.9, 1.4))
    ball = np.clip(radius - distance + 0.5, 0, 1)
    shade = np.clip(1.3 - distance / radius * 0.8 - x / radius * 0.3, 0.2, 2)
    period = side * rng.uniform(0.011, 0.022, 2)
    mesh = 1 + 0.25 * np.sin(x * 2 * np.pi / period[0]) * np.sin(y * 2 * np.pi / period[1])
    lean = np.array([rng.uniform(-0.7, 0.7), 1])
    lean /= np.linalg.norm(lean)
    beside = np.abs(y * lean[0] - x * lean[1])
    stick = np.clip(radius * 0.45 - beside + 0.5, 0, 1) * (x * lean[0] + y * lean[1] > 0)
    grey = np.where(
        ball > 0.5,
        rng.uniform(10, 120) * shade * mesh,
        rng.uniform(10, 90) * (1 - 0.5 * np.clip(beside / (radius * 0.45), 0, 1)),
    )
    return thing(np.repeat(grey[..., None], 3, 2), np.maximum(ball, stick))


def blob(rng: Generator, side: int, texture: Image) -> Layer:
    """A shape of no kind, of one colour or with a piece of another photo on it."""
    count = int(rng.integers(4, 10))
    turn = np.sort(rng.uniform(0, 2 * np.pi, count))
    radius = side * rng.uniform(0.06, 0.38) * rng.uniform(0.6, 1.3, count)
    centre = rng.uniform(0.1, 0.95, 2) * side
    points = np.stack([np.cos(turn) * radius, np.sin(turn) * radius * rng.uniform(0.5, 1.5)], 1) + centre
    opacity = filled(points, side)
    if rng.random() < 0.7:
        opacity = (cv2.GaussianBlur(opacity, (0, 0), side * rng.uniform(0.013, 0.045)) > 0.5).astype(np.float32)
    opacity = cv2.GaussianBlur(opacity, (0, 0), side * rng.uniform(0.002, 0.005))
    if rng.random() < 0.35:
        return thing(rng.uniform(0, 255, 3) + noise(rng, side, deviation=40, width=0.027)[..., None], opacity)
    piece = max(8, int(len(texture) * rng.uniform(0.3, 1)))
    top, left = rng.integers(0, len(texture) - piece + 1, 2)
    shown = cv2.resize(texture[top : top + piece, left : left + piece], (side, side))
    return thing(np.rot90(shown, int(rng.integers(4))).astype(np.float32), opacity)


def mask(rng: Generator, landmarks: Points, side: int) -> Layer:
    """A doctor's or a cloth mask from the bridge of the nose to below the chin."""
    jaw = landmarks[JAW]
    down = (landmarks[CHIN] - landmarks[NOSE_TIP]) * rng.uniform(0.02, 0.12)
    first = int(rng.integers(1, 4))
    top = landmarks[_NOSE_BRIDGE] * (share := rng.uniform(0, 0.7)) + landmarks[NOSE_TIP] * (1 - share)
    upper = np.stack([(jaw[-1 - first] + top) / 2 + [0, -side * 0.01], top, (jaw[first] + top) / 2 + [0, -side * 0.01]])
    opacity = filled(np.concatenate([jaw[first : 17 - first] + down, upper]), side, soft=side * 0.003)
    known = np.array([(180, 205, 215), (235, 235, 235), (25, 25, 28)], float)
    base = [*known, rng.uniform(20, 230, 3)][rng.integers(4)]
    folds = np.sin(np.arange(side)[:, None] * 2 * np.pi / (side * rng.uniform(0.05, 0.12)) + rng.uniform(0, 6))
    middle = np.abs(np.arange(side)[None] - top[0]) / side
    shade = 1 + 0.06 * folds * rng.integers(2) - middle * rng.uniform(0, 0.9)
    return thing(plain(base, side) * shade[..., None] + noise(rng, side, deviation=20, width=0.02)[..., None], opacity)


def veil(rng: Generator, landmarks: Points, side: int) -> Layer:
    """Cloth that lets the face shine through, over the lower face or over all of it; hidden as far as it is opaque."""
    whole = rng.random() < 0.4
    edge = side * rng.uniform(-0.05, 0.2) if whole else landmarks[NOSE_TIP, 1] - side * rng.uniform(-0.04, 0.1)
    x = np.linspace(-0.1, 1.1, 12) * side
    y = edge + np.cumsum(rng.normal(0, side * 0.012, 12))
    below = np.array([[1.1 * side, 1.1 * side], [-0.1 * side, 1.1 * side]])
    cloth = filled(np.concatenate([np.stack([x, y], 1), below]), side, soft=side * 0.004)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    folds = np.sin((columns + rows * rng.uniform(-0.6, 0.6)) * 2 * np.pi / (side * rng.uniform(0.06, 0.3)))
    strength = np.clip(rng.uniform(0.3, 0.95) + 0.15 * folds + noise(rng, side, deviation=1.2, width=0.03), 0.1, 1)
    weave = 1 + 0.12 * np.sin(rows * 2 * np.pi / 3) * np.sin(columns * 2 * np.pi / 3)
    base = [np.full(3, rng.uniform(5, 60)), np.full(3, rng.uniform(190, 250)), rng.uniform(20, 230, 3)][rng.integers(3)]
    return thing(plain(base, side) * (weave * (1 + 0.15 * folds))[..., None], cloth * strength)


def phone(rng: Generator, landmarks: Points, side: int) -> Layer:
    """A slab with rounded corners, held to an ear or before the mouth; its back has cameras."""
    near = landmarks[rng.choice([2, 14, 4, 12, 57])] + rng.normal(0, side * 0.05, 2)
    length, width = side * rng.uniform(0.35, 0.7), side * rng.uniform(0.17, 0.32)
    angle = rng.normal(0, 0.35) + (np.pi / 2 if rng.random() < 0.2 else 0)
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    y, x = np.mgrid[:side, :side]
    own = np.stack([x - near[0], y - near[1]], -1) @ rotation  # px along the phone's width and length
    corner = width * rng.uniform(0.08, 0.2)
    outside = np.maximum(np.abs(own) - np.array([width, length]) / 2 + corner, 0)
    opacity = np.clip(corner - np.linalg.norm(outside, axis=-1) + 0.5, 0, 1)
    base = [np.full(3, rng.uniform(5, 50)), np.full(3, rng.uniform(170, 245)), rng.uniform(20, 220, 3)][rng.integers(3)]
    shine = 1 + rng.uniform(-0.5, 0.5) * own[..., 1] / length
    colour = plain(base, side) * shine[..., None]
    if rng.random() < 0.6:
        for number in range(int(rng.integers(1, 4))):
            lens = np.array([-width * 0.28, -length * 0.38 + number * width * 0.3])
            ring = np.clip(width * 0.1 - np.linalg.norm(own - lens, axis=-1) + 0.5, 0, 1)[..., None]
            colour = colour * (1 - ring) + rng.uniform(5, 60) * ring
    return thing(colour, opacity)


def cup(rng: Generator, landmarks: Points, side: int) -> Layer:
    """A cup or glass at the mouth: a trapezium with a round rim, of paper, china or steel."""
    mouth = landmarks[OUTER_LIPS].mean(0) + rng.normal(0, side * 0.03, 2)
    rim, height, taper = side * rng.uniform(0.12, 0.24), side * rng.uniform(0.25, 0.55), rng.uniform(0.6, 1.0)
    angle = rng.normal(0, 0.25)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    y, x = np.mgrid[:side, :side]
    own = np.stack([x - mouth[0], y - mouth[1]], -1) @ rotation
    half = rim * (1 - (1 - taper) * np.clip(own[..., 1] / height, 0, 1))
    curved = own[..., 1] + rim * rng.uniform(0.05, 0.3) * np.sqrt(np.clip(1 - (own[..., 0] / rim) ** 2, 0, 1))
    opacity = np.clip(half - np.abs(own[..., 0]) + 0.5, 0, 1) * np.clip(curved + 0.5, 0, 1)
    opacity = opacity * np.clip(height - own[..., 1] + 0.5, 0, 1)
    base = [np.full(3, rng.uniform(200, 250)), np.array([160, 115, 75]), rng.uniform(10, 240, 3)][rng.integers(3)]
    shade = 1.05 - rng.uniform(0.1, 0.6) * np.clip(own[..., 0] / half + rng.uniform(-0.5, 0.5), -1, 1) ** 2
    band = (np.abs(own[..., 1] / height - rng.uniform(0.2, 0.8)) < rng.uniform(0, 0.2))[..., None]
    return thing(np.where(band, rng.uniform(10, 240, 3), base) * shade[..., None], opacity)


def cutout(rng: Generator, picture: NDArray[np.uint8], landmarks: Points, side: int) -> Layer:
    """An RGBA picture, turned and scaled, somewhere over the face."""
    height, width = picture.shape[:2]
    scale = side * rng.uniform(0.25, 0.95) / max(height, width)
    degrees = rng.uniform(-180, 180) if rng.random() < 0.6 else rng.uniform(-30, 30)
    centre = landmarks[rng.integers(68)] + rng.normal(0, side * 0.12, 2)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += centre - np.array([width / 2, height / 2])
    shown = (picture[:, ::-1] if rng.random() < 0.5 else picture).astype(np.float32)
    shown[..., :3] *= shown[..., 3:] / 255  # what is transparent has no colour to bleed
    placed = cv2.warpAffine(shown, matrix, (side, side), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    opacity = placed[..., 3] / 255
    return thing(placed[..., :3] / np.maximum(opacity, 0.02)[..., None], opacity)


def read_cutouts(path: Path) -> Cutouts:
    """Cut-out pictures: ``buf`` (uint8) and ``off`` (N + 1), PNG or WebP with transparency, as packs hold their crops.

    Raises:
        OptionError: no such file, or one that holds no RGBA pictures.
    """
    values = read_npz(path, error=OptionError, what="file of cut-out pictures")
    if missing := [key for key in ("buf", "off") if key not in values]:
        raise OptionError(f"{path} has no {', '.join(missing)}; wanted buf and off, as in a pack.")
    bounds = values["off"].tolist()
    found = []
    for begin, end in itertools.pairwise(bounds):
        data = values["buf"][begin:end]
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
        if picture is not None and picture.ndim == 3 and picture.shape[2] == 4:
            found.append(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA))
    if not found:
        raise OptionError(f"{path} holds no picture with transparency; give PNG or WebP files with an alpha channel.")
    return tuple(found)  # type: ignore[arg-type]
