"""Reading every layer back, and saying plainly what each shows."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ..detect import Detector, load_detector
from ..errors import BackendError, ImageError, VideoError
from ..faces.choose import largest_few
from ..faces.geometry import align_face
from ..files.formats import SIGNATURE_BYTES, format_of_content
from ..files.images import read_image
from ..runtime.budget import Budget, Spending
from ..types import Face, Image
from .carriers import MARK_CROP, codeword
from .credentials import read_credentials
from .metadata import read_metadata
from .reading import Reading, read_faces, read_together, surest
from .watermark import payload_for

_FRAMES = 12  # of a clip, spread evenly: enough for a vote, and bounded in time for any length
_AI_TYPES = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")
# Names a payload is compared with; the mark holds 12 bits of a hash, not the name itself.
KNOWN_MODELS = (
    "student", "teacher", "graphics", "official", "simswap", "ghost", "inswapper", "simswap_256", "simswap_unofficial_512",
    "inswapper_128", "inswapper_128_fp16", "ghost_1_256", "ghost_2_256", "ghost_3_256", "hififace_unofficial_256",
    "hyperswap_1a_256", "hyperswap_1b_256", "hyperswap_1c_256", "blendswap_256", "uniface_256",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetadataFinding:
    """The statement in the file's metadata; anybody can add or remove it."""

    found: bool
    source_type: str | None = None
    software: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class WatermarkFinding:
    """The hidden mark.

    Attributes:
        found: whether at least one face, or the clip's frames together, carries it.
        faces: faces looked at.
        frames: frames looked at; 1 for a still.
        confidence: 1 minus the bound on the probability of such a score without a mark, for the surest face.
        score: cosine of the surest face with its codeword.
        payload: 14 bits, when found.
        model: the swapper the payload belongs to, when it is a known one.
        bit_accuracy: share of the 128 carriers that agree with the decoded payload, when found.
        note: why nothing could be read, when nothing could.
        faces_left: smaller faces that were not looked at, because the budget allows no more in one picture.
    """

    found: bool
    faces: int = 0
    frames: int = 1
    confidence: float = 0.0
    score: float = 0.0
    payload: int | None = None
    model: str | None = None
    bit_accuracy: float | None = None
    note: str = ""
    faces_left: int = 0


@dataclass(frozen=True, slots=True)
class CredentialsFinding:
    """The signed credential: ``state`` as :func:`~.credentials.read_credentials` describes it."""

    found: bool
    state: str
    signer: str | None = None
    software: str | None = None
    model: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found in a file. ``marked``: at least one layer says that faces were swapped.

    ``marked=False`` does not show that a file is genuine: other software may not mark, and every mark can be removed.
    """

    path: str
    marked: bool
    metadata: MetadataFinding
    watermark: WatermarkFinding
    credentials: CredentialsFinding

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """The report in sentences, one per layer after the verdict."""
        verdict = "Marked as a face swap." if self.marked else "No mark found. That does not show that it is genuine."
        return [
            verdict,
            _say_metadata(self.metadata),
            _say_watermark(self.watermark),
            _say_credentials(self.credentials),
        ]


def verify_file(
    path: str | os.PathLike[str], *, detector: Detector | None = None, budget: Budget = Budget()
) -> VerifyReport:
    """Look for all layers in an image or clip.

    Args:
        path: the file; its first bytes say what it is, not its extension.
        detector: finds the faces to look at; the best one that is installed by default.
        budget: what looking may take.

    Raises:
        ImageError: missing, empty or no image or clip that can be read.
        VideoError: a clip that cannot be decoded, or whose pictures are too large.
        BudgetError: it takes more pictures or seconds than the budget has.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"{path} does not exist or is a folder; wanted an image or clip. Check the path.")
    if path.stat().st_size == 0:
        raise ImageError(f"{path} is empty (0 bytes); wanted an image or clip. Copy it again.")
    clip = _is_clip(path)
    watermark = _watermark(path, clip, detector, budget.begin())  # first: it refuses what is no media file
    statement = read_metadata(path)
    source_type = statement.get("source_type", "").rsplit("/", 1)[-1]
    metadata = MetadataFinding(
        source_type in _AI_TYPES, source_type or None, statement.get("software"), statement.get("model")
    )
    raw = read_credentials(path)
    credentials = CredentialsFinding(
        bool(raw["swap"]),
        raw["state"],
        raw.get("signer"),
        raw.get("software"),
        raw.get("model"),
        tuple(raw.get("problems", ())),
    )
    return VerifyReport(
        str(path), metadata.found or watermark.found or credentials.found, metadata, watermark, credentials
    )


@dataclass(slots=True)
class Look:
    """What was seen on the way to a reading.

    Attributes:
        reading: of the surest face, or person of a clip; ``None`` without a face.
        faces: looked at.
        frames: looked at.
        left: faces that were not looked at.
    """

    reading: Reading | None = None
    faces: int = 0
    frames: int = 0
    left: int = 0

    def choose(self, image: Image, detector: Detector, spent: Spending) -> list[Face]:
        """The faces of one more frame that may be looked at, left to right."""
        found = detector.detect(image)
        chosen = largest_few(found, range(len(found)), spent.budget.faces)
        self.frames, self.faces = self.frames + 1, self.faces + len(chosen)
        self.left += len(found) - len(chosen)
        return [found[number] for number in chosen]


def read_still(image: Image, detector: Detector, *, spent: Spending | None = None) -> Look:
    """The surest face's reading.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        detector: finds the faces.
        spent: of the job that this is part of.
    """
    look, spent = Look(), Budget().begin() if spent is None else spent
    readings = []
    for face in look.choose(image, detector, spent):
        spent.check()
        readings += read_faces(image, [face])
    look.reading = surest(readings) if readings else None
    return look


