"""The methods a table compares: our swappers, anybody's, an external method's results, and three reference rows.

A method is named on the command line as ``NAME``, or ``LABEL=SPEC`` to choose its label:

* ``target``: no swap, the target itself. Identity at chance, pose and expression error 0: the lower bound.
* ``target-jpeg``: the target shifted by half a pixel, then a JPEG of quality 75: what the judges report when nothing about the
  face changed (noise floor). A JPEG alone changes nothing about a photo that was one already.
* ``source-paste``: the source's crop pasted in as it is. Identity at its best, pose and expression at their worst.
* a name of ``mobilefaceswap_core.models`` (``student``, ``teacher``, ``graphics``, one that another package registers),
  ``module:factory`` (a function that returns a ``Swapper``; it may take ``device``), or a ``.safetensors`` path.
  Choices about its swaps may follow: ``bare=student?occlusion=0&texture=0`` (:mod:`eval.method_options`).
* ``all``: the target as it is and as JPEG, and every model whose files are present.
* a folder of results (:mod:`eval.result_folders`): named by pair number (``000042.png``), ``source-target.png``, or the same
  with the folders' names (``n000001_0001-n000002_0007.png``).
* ``ffpp:FaceShifter``: published results on the disk, of FaceForensics++ (:mod:`eval.published`).
* a ``.onnx`` file of a kind that :mod:`mobilefaceswap_core.teachers.onnx_file` knows, or another file that ``export`` wrote
  and that runs here. What ``export`` wrote swaps in the person inside it, whatever the pair's source is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.errors import ImageError, NoFaceError, OptionError
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.swapper import Swapper, SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, Face, FrameReport, Image, SwappedCrop

from .followed import ClipMemory, Followed, FollowedClips
from .images import ImageReader, read_image, through_jpeg
from .method_options import all_choices, split_choices, unmarked_options
from .pairs import Pair
from .published import Published, is_published
from .result_folders import read_results
from .units import Moment

# Reference rows change no face: never ranked against methods.
REFERENCE_METHODS = {
    "target": "Target, no swap (lower bound)",
    "target-jpeg": "Target shifted by half a pixel, as JPEG 75 (noise floor)",
    "source-paste": "Source crop pasted in (upper bound of identity)",
}
_JPEG_QUALITY = 75
_SHIFT_PX = 0.5  # no sample stays where it was, so no block of an earlier JPEG is found again


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """What a table says about a method.

    Attributes:
        name: label of the row and name of its folder.
        title: one line for people.
        reference: whether it is a reference row.
        details: licence, weights, device, what was chosen about its swaps and the like, for the footer.
    """

    name: str
    title: str
    reference: bool = False
    details: dict[str, Any] = field(default_factory=dict)


class Method(Protocol):
    """Turns a pair into an image.

    Attributes:
        remembers: whether a frame of a clip depends on those before it.
    """

    @property
    def info(self) -> MethodInfo: ...

    @property
    def remembers(self) -> bool: ...

    def make(self, pair: Pair, reader: ImageReader, moment: Moment | None = None) -> Image:
        """The swapped image, as large as the target.

        Args:
            moment: when the target is shown, where it is to be swapped as a frame of its clip. The frames come in order.

        Raises:
            SwapError: when there is none; the message becomes the record.
        """
        ...


def is_label(text: str) -> bool:
    """Whether a text can name a row of a table and a folder: a plain word that is no formula and leads nowhere else."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text) is not None


def parse_method(argument: str) -> tuple[str, str]:
    """``LABEL=SPEC`` or ``SPEC`` -> label and spec; the label names a folder and must be a plain word.

    Raises:
        OptionError: for a label that cannot name a folder, and for choices without a label of their own.
    """
    from mobilefaceswap_core.models import FILE_SUFFIXES

    label, mark, spec = argument.partition("=")
    if "?" in label:
        raise OptionError(
            f"The method {argument!r} has choices and no label; wanted a label of its own, such as bare={argument}."
        )
    if not mark:
        spec = argument
        label = Path(argument).stem if "/" in argument or argument.endswith(FILE_SUFFIXES) else argument
        label = label.replace(":", ".")
    if not is_label(label):
        raise OptionError(f"The method {argument!r} needs a label of letters, digits, dots and dashes: LABEL={spec}.")
    return label, spec


