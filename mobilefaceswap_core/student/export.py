"""The IDN as ONNX files, checked against PyTorch before they are written, and read back as swappers.

Two forms: *baked*, one file per source with the source's kernels inside (fastest, needs nothing else to swap), and
*dynamic*, one graph for all sources with the kernels as inputs; a source is then an ``.npz`` of arrays.

Inputs and outputs: ``crop (N, 3, S, S)`` RGB in [0, 1] -> ``swapped`` (blended with the mask), ``mask`` and ``face`` (before
blending), all in [0, 1].
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, ImageError, OptionError, OutputError, WeightsError
from ..files.atomic import write_bytes
from ..files.npz import read_npz
from ..swapper import SwapperInfo
from ..types import AlignedFace, CropSpec, SwappedCrop

if TYPE_CHECKING:
    import onnx

    from .swapper import Student, StudentCondition

Array = NDArray[np.float32]
TOLERANCE = 1e-4  # the largest difference from PyTorch a written file may have; that of the parity check
HALF_TOLERANCE = 4e-3  # one grey level of 255; measured: up to 1.5e-3, with the portraits of the demo as sources
_FAMILY = "mobilefaceswap-idn-"
FORMAT = f"{_FAMILY}1"  # of the metadata below; a reader refuses others
KINDS_WITH_SOURCE = ("baked", "dynamic")  # those that swap in one person; the others are halves of a pair
_FITS = ("similarity", "affine")
_CROP_LIMIT = 1024  # px; the largest crop of a known swapper has 512
_BYTES_LIMIT = 64 << 20  # a baked graph has 2 MB; anything much larger is no file of ours


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written, and how far it is from PyTorch.

    Attributes:
        paths: the files.
        kind: ``baked`` or ``dynamic``.
        max_difference: largest absolute difference of result and mask from PyTorch, in [0, 1] units.
    """

    paths: tuple[Path, ...]
    kind: str
    max_difference: float


def export_baked(
    student: Student, condition: StudentCondition, path: str | os.PathLike[str], *, half: bool = False
) -> ExportReport:
    """Write one source's network.

    Args:
        student: the swapper the condition was made with.
        condition: of one person.
        path: ends in ``.onnx``.
        half: store the large constants in 16 bits: 1.1 MB instead of 2. The network still computes in 32; what rounding the
            kernels changes is held to :data:`HALF_TOLERANCE`.

    Raises:
        BackendError: ONNX Runtime is missing, or computes something else than PyTorch; nothing is written.
        OutputError: the file cannot be written.
    """
    from .graph import idn_graph

    path = _onnx_path(path)
    model = idn_graph(cpu_idn(student), condition.weights.to("cpu"))
    complete_graph(model, student, kind="baked")
    if half:
        from .identity_graph import halve

        model = halve(model)
    difference = _difference(student, condition, model, {}, tolerance=HALF_TOLERANCE if half else TOLERANCE)
    write_bytes(path, model.SerializeToString())
    return ExportReport((path,), "baked", difference)


def export_dynamic(
    student: Student,
    condition: StudentCondition,
    path: str | os.PathLike[str],
    *,
    weights_path: str | os.PathLike[str] | None = None,
) -> ExportReport:
    """Write the network of all sources, with kernels as inputs.

    Args:
        student: the swapper.
        condition: of some person; the graph is checked with it.
        path: ends in ``.onnx``.
        weights_path: ``.npz`` to write this person's inputs to.

    Raises:
        BackendError: ONNX Runtime is missing, or computes something else than PyTorch; nothing is written.
        OutputError: a file cannot be written.
    """
    from .graph import graph_input, idn_graph

    path = _onnx_path(path)
    if weights_path is not None and Path(weights_path).suffix.lower() != ".npz":
        raise OutputError(f"{weights_path}: the inputs of a source are written as .npz; change the extension.")
    feed = {name: graph_input(name, kernel) for name, kernel in condition.weights.tensors().items()}
    model = idn_graph(cpu_idn(student), None)
    complete_graph(model, student, kind="dynamic")
    difference = _difference(student, condition, model, feed)
    write_bytes(path, model.SerializeToString())
    written = [path]
    if weights_path is not None:
        buffer = io.BytesIO()
        np.savez(buffer, **feed)  # type: ignore[arg-type]  # its stub takes the keyword allow_pickle for one of them
        write_bytes(Path(weights_path), buffer.getvalue())
        written.append(Path(weights_path))
    return ExportReport(tuple(written), "dynamic", difference)


@dataclass(frozen=True, slots=True, eq=False)
class GraphCondition:
    """Inputs of a dynamic graph that make it swap one person in; empty for a baked graph."""

    feed: dict[str, Array]


