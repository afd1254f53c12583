"""Measure detectors beside each other: recall, false detections, landmark error and time.

``python -m mobilefaceswap_core.diagnose.detectors --images PHOTOS CROPS.npz``

Photos (files or folders) show what happens on real pictures. Packs of face crops with reference landmarks (``buf`` and
``off``: concatenated WebP files and their offsets; ``lm``: ``(N, 68, 2)`` in [0, 1]) are pasted on canvases at known
sizes, tilts and blurs, which gives recall and error with a known truth. ``--layouts`` pastes them, and the largest face of each
photo, into grids by size and by the shape of the picture, at its edges, and into group selfies.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..detect.detector import Detector
from ..detect.load import load_detector
from ..errors import ImageError, SwapError
from ..faces.geometry import similarity_from_points, transform_points
from ..files.images import read_image
from ..types import Face, Image, Points
from .collages import (
    CANVAS,
    Crop,
    background,
    collages,
    crop_of_photo,
    eye_distance,
    landmark_error,
    match,
    read_crops,
)
from .layouts import measure_layouts, with_close_looks
from .tally import Tally, median

SIZES_PX = (24, 32, 48, 96, 200, 400)  # width of the landmarks' extent
TILTS_DEG = (0, 15, 30, 45)
BLUR = 0.03  # standard deviation of the blurred cells, as a fraction of the face's size
_SELF_PX = 200  # size of the upright, sharp face whose landmarks are the reference for stability


@dataclass(frozen=True, slots=True)
class Cell:
    """What one detector did on faces of one size, tilt and blur.

    Attributes:
        detector: its name.
        size_px: width of the landmarks' extent.
        tilt_deg: rotation in the plane; half of the faces are turned the other way.
        blur: Gaussian blur as a fraction of the size.
        faces: how many were pasted.
        recall: part of them that was found.
        false: detections that match no pasted face.
        error: median over found faces of the mean distance to the reference landmarks, by the distance of the eyes.
        error_five: the same for the five alignment points.
        drift: median distance to what the detector itself says on the upright, sharp, 200-px face.
        detect_ms: median time for one 1280 x 960 canvas.
    """

    detector: str
    size_px: int
    tilt_deg: int
    blur: float
    faces: int
    recall: float
    false: int
    error: float
    error_five: float
    drift: float
    detect_ms: float


@dataclass(slots=True)
class _CropTally(Tally):
    """With what crops tell besides: distances of all landmarks, to the reference and to what the detector itself says."""

    errors: list[float] = field(default_factory=list)
    drifts: list[float] = field(default_factory=list)


def measure_crops(
    detectors: Sequence[Detector], crops: Sequence[Crop], *, seed: int, sizes_px: Sequence[int] = SIZES_PX
) -> list[Cell]:
    """All cells: every size at every tilt, sharp, and upright but blurred. Detectors take turns on each canvas."""
    settings = [(size, tilt, 0.0) for size in sizes_px for tilt in TILTS_DEG] + [(size, 0, BLUR) for size in sizes_px]
    own = [_own_landmarks(detector, crops, seed=seed) for detector in detectors]
    cells = []
    for size, tilt, blur in settings:
        # Large faces need a canvas each: fewer of them keep the time in bounds.
        chosen = crops if size < _SELF_PX else crops[: max(1, len(crops) // 2)]
        tallies = [_CropTally() for _ in detectors]
        for canvas, truths, indices in collages(chosen, size_px=size, tilt_deg=tilt, blur=blur, seed=seed):
            for detector, tally, reference in zip(detectors, tallies, own, strict=True):
                faces, found = tally.look(detector, canvas, truths)
                for place, number in found.items():
                    index = indices[place]
                    _count(tally, faces[number], truths[place], crops[index], reference.get(index))
        for detector, tally in zip(detectors, tallies, strict=True):
            cells.append(_cell(detector.info.name, size, tilt, blur, tally))
    return cells


def _own_landmarks(detector: Detector, crops: Sequence[Crop], *, seed: int) -> dict[int, Points]:
    """What the detector says on each crop when it is upright, sharp and large, in pixels of the crop."""
    own: dict[int, Points] = {}
    for canvas, truths, indices in collages(crops, size_px=_SELF_PX, tilt_deg=0, blur=0, seed=seed):
        faces = detector.detect(canvas)
        for place, chosen in match(faces, truths).items():
            landmarks = faces[chosen].landmarks
            if landmarks is not None:
                crop = crops[indices[place]]
                own[indices[place]] = transform_points(similarity_from_points(truths[place], crop.landmarks), landmarks)
    return own


def _count(tally: _CropTally, face: Face, truth: Points, crop: Crop, own: Points | None) -> None:
    if face.landmarks is None:
        return
    eyes_px = eye_distance(truth)
    tally.errors.append(landmark_error(face.landmarks, truth, eyes_px=eyes_px))
    if own is not None:
        here = transform_points(similarity_from_points(crop.landmarks, truth), own)
        tally.drifts.append(landmark_error(face.landmarks, here, eyes_px=eyes_px))


def _cell(name: str, size_px: int, tilt_deg: int, blur: float, tally: _CropTally) -> Cell:
    return Cell(
        detector=name,
        size_px=size_px,
        tilt_deg=tilt_deg,
        blur=blur,
        faces=tally.faces,
        recall=tally.found / max(tally.faces, 1),
        false=tally.false,
        error=median(tally.errors),
        error_five=median(tally.errors_five),
        drift=median(tally.drifts),
        detect_ms=median(tally.times_ms),
    )


def measure_photo(detectors: Sequence[Detector], name: str, image: Image) -> list[dict[str, object]]:
    """Faces and time of each detector on a photo, and how far its landmarks are from those of the first detector."""
    rows: list[dict[str, object]] = []
    first: list[Face] = []
    for detector in detectors:
        start = time.perf_counter()
        faces = detector.detect(image)
        took_ms = (time.perf_counter() - start) * 1e3
        if not rows:
            first = faces
        known = [face.landmarks for face in first if face.landmarks is not None]
        distances = []
        for place, chosen in match(faces, known).items():
            landmarks = faces[chosen].landmarks
            if landmarks is not None:
                distances.append(landmark_error(landmarks, known[place], eyes_px=eye_distance(known[place])))
        rows.append(
            {
                "photo": name,
                "size": f"{image.shape[1]}x{image.shape[0]}",
                "detector": detector.info.name,
                "faces": len(faces),
                "shared": len(distances),
                "distance": median(distances),
                "scores": [round(face.score, 3) for face in faces],
                "detect_ms": took_ms,
            }
        )
    return rows


def table(rows: Sequence[dict[str, object]]) -> str:
    """Rows of equal keys as a Markdown table."""
    if not rows:
        return ""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    for row in rows:
        values = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines)


def photo_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and all files directly inside the folders named, in order of name."""
    files: list[Path] = []
    for path in paths:
        files += sorted(child for child in path.iterdir() if child.is_file()) if path.is_dir() else [path]
    return [file for file in files if file.suffix.lower() != ".npz"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m mobilefaceswap_core.diagnose.detectors", description="Compare detectors."
    )
    parser.add_argument(
        "--images", nargs="+", type=Path, required=True, help="photos, folders of photos, packs of crops"
    )
    parser.add_argument(
        "--detectors", nargs="+", default=["lite", "dlib"], help="which to compare (default: lite dlib)"
    )
    parser.add_argument("--crops", type=int, default=64, help="crops taken from each pack (default: 64)")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES_PX, help="widths of the pasted faces in pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and the canvases (default: 0)")
    parser.add_argument("--fast", action="store_true", help="compare the settings for video")
    parser.add_argument("--layouts", action="store_true", help="grids by size and shape, edges, selfies instead")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    options = parser.parse_args(arguments)
    try:
        detectors = [load_detector(name, device="cpu", fast=options.fast) for name in options.detectors]
        for detector in detectors:  # the first call allocates
            detector.detect(background(np.random.default_rng(0), CANVAS))
        if options.layouts:
            looks = with_close_looks(detectors) if options.fast else detectors
            rows = [asdict(row) for row in measure_layouts(looks, _crops(options, looks[0]), seed=options.seed)]
            print(json.dumps({"layouts": rows, "seed": options.seed}) if options.json else table(rows))
            return 0
        photos: list[dict[str, object]] = []
        for path in photo_files(options.images):
            try:
                photos += measure_photo(detectors, path.name, read_image(path).image)
            except ImageError as error:
                print(f"left out: {error}", file=sys.stderr)
        packs = {
            path.name: [
                asdict(cell) for cell in measure_crops(detectors, crops, seed=options.seed, sizes_px=options.sizes)
            ]
            for path in options.images
            if path.suffix.lower() == ".npz" and (crops := read_crops(path, count=options.crops, seed=options.seed))
        }
    except SwapError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps({"photos": photos, "crops": packs, "seed": options.seed}))
        return 0
    print(table(photos))
    for name, cells in packs.items():
        print(f"\n{name}\n{table(cells)}")
    return 0


def _crops(options: argparse.Namespace, detector: Detector) -> list[Crop]:
    """Crops of the packs, and the largest face of each photo."""
    packs = [path for path in options.images if path.suffix.lower() == ".npz"]
    crops = [crop for path in packs for crop in read_crops(path, count=options.crops, seed=options.seed)]
    return crops + [crop_of_photo(read_image(path).image, detector) for path in photo_files(options.images)]


if __name__ == "__main__":
    sys.exit(main())