def load_method(
    argument: str,
    *,
    detector: str | Detector,
    device: str,
    aligned: CropSpec | None,
    base: Path,
    pairs: Iterable[Pair] = (),
    root: Path | None = None,
    clips: FollowedClips | None = None,
) -> Method:
    """Load a method by its command line name.

    Args:
        argument: see the module's text.
        detector: detector of the pipeline, or its name.
        device: torch device.
        aligned: the data set's crop contract when its images are aligned crops.
        base: folder that relative paths in ``argument`` are relative to.
        pairs: of the run, which results in a folder are named after; read only for those.
        root: the data set's, below which published results lie.
        clips: follows the faces of clips, for several methods; by ``detector`` if not given.

    Raises:
        OptionError: a method that cannot be loaded, choices about one that does not swap by the pipeline, or a folder in which
            one result would serve several pairs.
    """
    label, whole = parse_method(argument)
    spec, chosen = split_choices(whole)
    place = base / spec
    if chosen and (spec in REFERENCE_METHODS or place.is_dir() or is_published(spec)):
        raise OptionError(f"The method {argument!r}: {spec} is there as it is; only a swapper takes choices.")
    if spec in ("target", "target-jpeg"):
        return TargetMethod(label, spec)
    if is_published(spec):
        return PublishedMethod(label, spec, root)
    if place.is_dir():
        return FolderMethod(label, place, pairs)
    if spec == "source-paste":
        return PipelineMethod(label, SourcePaste(), detector=detector, device=device, aligned=aligned, clips=clips)
    from mobilefaceswap_core.models import FILE_SUFFIXES, holds_source, load_swapper

    name = str(place) if spec.endswith(FILE_SUFFIXES) else spec
    swapper = load_swapper(name, device=device)
    if hasattr(swapper, "in_float32"):  # asked for by name: its class needs torch, and many methods do without
        swapper = swapper.in_float32()
    return PipelineMethod(
        label,
        swapper,
        detector=detector,
        device=device,
        aligned=aligned,
        holds_source=holds_source(name),
        chosen=chosen,
        clips=clips,
    )


class TargetMethod:
    """The target itself, or the target after a half-pixel shift and a JPEG."""

    remembers = False

    def __init__(self, label: str, spec: str) -> None:
        self._encode = spec == "target-jpeg"
        self._info = MethodInfo(label, REFERENCE_METHODS[spec], reference=True)

    @property
    def info(self) -> MethodInfo:
        return self._info

    def make(self, pair: Pair, reader: ImageReader, moment: Moment | None = None) -> Image:
        target = reader.read_target(pair.target)
        return shifted_jpeg(target) if self._encode else target


