"""Targets of low resolution: how a method treats small and compressed faces, on any data set.

A target is made smaller until the crop of its face has so many pixels a side, goes through a JPEG, and is scaled back. So frames
keep their size and faces their place, and what is gone is detail: a run with and one without have the same pairs and can be
compared row by row. Source photos stay as they are. With occluders, things are drawn first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.faces.geometry import crop_from_frame_matrix, five_from_68, side_in_frame
from mobilefaceswap_core.types import CropSpec, Image, Points

from .datasets import Dataset
from .images import TARGET, ImageReader, through_jpeg, write_png
from .made_targets import forget_made, make_each
from .pairs import Pair

JPEG_QUALITY = 75  # Pillow's and libjpeg's default: what most small pictures were saved with
_SPEC = CropSpec(112)  # any size: only how much of the frame it covers is asked


def lower_targets(
    folder: Path,
    dataset: Dataset,
    side_px: int,
    *,
    detector: Detector,
    say: Callable[[str], None],
    drawn: bool = False,
    follow_links: bool = False,
) -> tuple[int, list[str]]:
    """Lower every target of a data set.

    Args:
        folder: to write into, see :func:`eval.run_files.made_folder`.
        dataset: its pairs name the targets; landmarks that it knows are used, others are found.
        side_px: of the face's crop in the small picture.
        detector: finds the faces that are measured.
        say: where progress is told.
        drawn: whether the folder holds targets that were drawn on, which are then lowered.
        follow_links: whether links in the data set may lead out of its root.

    Returns:
        The number of targets that were lowered, and a sentence for each of the others, which are swapped as they are.
    """
    reader = ImageReader(dataset.root, drawn=folder, follow_links=follow_links)
    if not drawn:
        forget_made(folder)

    def make(pair: Pair, _: Image, landmarks: Points) -> None:
        # What lies over a face may hide it from the detector, so it was found in the picture of before.
        write_png(reader.drawn_at(pair.target) / TARGET, lower(reader.read_target(pair.target), landmarks, side_px))

    return make_each(dataset, reader, detector, make, what="low resolution", without="it was not lowered", say=say)


def lower(image: Image, landmarks: Points, side_px: int) -> Image:
    """A picture as if its face had been photographed with few pixels.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        landmarks: ``(68, 2)`` px of its face.
        side_px: of the face's crop (the 112 template) in the small picture. A face that is smaller already keeps its pixels and
            goes through the JPEG alone.

    Returns:
        A picture of the same size; averaged down over areas, JPEG of :data:`JPEG_QUALITY`, cubic back up.
    """
    scale = min(1.0, side_px / side_in_frame(crop_from_frame_matrix(five_from_68(landmarks), _SPEC), _SPEC.size_px))
    height, width = image.shape[:2]
    small = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    back = cv2.resize(through_jpeg(reduced, JPEG_QUALITY), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(back, np.uint8)
