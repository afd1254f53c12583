"""The methods a table compares: our swappers, anybody's, an external method's results, and three reference rows.

A method is named on the command line as ``NAME``, or ``LABEL=SPEC`` to choose its label:

* ``target``: no swap, the target itself. Identity at chance, pose and expression error 0: the lower bound.
* ``target-jpeg``: the target re-encoded as JPEG 75: what the judges report when nothing about the face changed (noise floor).
* ``source-paste``: the source's crop pasted in as it is. Identity at its best, pose and expression at their worst.
* a name of ``mobilefaceswap_core.models`` (``student``, ``teacher``, ``graphics``, one that another package registers),
  ``module:factory`` (a function that returns a ``Swapper``; it may take ``device``), or a ``.safetensors`` path.
  Choices about its swaps may follow: ``bare=student?occlusion=0&texture=0`` (:mod:`eval.method_options`).
* ``all``: the target as it is and as JPEG, and every model whose files are present.
* a folder of results named ``source-target.png`` (stems of the two images) or by pair number (``000042.png``).
* a ``.onnx`` file of a kind that :mod:`mobilefaceswap_core.teachers.onnx_file` knows. One that ``export`` wrote swaps in the
  person inside it, whatever the pair's source is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from mobilefaceswap_core.errors import ImageError, NoFaceError, OptionError
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.files.formats import PHOTO_SUFFIXES
from mobilefaceswap_core.swapper import Swapper, SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, Face, Image, SwappedCrop

from .images import ImageReader, read_image
from .method_options import all_choices, split_choices, unmarked_options
from .pairs import Pair

# Reference rows change no face: never ranked against methods.
REFERENCE_METHODS = {
    "target": "Target, no swap (lower bound)",
    "target-jpeg": "Target as JPEG 75 (noise floor)",
    "source-paste": "Source crop pasted in (upper bound of identity)",
}
_JPEG_QUALITY = 75


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
    """Turns a pair into an image."""

    @property
    def info(self) -> MethodInfo: ...

    def make(self, pair: Pair, reader: ImageReader) -> Image:
        """The swapped image, as large as the target.

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
    label, mark, spec = argument.partition("=")
    if "?" in label:
        raise OptionError(
            f"The method {argument!r} has choices and no label; wanted a label of its own, such as bare={argument}."
        )
    if not mark:
        spec = argument
        label = Path(argument).stem if "/" in argument or argument.endswith((".onnx", ".safetensors")) else argument
        label = label.replace(":", ".")
    if not is_label(label):
        raise OptionError(f"The method {argument!r} needs a label of letters, digits, dots and dashes: LABEL={spec}.")
    return label, spec


def load_method(argument: str, *, detector: str, device: str, aligned: CropSpec | None, base: Path) -> Method:
    """Load a method by its command line name.

    Args:
        argument: see the module's text.
        detector: detector of the pipeline, by name.
        device: torch device.
        aligned: the data set's crop contract when its images are aligned crops.
        base: folder that relative paths in ``argument`` are relative to.

    Raises:
        OptionError: a method that cannot be loaded, or choices about one that does not swap by the pipeline.
    """
    label, whole = parse_method(argument)
    spec, chosen = split_choices(whole)
    place = base / spec
    if chosen and (spec in REFERENCE_METHODS or place.is_dir()):
        raise OptionError(f"The method {argument!r}: {spec} is there as it is; only a swapper takes choices.")
    if spec in ("target", "target-jpeg"):
        return TargetMethod(label, spec)
    if place.is_dir():
        return FolderMethod(label, place)
    if spec == "source-paste":
        return PipelineMethod(label, SourcePaste(), detector=detector, device=device, aligned=aligned)
    from mobilefaceswap_core.models import holds_source, load_swapper

    name = str(place) if spec.endswith((".onnx", ".safetensors")) else spec
    swapper = load_swapper(name, device=device)
    return PipelineMethod(
        label,
        swapper,
        detector=detector,
        device=device,
        aligned=aligned,
        holds_source=holds_source(name),
        chosen=chosen,
    )