def shifted_jpeg(image: Image) -> Image:
    """A photo shifted by half a pixel to the right and down (cubic), then through a JPEG of quality 75; the same size."""
    shift = np.array([[1.0, 0.0, _SHIFT_PX], [0.0, 1.0, _SHIFT_PX]])
    size = image.shape[1], image.shape[0]
    moved = cv2.warpAffine(image, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return through_jpeg(np.asarray(moved, np.uint8), _JPEG_QUALITY)


class FolderMethod:
    """Somebody else's results on disk."""

    remembers = False

    def __init__(self, label: str, folder: Path, pairs: Iterable[Pair]) -> None:
        self._results = read_results(folder, pairs)
        self._info = MethodInfo(
            label,
            f"results in the folder {folder.name}",
            details={"folder": folder.name, "results_named_by": self._results.rule.name},
        )

    @property
    def info(self) -> MethodInfo:
        return self._info

    def make(self, pair: Pair, reader: ImageReader, moment: Moment | None = None) -> Image:
        """Read the result; a size other than the target's is refused, since background metrics compare pixels."""
        path = self._results.path(pair)
        return as_large(read_image(path), path.name, reader.read_target(pair.target))


def as_large(image: Image, name: str, target: Image) -> Image:
    """A result, if it is as large as its target.

    Raises:
        ImageError: it is not.
    """
    if image.shape != target.shape:
        raise ImageError(f"{name} is {image.shape[:2]}, its target {target.shape[:2]}; sizes must agree")
    return image


class PublishedMethod:
    """Results that a benchmark ships, found below the data set's root."""

    remembers = False

    def __init__(self, label: str, spec: str, root: Path | None) -> None:
        self._published = Published(spec, root)
        self._info = MethodInfo(label, self._published.title, details={"published": spec})

    @property
    def info(self) -> MethodInfo:
        return self._info

    def make(self, pair: Pair, reader: ImageReader, moment: Moment | None = None) -> Image:
        """The published frame of a pair, at the target's size."""
        reference = self._published.reference(pair)
        return as_large(reader.read(reference), reference, reader.read_target(pair.target))


class PipelineMethod:
    """A swapper with the core's pipeline on photos and frames, or on aligned crops without detection.

    On photos the largest face is swapped, and the source is the largest face of its photo. Frames of a clip are swapped as a
    video job does: the face is followed, the finish remembers it, and what nobody chose is as clips have it. Nothing is marked:
    a watermark would be measured as an artefact.
    """

    remembers = True

    def __init__(
        self,
        label: str,
        swapper: Swapper,
        *,
        detector: str | Detector,
        device: str,
        aligned: CropSpec | None,
        holds_source: bool = False,
        chosen: Mapping[str, Any] | None = None,
        clips: FollowedClips | None = None,
    ) -> None:
        from mobilefaceswap_core.detect import load_detector
        from mobilefaceswap_core.pipeline import Pipeline, Source
        from mobilefaceswap_core.weights.fetch import present_file
        from mobilefaceswap_core.weights.published import PUBLISHED

        self._aligned = aligned
        self._options = unmarked_options(chosen or {})
        finds = load_detector(detector, device=device) if isinstance(detector, str) else detector
        self._pipeline = Pipeline(swapper, finds)
        self._clips, self._memory = clips or FollowedClips(lambda: finds), ClipMemory()
        self._inside = Source(swapper.condition(()), (), swapper.info.name) if holds_source else None
        found = self._pipeline.detector.info
        card = swapper.info
        networks = {path.name: sha256 for path, sha256 in (present_file(PUBLISHED[n]) for n in self._options.networks)}
        terms = [card.licence, *(f"{PUBLISHED[name].licence} ({name})" for name in self._options.networks)]
        self._source: tuple[str, Any] | None = None  # the last source prepared; a memory of one
        self._info = MethodInfo(
            label,
            card.title,
            reference=card.name == "source-paste",
            details={
                "model": card.name,
                "licence": "; ".join(terms),
                "source": card.source,
                "weights_sha256": dict(card.weights_sha256) | networks,
                "device": card.device,
                "crop": f"{card.crop.size_px} px, {card.crop.template} template, {card.crop.fit}",
                "detector": "none: aligned crops" if aligned else f"{found.name} ({found.device})",
                "options": all_choices(chosen or {}),
                **({"holds_source": True} if holds_source else {}),
            },
        )

    @property
    def info(self) -> MethodInfo:
        return self._info

    def make(self, pair: Pair, reader: ImageReader, moment: Moment | None = None) -> Image:
        target = reader.read_target(pair.target)
        if self._aligned is not None:
            return self._swap_crop(pair, reader, target, moment)
        if moment is not None:
            return self._swap_frame(target, moment, self._prepared(pair, reader))
        result = self._pipeline.swap(target, self._prepared(pair, reader), faces="largest", options=self._options)
        return self._swapped(result.image, result.report)

    def _swap_frame(self, target: Image, moment: Moment, prepared: Any) -> Image:
        """As the video pipeline swaps a frame whose face it follows."""
        followed = self._clips.at(target, moment)
        faces = [] if followed.face is None else [followed.face]
        memories = [self._memory.of(followed) for _ in faces]
        image, report, *_ = self._pipeline.swap_faces(
            target, faces, dict.fromkeys(range(len(faces)), prepared), options=self._options, moving=True,
            memories=memories, time_s=moment.time_s,
        )  # fmt: skip
        return self._swapped(image, report)

    def _swapped(self, image: Image, report: FrameReport) -> Image:
        if report.faces_swapped == 0:
            reasons = "; ".join(report.skipped.values())
            raise NoFaceError(f"no face of the target was swapped ({reasons or 'none was found'})")
        return image

    def _prepared(self, pair: Pair, reader: ImageReader) -> Any:
        """The pair's source, or the one in the swapper's file."""
        if self._inside is not None:
            return self._inside
        if self._source is None or self._source[0] != pair.source:
            self._source = (pair.source, self._pipeline.prepare_source([reader.read(pair.source)]))
        return self._source[1]

    def _swap_crop(self, pair: Pair, reader: ImageReader, target: Image, moment: Moment | None) -> Image:
        """Place the five template points on both crops instead of detecting."""
        from mobilefaceswap_core.pipeline import Source

        pipeline = self._pipeline
        prepared = self._inside
        if prepared is None:
            source = reader.read(pair.source)
            found = self._known_face(pair.source, source, reader)
            face = pipeline.align(source, pipeline.with_landmarks(source, found))
            prepared = Source(pipeline.swapper.condition([face]), (face.image,), pipeline.swapper.info.name)
        known = self._known_face(pair.target, target, reader)
        moving: dict[str, Any] = {}
        if moment is not None:
            followed = Followed(
                known, 0, frozenset({0}), moment.clip + 1
            )  # nobody need follow what stands where it stood
            moving = {"moving": True, "memories": [self._memory.of(followed)], "time_s": moment.time_s}
        return self._swapped(*pipeline.swap_faces(target, [known], {0: prepared}, options=self._options, **moving)[:2])

    def _known_face(self, reference: str, image: Image, reader: ImageReader) -> Face:
        size = image.shape[0]
        if image.shape[0] != image.shape[1]:
            raise ImageError(f"{reference} is {image.shape[:2]}; an aligned crop is square")
        spec = self._aligned or CropSpec()
        five = template_points(CropSpec(size, spec.template, spec.fit))
        # The face fills about this part of the 112 template's crop: brows to chin, temple to temple.
        box = np.array([0.14, 0.22, 0.86, 0.98]) * size
        return Face(box, 1.0, five, reader.landmarks(reference, size))


class SourcePaste:
    """Pastes the source's aligned crop over the target's, border to border: the upper bound of identity."""

    info = SwapperInfo(
        name="source-paste",
        title=REFERENCE_METHODS["source-paste"],
        crop=CropSpec(),
        licence="none",
        source="reference row",
        match_colours=False,
    )

    def condition(self, sources: Sequence[AlignedFace]) -> Image:
        """The first photo's crop."""
        return sources[0].image

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[Image]) -> list[SwappedCrop]:
        """The source crop with a full mask."""
        chosen = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        return [SwappedCrop(image, np.ones(image.shape[:2], np.float32)) for image in chosen]