def read_frames(frames: Iterable[Image], detector: Detector, *, spent: Spending | None = None) -> Look:
    """Frames of one clip together: the surest person's reading.

    Faces are told apart by their order from left to right, which is all that a few frames far apart allow.

    Args:
        frames: ``(H, W, 3)`` RGB uint8 each.
        detector: finds the faces.
        spent: of the job that this is part of.
    """
    look, spent = Look(), Budget().begin() if spent is None else spent
    crops: dict[int, list[Image]] = {}
    for frame in frames:
        spent.check()
        for number, face in enumerate(look.choose(frame, detector, spent)):
            crops.setdefault(number, []).append(align_face(frame, face, MARK_CROP).image)
    readings = []
    for person in crops.values():
        spent.check()
        reading = read_together(person)
        if reading is not None:
            readings.append(reading)
    look.reading = surest(readings) if readings else None
    return look


def _watermark(path: Path, clip: bool, detector: Detector | None, spent: Spending) -> WatermarkFinding:
    images = _clip_frames(path, spent) if clip else iter([_photo(path, spent)])
    first = next(images, None)
    if first is None:
        raise ImageError(f"{path} has no frame that can be decoded; wanted an image or clip. Copy it again.")
    try:
        detector = load_detector() if detector is None else detector
    except BackendError as error:
        return WatermarkFinding(False, note=f"not looked for: {error}")
    if clip:
        look = read_frames(chain([first], images), detector, spent=spent)
    else:
        look = read_still(first, detector, spent=spent)
    reading, faces, frames, left = look.reading, look.faces, look.frames, look.left
    if reading is None:
        return WatermarkFinding(False, faces, frames, note="no face was found to read it from")
    confidence, score = round(1 - reading.chance, 9), round(reading.score, 4)
    if not reading.marked:
        return WatermarkFinding(False, faces, frames, confidence, score, faces_left=left)
    model = next((name for name in KNOWN_MODELS if payload_for(name, reading.form) == reading.payload), None)
    accuracy = round(reading.bit_accuracy(codeword(reading.payload)), 4)
    return WatermarkFinding(True, faces, frames, confidence, score, reading.payload, model, accuracy, faces_left=left)


def _photo(path: Path, spent: Spending) -> Image:
    image = read_image(path).image
    spent.picture(image.shape[1], image.shape[0])
    return image


def _is_clip(path: Path) -> bool:
    with path.open("rb") as stream:
        row = format_of_content(stream.read(SIGNATURE_BYTES))
    return row is not None and bool(row.demuxer)


def _clip_frames(path: Path, spent: Spending) -> Iterator[Image]:
    """Frames spread evenly over a clip, by seeking; never more than :data:`_FRAMES` in memory or in time."""
    most = spent.budget.frame_pixels
    try:
        import av
    except ImportError:
        raise BackendError("Reading a clip needs PyAV: pip install av.") from None
    from ..files.frames import shown_rgb
    from ..files.media import bound_decoder, check_frame, open_media, picture_stream

    try:
        with open_media(path) as clip:
            stream = picture_stream(clip, str(path))
            bound_decoder(stream, path.name, max_pixels=most)
            start, length = clip.start_time or 0, clip.duration or 0
            last = None
            for number in range(_FRAMES if length > 0 else 1):
                wanted = (start + length * (number + 0.5) / _FRAMES) / av.time_base
                clip.seek(int(wanted * av.time_base))
                # A key frame may be seconds earlier; a long group of pictures is not decoded to its end.
                for step, frame in enumerate(clip.decode(stream)):
                    check_frame(frame.width, frame.height, path.name, max_pixels=most)
                    spent.picture(frame.width, frame.height)
                    if (frame.time or 0.0) >= wanted or step >= 300:
                        break
                else:
                    continue
                if frame.pts != last:
                    last = frame.pts
                    yield shown_rgb(frame)
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(f"{path} cannot be decoded ({error}). Copy the file again.") from error


def _say_metadata(finding: MetadataFinding) -> str:
    if not finding.found:
        return "Metadata: no statement about AI."
    by = f", written by {finding.software}" if finding.software else ""
    model = f", model {finding.model}" if finding.model else ""
    return f"Metadata: says {finding.source_type}{by}{model}. Anyone can add or remove this."


def _say_watermark(finding: WatermarkFinding) -> str:
    if finding.found:
        model = f", model {finding.model}" if finding.model else ""
        return (
            f"Watermark: found{model} (payload {finding.payload}, {finding.bit_accuracy:.0%} of carriers agree, "
            f"confidence {finding.confidence:.6f})."
        )
    seen = f" in {finding.faces} faces of {finding.frames} frames" if finding.faces else ""
    seen += f"; {finding.faces_left} smaller ones were not looked at" if finding.faces_left else ""
    return f"Watermark: {finding.note}." if finding.note else f"Watermark: none found{seen}."


_STATES = {
    "valid": "signed by a trusted signer, and unchanged since",
    "untrusted": "intact and unchanged since signing, but nobody vouches for the signer",
    "tampered": "present but broken: the file or the credential was changed after signing",
    "elsewhere": "kept elsewhere: the file only links to them, and nothing is fetched",
    "absent": "none in the file",
    "unsupported": "this format cannot carry them",
    "unavailable": "not looked for: install c2pa-python",
}


def _say_credentials(finding: CredentialsFinding) -> str:
    signer = f" ({finding.signer})" if finding.signer else ""
    return f"Content credentials: {_STATES[finding.state]}{signer}."


__all__ = [
    "KNOWN_MODELS",
    "CredentialsFinding",
    "MetadataFinding",
    "VerifyReport",
    "WatermarkFinding",
    "read_frames",
    "read_still",
    "verify_file",
]