class TargetMethod:
    """The target itself, or the target after a JPEG."""

    def __init__(self, label: str, spec: str) -> None:
        self._encode = spec == "target-jpeg"
        self._info = MethodInfo(label, REFERENCE_METHODS[spec], reference=True)

    @property
    def info(self) -> MethodInfo:
        return self._info

    def make(self, pair: Pair, reader: ImageReader) -> Image:
        target = reader.read_target(pair.target)
        if not self._encode:
            return target
        _, payload = cv2.imencode(".jpg", target[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        decoded = cv2.imdecode(payload, cv2.IMREAD_COLOR)
        assert decoded is not None  # it was encoded a line above
        return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


class FolderMethod:
    """Somebody else's results on disk."""

    def __init__(self, label: str, folder: Path) -> None:
        self._folder = folder
        self._info = MethodInfo(label, f"results in the folder {folder.name}", details={"folder": folder.name})

    @property
    def info(self) -> MethodInfo:
        return self._info

    def make(self, pair: Pair, reader: ImageReader) -> Image:
        """Read the result; a size other than the target's is refused, since background metrics compare pixels."""
        names = (f"{reference_stem(pair.source)}-{reference_stem(pair.target)}", pair.name, str(pair.index))
        for name in names:
            for suffix in PHOTO_SUFFIXES:
                if (self._folder / (name + suffix)).is_file():
                    image = read_image(self._folder / (name + suffix))
                    wanted = reader.read_target(pair.target).shape
                    if image.shape != wanted:
                        raise ImageError(
                            f"{name}{suffix} is {image.shape[:2]}, its target {wanted[:2]}; sizes must agree"
                        )
                    return image
        raise ImageError(f"no result named {names[0]}.png (or {names[1]}.png) in {self._folder.name}")


def reference_stem(reference: str) -> str:
    """Stem of a reference's file; frame or crop numbers are kept: ``a/000.mp4#12`` -> ``000_12``."""
    path, mark, number = reference.rpartition("#")
    return f"{Path(path).stem}_{number}" if mark else Path(reference).stem


class PipelineMethod:
    """A swapper with the core's pipeline on photos and frames, or on aligned crops without detection.

    On photos the largest face is swapped, and the source is the largest face of its photo. Nothing is marked: a watermark
    would be measured as an artefact.
    """

    def __init__(
        self,
        label: str,
        swapper: Swapper,
        *,
        detector: str,
        device: str,
        aligned: CropSpec | None,
        holds_source: bool = False,
        chosen: Mapping[str, Any] | None = None,
    ) -> None:
        from mobilefaceswap_core.detect import load_detector
        from mobilefaceswap_core.pipeline import Pipeline, Source

        self._aligned = aligned
        self._options = unmarked_options(chosen or {})
        self._pipeline = Pipeline(swapper, load_detector(detector, device=device))
        self._inside = Source(swapper.condition(()), (), swapper.info.name) if holds_source else None
        found = self._pipeline.detector.info
        card = swapper.info
        self._source: tuple[str, Any] | None = None  # the last source prepared; a memory of one
        self._info = MethodInfo(
            label,
            card.title,
            reference=card.name == "source-paste",
            details={
                "model": card.name,
                "licence": card.licence,
                "source": card.source,
                "weights_sha256": dict(card.weights_sha256),
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

    def make(self, pair: Pair, reader: ImageReader) -> Image:
        target = reader.read_target(pair.target)
        if self._aligned is not None:
            return self._swap_crop(pair, reader, target)
        result = self._pipeline.swap(target, self._prepared(pair, reader), faces="largest", options=self._options)
        if result.report.faces_swapped == 0:
            reasons = "; ".join(result.report.skipped.values())
            raise NoFaceError(f"no face of the target was swapped ({reasons or 'none was found'})")
        return result.image

    def _prepared(self, pair: Pair, reader: ImageReader) -> Any:
        """The pair's source, or the one in the swapper's file."""
        if self._inside is not None:
            return self._inside
        if self._source is None or self._source[0] != pair.source:
            self._source = (pair.source, self._pipeline.prepare_source([reader.read(pair.source)]))
        return self._source[1]

    def _swap_crop(self, pair: Pair, reader: ImageReader, target: Image) -> Image:
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
        image, report, _, _ = pipeline.swap_faces(target, [known], {0: prepared}, options=self._options)
        if report.faces_swapped == 0:
            raise NoFaceError(f"the aligned target was not swapped ({report.skipped.get(0, 'no reason given')})")
        return image

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
