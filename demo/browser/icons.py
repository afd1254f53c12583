"""The app's icon in pixels, for phones that put the page among their apps: drawn from ``demo/icon.svg``."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobilefaceswap_core.errors import BackendError

ICON = Path(__file__).parents[1] / "icon.svg"
_SIDE = 64  # of the drawing's own units
_OVERSAMPLED = 4  # per axis; OpenCV smooths edges by itself too
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CURVE = re.compile(r"M([-\d. ]+)q([-\d. ]+)")  # the one kind of path that is drawn: a quadratic curve

Points = NDArray[np.float64]


class _Icon(NamedTuple):
    name: str
    side_px: int
    is_rounded: bool  # otherwise its ground fills the square, and the phone cuts the corners


# Sides that the manifest, Android's launchers and iOS ask for.
ICONS = (
    _Icon("rounded-192.png", 192, True),
    _Icon("rounded-512.png", 512, True),
    _Icon("whole-180.png", 180, False),
    _Icon("whole-512.png", 512, False),
)


def write_icons(folder: Path) -> None:
    """Write every icon into a new folder.

    Raises:
        BackendError: ``icon.svg`` holds a shape that is not drawn here.
    """
    folder.mkdir()
    for name, side, is_rounded in ICONS:
        Image.fromarray(draw(side, is_rounded=is_rounded)).save(folder / name, optimize=True)


def draw(side_px: int, *, is_rounded: bool) -> NDArray[np.uint8]:
    """The icon, RGBA uint8 ``(side_px, side_px, 4)``; transparent outside of rounded corners.

    Raises:
        BackendError: ``icon.svg`` holds a shape that is not drawn here.
    """
    scale = side_px * _OVERSAMPLED / _SIDE
    canvas = np.zeros((side_px * _OVERSAMPLED, side_px * _OVERSAMPLED, 4), np.float32)  # colours times alpha
    for shape in ElementTree.parse(ICON).getroot():
        kind = shape.tag.rpartition("}")[2]
        points, is_closed = _outline(kind, dict(shape.attrib), is_rounded=is_rounded)
        outline = np.round(points * scale * 16).astype(np.int32)  # OpenCV's fixed point: four bits
        if shape.get("fill", "none") != "none":
            _lay(canvas, cv2.fillPoly(_sheet(canvas), [outline], 255, cv2.LINE_AA, 4), shape.attrib["fill"])
        if "stroke" in shape.attrib:
            width = round(float(shape.attrib["stroke-width"]) * scale)
            line = cv2.polylines(_sheet(canvas), [outline], is_closed, 255, width, cv2.LINE_AA, 4)
            _lay(canvas, line, shape.attrib["stroke"])
    small = np.asarray(cv2.resize(canvas, (side_px, side_px), interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] /= np.maximum(small[..., 3:] / 255, 1e-6)
    return np.round(np.clip(small, 0, 255)).astype(np.uint8)


def _outline(kind: str, shape: dict[str, str], *, is_rounded: bool) -> tuple[Points, bool]:
    """A shape's edge ``(N, 2)`` in the drawing's units, and whether it is closed."""
    turn = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    if kind == "rect":
        radius = float(shape["rx"]) if is_rounded else 0.0
        centre = np.array([float(shape["width"]), float(shape["height"])]) / 2
        directions = np.stack([np.cos(turn), np.sin(turn)], 1)
        return centre + np.sign(directions.round(9)) * (centre - radius) + radius * directions, True
    if kind in ("ellipse", "circle"):
        radii = [float(shape.get(name, shape.get("r", "0"))) for name in ("rx", "ry")]
        return np.array([float(shape["cx"]), float(shape["cy"])]) + radii * np.stack(
            [np.cos(turn), np.sin(turn)], 1
        ), True
    found = _CURVE.fullmatch(shape.get("d", ""))
    if kind != "path" or found is None:
        raise BackendError(f"{ICON.name} has a {kind} that is not drawn; wanted rect, ellipse, circle or a curve M…q….")
    begin, curve = (np.array(_NUMBER.findall(part), float).reshape(-1, 2) for part in found.groups())
    t = np.linspace(0, 1, 64)[:, None]
    return begin + 2 * t * (1 - t) * curve[0] + t**2 * curve[1], False


def _sheet(canvas: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.zeros(canvas.shape[:2], np.uint8)


def _lay(canvas: NDArray[np.float32], cover: NDArray[Any], colour: str) -> None:
    """Paint a colour ``#rrggbb`` where it covers, in [0, 255]."""
    paint = np.array([*bytes.fromhex(colour[1:]), 255], np.float32)
    share = cover[..., None].astype(np.float32) / 255
    canvas += share * (paint - canvas)
