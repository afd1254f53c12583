"""Targets with drawn things over their faces: how a method treats glasses, hands and hair, on any data set.

What is drawn is that of the training (:mod:`mobilefaceswap_core.training.occlusion`), from a seed, the target's name and
the pair list (some shapes wear pieces of other targets): the same for every method, and whenever it is drawn again. All
frames of a clip get the same things, which move with the face. Source photos are left as they are, and so is the pair list:
a run with occluders and one without have the same pairs and can be compared row by row.

In the run's folder ``occluded/SEED/REFERENCE/target.png`` is what methods and judges are given, and ``mask.png`` beside it
how far each pixel of the face is hidden (255: wholly). Things end at the border of the crop that a swap can touch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.faces.geometry import (
    crop_from_frame_matrix,
    five_from_68,
    invert,
    side_in_frame,
    transform_points,
    warp,
    warp_to_crop,
)
from mobilefaceswap_core.files.digest import bytes_sha256
from mobilefaceswap_core.training.occlusion.synthesis import occlude
from mobilefaceswap_core.types import CropSpec, Image, Mask, Points

from .datasets import Dataset
from .face_region import face_region
from .images import MASK, TARGET, ImageReader, write_png
from .made_targets import distinct_targets, forget_made, make_each
from .pairs import Pair

# How much of the face region must be hidden. Less says nothing; with more, judges find no face to speak of.
_LEAST_HIDDEN, _MOST_HIDDEN = 0.04, 0.45
_TRIES = 40  # draws until the share lies between; 31 of 31 built-in targets got one
_SIDES_PX = (112, 1024)  # of the crop that is drawn on; a larger face is drawn on at the largest
_EDGE = 0.04  # things end softly over this part of the crop's side, where no swap reaches
_HIDES = 0.02  # opacity below which the frame's own pixels stay exactly


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which drawing a target gets, so that all frames of a clip get the same one.

    Attributes:
        key: what the generator is seeded with.
        side_px: of the crop that is drawn on.
    """

    key: tuple[int, ...]
    side_px: int


@dataclass(frozen=True, slots=True, eq=False)
class Occluded:
    """A target with something over its face.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8.
        hidden: ``(H, W)`` float32 in [0, 1]: how far each pixel of the face region is hidden; 0 outside of the region.
    """

    image: Image
    hidden: Mask

    def share(self, landmarks: Points) -> float:
        """How much of the face region is hidden."""
        region = face_region(landmarks, *self.hidden.shape)
        return float(self.hidden.sum() / max(float(region.sum()), 1.0))


def draw_occluders(
    folder: Path,
    dataset: Dataset,
    seed: int,
    *,
    detector: Detector,
    say: Callable[[str], None],
    follow_links: bool = False,
) -> tuple[int, list[str]]:
    """Draw over every target of a data set.

    Args:
        folder: to write into, see :func:`eval.run_files.made_folder`.
        dataset: its pairs name the targets; landmarks that it knows are used, others are found.
        seed: of everything drawn.
        detector: finds the faces that are drawn on.
        say: where progress is told.
        follow_links: whether links in the data set may lead out of its root.

    Returns:
        The number of targets that were drawn on, and a sentence for each of the others, which are swapped as they are and
        not measured.
    """
    reader = ImageReader(dataset.root, drawn=folder, follow_links=follow_links)
    pictures = sorted({pair.target for pair in distinct_targets(dataset)})
    clips: dict[str, Drawing] = {}
    forget_made(folder)

    def make(pair: Pair, image: Image, landmarks: Points) -> str | None:
        name = pair.clip or pair.target
        texture = _texture(reader, pictures, pair.target, seed_of(seed, name), image)
        drawing = clips.get(name) or choose_drawing(image, landmarks, seed_of(seed, name), texture)
        if drawing is None:
            return f"no drawing of {_TRIES} hides a fair part of its face"
        clips[name] = drawing
        made = draw(image, landmarks, drawing, texture)
        place = reader.drawn_at(pair.target)
        write_png(place / MASK, np.round(made.hidden * 255).astype(np.uint8))
        write_png(place / TARGET, made.image)  # last: a target that is there has its mask
        return None

    return make_each(dataset, reader, detector, make, what="occluders", without="nothing was drawn on it", say=say)


def seed_of(seed: int, name: str) -> tuple[int, ...]:
    """What the generator of a target or clip is seeded with; names are hashed, so that no other target moves it."""
    return seed, int(bytes_sha256(name.encode("utf-8", "backslashreplace"))[:16], 16)


def choose_drawing(image: Image, landmarks: Points, key: tuple[int, ...], texture: Image) -> Drawing | None:
    """The first drawing that hides a fair part of the face; ``None`` when none does."""
    side = int(np.clip(round(side_in_frame(_crop_matrix(landmarks, 112), 112)), *_SIDES_PX))
    for attempt in range(_TRIES):
        drawing = Drawing((*key, attempt), side)
        if _LEAST_HIDDEN <= draw(image, landmarks, drawing, texture).share(landmarks) <= _MOST_HIDDEN:
            return drawing
    return None


def draw(image: Image, landmarks: Points, drawing: Drawing, texture: Image) -> Occluded:
    """Put a drawing over a face.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        landmarks: ``(68, 2)`` px of its face.
        drawing: what is drawn.
        texture: another picture, whose pieces some shapes wear.

    Returns:
        The same values for the same arguments. Pixels that nothing touches are the image's own.
    """
    side = drawing.side_px
    crop_from_frame = _crop_matrix(landmarks, side)
    crop = warp_to_crop(image, crop_from_frame, side)
    made = occlude(
        _generator(drawing), crop, transform_points(crop_from_frame, landmarks), texture=_square(texture), jpeg=False
    )
    edge = _soft_edge(side)
    change = (made.image.astype(np.float32) - crop) * edge[..., None]
    height, width = image.shape[:2]
    frame_from_crop = invert(crop_from_frame)
    shown, moved, hidden = (
        warp(part, frame_from_crop, (width, height))
        for part in (made.image.astype(np.float32), change, made.hidden * edge)
    )
    opacity = np.clip(hidden, 0, 1)[..., None]
    # Where a thing is opaque its own pixels stand; shadows and what shines through are changes of the frame's.
    frame = image.astype(np.float32)
    mixed = np.where(opacity > _HIDES, (frame + moved) * (1 - opacity) + shown * opacity, frame + moved)
    region = face_region(landmarks, height, width)
    pixels = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return Occluded(pixels, (opacity[..., 0] * region).astype(np.float32))


def _texture(reader: ImageReader, pictures: list[str], target: str, key: tuple[int, ...], image: Image) -> Image:
    """Another target of the data set; the target itself where there is no other that can be read."""
    others = [picture for picture in pictures if picture != target]
    if not others:
        return image
    try:
        return reader.read(others[int(np.random.default_rng(key).integers(len(others)))])
    except ImageError:
        return image


def _generator(drawing: Drawing) -> Generator:
    return np.random.default_rng(drawing.key)


def _crop_matrix(landmarks: Points, side_px: int) -> np.ndarray:
    return crop_from_frame_matrix(five_from_68(landmarks), CropSpec(side_px))


def _square(image: Image) -> Image:
    """The middle square of a picture."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def _soft_edge(side: int) -> Mask:
    """``(S, S)``: 1 inside, falling to 0 at the border."""
    near = np.minimum(np.arange(side), np.arange(side)[::-1])
    ramp = np.clip(near / (_EDGE * side), 0, 1).astype(np.float32)
    return cv2.blur(np.minimum.outer(ramp, ramp), (3, 3)).astype(np.float32)
