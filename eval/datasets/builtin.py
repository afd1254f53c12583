"""A small data set made at run time from images that ship with installed packages: no download, no photo of our own.

Each person gets three pictures (as it is; mirrored, turned and darker; smaller and warmer), so that sources and targets of
one person differ. It is for trying the workbench and for catching regressions: with about a dozen people its retrieval
rate has wide intervals, which the table shows. It replaces no benchmark.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.types import Image

from ..images import read_image, write_png
from ..pairs import Pair, draw_pairs
from .base import Dataset, DatasetRequest, image_files, keep_identities

_DEFAULT_COUNT = 72


@dataclass(frozen=True, slots=True)
class _Photo:
    """A person in a shipped image: package, path inside it, and the rectangle left, top, right, bottom in pixels."""

    identity: str
    package: str
    path: str
    box: tuple[int, int, int, int]
    source_only: bool = False


# Rectangles were read off the images: each holds exactly one face with room for hair and chin.
_PHOTOS = (
    _Photo("astronaut", "skimage", "data/astronaut.png", (90, 0, 390, 300)),
    _Photo("hopper", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", (60, 30, 490, 460)),
    _Photo("crew-1", "insightface", "data/images/t1.jpg", (6, 203, 256, 453)),
    _Photo("crew-2", "insightface", "data/images/t1.jpg", (200, 96, 440, 336)),
    _Photo("crew-3", "insightface", "data/images/t1.jpg", (379, 224, 629, 474)),
    _Photo("crew-4", "insightface", "data/images/t1.jpg", (654, 296, 904, 546)),
    _Photo("crew-5", "insightface", "data/images/t1.jpg", (810, 6, 1060, 256)),
    _Photo("crew-6", "insightface", "data/images/t1.jpg", (1030, 200, 1280, 450)),
    # A tight 112 px crop: too little surroundings to be a target.
    _Photo("actor", "insightface", "data/images/Tom_Hanks_54745.png", (0, 0, 112, 112), source_only=True),
)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Pairs of the pictures, of which none is written yet.

    Attributes:
        pairs: sources and targets by reference.
        photos: by person, as they are.
        problems: what was left out, and why.
    """

    pairs: list[Pair]
    photos: dict[str, Image]
    problems: list[str]

    def write(self, references: Collection[str], root: Path) -> None:
        """Write the pictures that references name below ``root``."""
        for identity, photo in self.photos.items():
            for reference, vary in zip(_references(identity), _VARIANTS.values(), strict=True):
                if reference in references:
                    write_png(root / reference, vary(photo))


def builtin(request: DatasetRequest) -> Dataset:
    """Draw pairs and write the pictures that stand in one below ``request.root``."""
    drawn = draw_builtin(request)
    drawn.write({reference for pair in drawn.pairs for reference in (pair.source, pair.target)}, request.root)
    note = f"{len(drawn.photos)} people from images of installed packages"
    return Dataset("builtin", request.root, drawn.pairs, drawn.problems, None, note)


def draw_builtin(request: DatasetRequest) -> Drawn:
    """Read the photos and draw pairs. Photos whose package is not installed are reported and left out."""
    problems: list[str] = []
    photos: dict[str, Image] = {}
    targets: dict[str, list[str]] = {}
    for photo in _PHOTOS:
        try:
            photos[photo.identity] = _read(photo)
        except ImageError as error:
            problems.append(f"{photo.identity}: {error}; left out")
            continue
        if not photo.source_only:
            targets[photo.identity] = _references(photo.identity)
    for path in _portraits():
        photos[path.stem], targets[path.stem] = read_image(path), _references(path.stem)
    images = keep_identities({identity: _references(identity) for identity in photos}, request.identities)
    targets = keep_identities(targets, request.identities)
    pairs = draw_pairs(targets, sources=images, count=request.count or _DEFAULT_COUNT, seed=request.seed)
    return Drawn(pairs, {identity: photos[identity] for identity in images}, problems)


def _read(photo: _Photo) -> Image:
    found = importlib.util.find_spec(photo.package)
    if found is None or found.origin is None:
        raise ImageError(f"package {photo.package} is not installed")
    image = read_image(Path(found.origin).parent / photo.path)
    left, top, right, bottom = photo.box
    crop = image[top:bottom, left:right]
    side = 384  # enough for a 224 px face crop without enlarging the larger photos
    method = cv2.INTER_AREA if crop.shape[0] > side else cv2.INTER_CUBIC
    return np.ascontiguousarray(cv2.resize(crop, (side, side), interpolation=method))


def _portraits() -> list[Path]:
    """The demo's example portraits, where the project's tree has them."""
    folder = Path(__file__).parents[2] / "demo" / "examples" / "portraits"
    return image_files(folder) if folder.is_dir() else []


def _references(identity: str) -> list[str]:
    return [f"{identity}/{name}.png" for name in _VARIANTS]


def _as_it_is(image: Image) -> Image:
    return image


def _mirrored(image: Image) -> Image:
    """Mirrored, turned by 6 degrees, gamma 1.2 (darker)."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 6.0, 1.0)
    turned = cv2.warpAffine(image[:, ::-1].copy(), turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    table = (np.linspace(0, 1, 256) ** 1.2 * 255).round().astype(np.uint8)
    return table[turned]


def _smaller(image: Image) -> Image:
    """At 80 % inside the same frame, with red raised and blue lowered by 6 %."""
    height, width = image.shape[:2]
    shrink = np.array([[0.8, 0, 0.1 * width], [0, 0.8, 0.1 * height]])
    small = cv2.warpAffine(image, shrink, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
    return np.clip(small * np.array([1.06, 1.0, 0.94]), 0, 255).round().astype(np.uint8)


_VARIANTS: dict[str, Callable[[Image], Image]] = {"a": _as_it_is, "b": _mirrored, "c": _smaller}