class GraphSwapper:
    """An exported file as a :class:`~mobilefaceswap_core.swapper.Swapper`. It runs on ONNX Runtime alone.

    A baked file holds its source: :meth:`condition` takes no photo.
    """

    def __init__(self, session: Any, info: SwapperInfo, feed: dict[str, Array]) -> None:
        self._session = session
        self._info = info
        self._condition = GraphCondition(feed)

    @property
    def info(self) -> SwapperInfo:
        return self._info

    def condition(self, sources: Sequence[AlignedFace]) -> GraphCondition:
        """The person in the file.

        Args:
            sources: must be empty.

        Raises:
            OptionError: photos were given, which such a file cannot use.
        """
        if sources:
            raise OptionError(
                f"This exported {self._info.name} already holds its source and cannot take another; give no source photo, or use the "
                "model it was exported from."
            )
        return self._condition

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[GraphCondition]) -> list[SwappedCrop]:
        """Swap a batch; every target gets the person in the file.

        Raises:
            OptionError: a condition of another swapper.
            ImageError: a crop of another size.
        """
        if any(condition is not self._condition for condition in conditions):
            raise OptionError("A source was prepared by another swapper; this file swaps in the person it holds only.")
        if not targets:
            return []
        side = self._info.crop.size_px
        for face in targets:
            if face.image.shape != (side, side, 3) or face.image.dtype != np.uint8:
                raise ImageError(
                    f"{self._info.name} reads ({side}, {side}, 3) uint8 crops, got {face.image.shape} {face.image.dtype}; "
                    "align the face with this swapper's own crop spec."
                )
        crops = np.stack([face.image for face in targets]).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        # Not "swapped": that is blended with the mask already, and pasting back blends with it.
        faces, masks = self._session.run(["face", "mask"], {"crop": crops, **self._condition.feed})
        images = np.clip(np.rint(faces * 255), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
        return [
            SwappedCrop(np.ascontiguousarray(image), np.ascontiguousarray(mask))
            for image, mask in zip(images, masks[:, 0], strict=True)
        ]


def load_conditioned_onnx(
    path: str | os.PathLike[str], *, weights: str | os.PathLike[str] | None = None, threads: int | None = None
) -> GraphSwapper:
    """A swapper from an exported file.

    Args:
        path: ``.onnx`` of :func:`export_baked`, or of :func:`export_dynamic` together with ``weights``.
        weights: ``.npz`` of :func:`export_dynamic`; by default the file of the same name beside a dynamic graph.
        threads: CPU threads; all processors this process may use if not given.

    Raises:
        BackendError: ONNX Runtime is not installed.
        WeightsError: a file is missing, damaged, or was not made by ``export``.
    """
    path = Path(path)
    session = _session(_read_graph(path), path, threads)
    properties = session.get_modelmeta().custom_metadata_map
    if properties.get("format") != FORMAT:
        raise WeightsError(
            f"{path} was not written by this package's export (format {properties.get('format')!r}, wanted {FORMAT!r}). "
            "Export it again with `python -m mobilefaceswap_core export`."
        )
    info = _info_from(properties, path)
    feed: dict[str, Array] = {}
    if properties.get("kind") == "dynamic":
        feed = _read_inputs(Path(weights) if weights is not None else path.with_suffix(".npz"), session, path)
    inputs, outputs = ({value.name for value in side} for side in (session.get_inputs(), session.get_outputs()))
    if inputs != {"crop", *feed} or not {"face", "mask"} <= outputs:
        raise WeightsError(
            f"{path} has the inputs {sorted(inputs)} and the outputs {sorted(outputs)}; wanted crop, face and mask. It was "
            "changed after it was written; export it again."
        )
    return GraphSwapper(session, info, feed)


def is_export(properties: Mapping[str, str]) -> bool:
    """Whether the metadata of an ONNX file say that this package's export wrote it, in this version's format or another."""
    return properties.get("format", "").startswith(_FAMILY)


def stated_crop(properties: Mapping[str, str], path: Path) -> CropSpec:
    """The crop that the metadata of an ONNX file state.

    Raises:
        WeightsError: none, or one that nothing here can cut out.
    """
    from ..faces.geometry import TEMPLATES_112

    text = properties.get("crop", "")
    try:
        crop = CropSpec(**json.loads(text))
    except (TypeError, ValueError, RecursionError):
        crop = CropSpec(size_px=0)
    whole = isinstance(crop.size_px, int) and not isinstance(crop.size_px, bool)
    if not whole or not 0 < crop.size_px <= _CROP_LIMIT or crop.template not in TEMPLATES_112 or crop.fit not in _FITS:
        raise WeightsError(
            f"{path} states the crop {text[:80]!r}; wanted a JSON object with size_px up to {_CROP_LIMIT}, template "
            f"({', '.join(TEMPLATES_112)}) and fit ({', '.join(_FITS)})."
        )
    return crop


def _info_from(properties: Mapping[str, str], path: Path) -> SwapperInfo:
    crop = stated_crop(properties, path)
    try:
        return SwapperInfo(
            name=properties["model"],  # as it appears in marks: the file's own name may be that of a person
            title=f"{properties['model']}, exported with its source inside",
            crop=crop,
            licence=properties["licence"],
            source=properties["source"],
            weights_sha256=dict(json.loads(properties["weights_sha256"])),
            device="cpu / onnxruntime",
            match_colours=properties["match_colours"] == "true",
            match_detail=properties.get("match_detail") == "true",
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} lacks a part of the metadata that export writes, or it is damaged ({error}). Export it again."
        ) from error


