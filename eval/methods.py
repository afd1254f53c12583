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
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.types import CropSpec, Image

from .followed import FollowedClips
from .images import ImageReader, read_image, through_jpeg
from .method_info import REFERENCE_METHODS, Method, MethodInfo
from .method_options import split_choices
from .pairs import Pair
from .pipeline_method import PipelineMethod, SourcePaste
from .published import Published, is_published
from .result_folders import read_results
from .units import Moment

_JPEG_QUALITY = 75
_SHIFT_PX = 0.5  # no sample stays where it was, so no block of an earlier JPEG is found again


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
