"""From folders of photos to a pack: detect, align, leave out minors, duplicates and bad photos, compress."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from ...detect import Detector, load_detector
from ...errors import ImageError, OptionError
from ...faces.geometry import align_face, side_in_frame
from ...files.formats import photos_in as photos_in_folder
from ...files.images import read_image
from ...files.packs import Pack, pack_from_crops
from ...types import AlignedFace, CropSpec, Image, Points

ADULT_YEARS = 18


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """What becomes a crop.

    Attributes:
        people: who a face belongs to: the photo's ``folder``, the column ``identity`` of ``labels``, or ``each_face`` a
            person of its own (photos of strangers).
        labels: CSV file with a column ``file`` (path below the given folder, or file name) and optional columns
            ``identity`` and ``age``.
        require_age: leave out photos without an age; otherwise they are kept and counted.
        smallest_px: side of the face's own pixels that fill the crop; a smaller face would be enlarged too much.
        sharpness: least variance of the Laplacian inside the face at 224 px (0 keeps all).
        turned: largest yaw signature, see ``pairs.py``.
        duplicate_bits: photos whose 64-bit difference hash differs in at most this many bits are one photo.
        detector: see ``load_detector``.
    """

    people: Literal["folder", "labels", "each_face"] = "folder"
    labels: Path | None = None
    require_age: bool = False
    smallest_px: float = 90.0
    sharpness: float = 20.0
    turned: float = 0.40
    duplicate_bits: int = 3
    detector: str = "lite"


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """How many faces were kept, and why others were not."""

    kept: int
    left_out: dict[str, int] = field(default_factory=dict)
    age_unknown: int = 0

    def text(self) -> str:
        reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items())) or "none left out"
        return f"{self.kept} faces kept, {self.age_unknown} of them of unknown age; {reasons}"


@dataclass(frozen=True, slots=True)
class _Label:
    identity: str | None = None
    age: float | None = None


def photos_in(folders: Iterable[Path]) -> list[Path]:
    """All photos below the folders, in a stable order; hidden ones are left out.

    Raises:
        OptionError: no such folder.
        ImageError: a folder cannot be listed.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise OptionError(f"{folder} is not a folder; give folders of photos.")
        found += photos_in_folder(folder, deep=True)
    return found


def prepare(
    photos: Sequence[Path],
    *,
    name: str,
    options: PrepareOptions = PrepareOptions(),
    detector: Detector | None = None,
    spec: CropSpec = CropSpec(),
) -> tuple[Pack, PrepareReport]:
    """Make a pack. The largest face of a photo is taken, or every face with ``people="each_face"``.

    Raises:
        OptionError: the labels file is missing or has no column ``file``.
    """
    detector = detector or load_detector(options.detector)
    labels = _read_labels(options.labels) if options.labels else {}
    left_out: Counter[str] = Counter()
    hashes: list[int] = []
    crops, landmarks, identities = [], [], []
    unknown = 0
    for photo in photos:
        label = labels.get(str(photo), labels.get(photo.name, _Label()))
        if reason := _unsuitable(label, options):
            left_out[reason] += 1
            continue
        try:
            faces = _aligned_faces(read_image(photo).image, detector, spec, every=options.people == "each_face")
        except ImageError:
            left_out["unreadable photo"] += 1
            continue
        if not faces:
            left_out["no face"] += 1
        for number, face in enumerate(faces):
            points = face.landmarks
            assert points is not None  # _aligned_faces gives landmarks to every face
            if reason := _bad_crop(face, points, options):
                left_out[reason] += 1
                continue
            digest = difference_hash(face.image)
            if any((digest ^ other).bit_count() <= options.duplicate_bits for other in hashes):
                left_out["duplicate"] += 1
                continue
            hashes.append(digest)
            crops.append(face.image)
            landmarks.append(points / spec.size_px)
            identities.append(_person(photo, label, number, options))
            unknown += label.age is None
    stacked = np.stack(landmarks) if landmarks else np.zeros((0, 68, 2))
    about = {"template": spec.template, "fit": spec.fit, "size_px": spec.size_px, "detector": detector.info.name}
    pack = pack_from_crops(name, crops, stacked, identities, about=about)
    return pack, PrepareReport(len(crops), dict(left_out), unknown)


def difference_hash(image: Image) -> int:
    """64 bits: whether each cell of an 8 x 9 grey thumbnail is brighter than its left neighbour (Krawetz 2013)."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (small[:, 1:] > small[:, :-1]).reshape(-1)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def sharpness(image: Image) -> float:
    """Variance of the Laplacian of the crop's middle half, where the face is (Pech-Pacheco 2000)."""
    side = image.shape[0]
    middle = np.ascontiguousarray(image[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4])
    return float(cv2.Laplacian(cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def _aligned_faces(image: Image, detector: Detector, spec: CropSpec, *, every: bool) -> list[AlignedFace]:
    faces = detector.detect(image, order="size")
    aligned = []
    for face in faces if every else faces[:1]:
        crop = align_face(image, face, spec)
        if crop.landmarks is None:
            points = detector.landmarks(image, face)
            crop = AlignedFace(
                crop.image,
                crop.crop_from_frame,
                points @ crop.crop_from_frame[:, :2].T + crop.crop_from_frame[:, 2],
            )
        aligned.append(crop)
    return aligned


def _bad_crop(face: AlignedFace, landmarks: Points, options: PrepareOptions) -> str:
    from .pairs import pose_signature

    pixels = side_in_frame(face.crop_from_frame, len(face.image))
    if pixels < options.smallest_px:
        return f"smaller than {options.smallest_px:g} px"
    if abs(pose_signature(landmarks[None])[0, 0]) > options.turned:
        return "turned too far"
    if sharpness(face.image) < options.sharpness:
        return "blurred"
    return ""


def _unsuitable(label: _Label, options: PrepareOptions) -> str:
    if label.age is not None and label.age < ADULT_YEARS:
        return "minor"
    if label.age is None and options.require_age:
        return "age unknown"
    if label.identity is None and options.people == "labels":
        return "identity unknown"
    return ""


def _person(photo: Path, label: _Label, number: int, options: PrepareOptions) -> str:
    if options.people == "folder":
        return photo.parent.name
    if options.people == "labels":
        return str(label.identity)
    return f"{photo.stem}#{number}"


def _read_labels(path: Path) -> dict[str, _Label]:
    if not path.is_file():
        raise OptionError(f"Labels {path} do not exist; give a CSV file with a column `file`.")
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    if rows and "file" not in rows[0]:
        raise OptionError(
            f"{path} has the columns {', '.join(rows[0])}; wanted `file` and optionally `identity`, `age`."
        )
    labels = {}
    for number, row in enumerate(rows, start=2):
        age = (row.get("age") or "").strip()
        try:
            labels[row["file"]] = _Label(row.get("identity") or None, float(age) if age else None)
        except ValueError:
            raise OptionError(f"{path}, line {number}: age {age!r} is not a number; correct or remove it.") from None
    return labels