def _onnx_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise OutputError(f"{path}: an exported network is an .onnx file; change the extension.")
    return path


def cpu_idn(student: Student) -> Any:
    """The student's per-frame network on the CPU: itself, or a copy."""
    import copy

    return student.network.idn if student.device.type == "cpu" else copy.deepcopy(student.network.idn).cpu()


def complete_graph(model: onnx.ModelProto, student: Student, *, kind: str) -> None:
    """Finish a per-frame graph.

    Adds the face before blending as an output, for programs that paste back themselves, and the input contract.
    """
    from onnx import TensorProto, helper

    describe_graph(model, student, kind=kind, contract="crop: (N, 3, S, S) float32 RGB in [0, 1], not normalised")
    face = helper.make_tensor_value_info("face", TensorProto.FLOAT, ["batch", 3, "side", "side"])
    model.graph.output.append(face)


def describe_graph(model: onnx.ModelProto, student: Student, *, kind: str, contract: str) -> None:
    """Write into a graph's metadata what it is, what it reads and which weights it was made of.

    Args:
        model: any graph of the student.
        student: it was made of.
        kind: ``baked``, ``dynamic``, ``pair`` (per frame, source outside) or ``identity`` (the other half of a pair).
        contract: its input, in words.
    """
    from onnx import helper

    from .. import __version__

    info = student.info
    properties = {
        "format": FORMAT,
        "kind": kind,
        "model": info.name,
        "version": __version__,
        "crop": json.dumps({"size_px": info.crop.size_px, "template": info.crop.template, "fit": info.crop.fit}),
        # The graph itself maps [0, 1] to [-1, 1].
        "input": contract,
        "mean": "0 0 0",
        "std": "1 1 1",
        "licence": info.licence,
        "source": info.source,
        "weights_sha256": json.dumps(info.weights_sha256),
        "encoder": student.encoder.contract.name,
        "encoder_sha256": info.weights_sha256.get(f"{student.encoder.contract.name}.safetensors", ""),
        "match_colours": "true" if info.match_colours else "false",
        "match_detail": "true" if info.match_detail else "false",
    }
    helper.set_model_props(model, properties)


def _difference(
    student: Student,
    condition: StudentCondition,
    model: onnx.ModelProto,
    feed: dict[str, Array],
    *,
    tolerance: float = TOLERANCE,
) -> float:
    """Largest difference from PyTorch on two crops, one of noise and one smooth.

    Raises:
        BackendError: it is above the tolerance.
    """
    import torch

    side = student.info.crop.size_px
    noise = np.random.default_rng(0).random((1, 3, side, side), np.float32)
    ramp = np.broadcast_to(np.linspace(0, 1, side, dtype=np.float32), (1, 3, side, side))
    crops = np.concatenate([noise, ramp])
    session = _session(model.SerializeToString(), Path("the exported graph"), None)
    got = session.run(["swapped", "mask"], {"crop": crops, **feed})
    with torch.inference_mode():
        want = cpu_idn(student)(torch.from_numpy(crops), condition.weights.to("cpu"))
    difference = max(float(np.abs(g - w.numpy()).max()) for g, w in zip(got, want, strict=True))
    if not difference <= tolerance:  # NaN is refused too
        raise BackendError(
            f"The exported graph differs from PyTorch by {difference:.1e}, wanted at most {tolerance:g}; nothing was "
            "written. Try another version of onnxruntime."
        )
    return difference


def _read_graph(path: Path) -> bytes:
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Make one with `python -m mobilefaceswap_core export`.")
    if (size := path.stat().st_size) > _BYTES_LIMIT:
        raise WeightsError(f"{path} has {size} bytes; an exported network has about 2 MB. It is another file.")
    return path.read_bytes()


def _session(model: bytes, path: Path, threads: int | None) -> Any:
    from ..runtime.sessions import open_session

    return open_session(model, name=str(path), threads=threads, remedy="Export it again.")


def _read_inputs(path: Path, session: Any, graph: Path) -> dict[str, Array]:
    wanted = {i.name: tuple(i.shape) for i in session.get_inputs() if i.name != "crop"}
    if not path.is_file():
        raise WeightsError(
            f"{graph} takes the source's kernels as inputs, and {path} is not there. Write it with "
            f"`python -m mobilefaceswap_core export --dynamic --weights-out {path.name}`."
        )
    arrays = read_npz(path, error=WeightsError, what="file of a source's inputs")
    try:
        feed = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    except ValueError as error:
        raise WeightsError(f"{path} holds no numbers ({error}). Export it again.") from error
    if {name: array.shape for name, array in feed.items()} != wanted:
        raise WeightsError(f"{path} does not hold the inputs {graph.name} wants. Export both again, together.")
    return feed
