"""An exported network read back as a swapper, whatever runs it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, OptionError, WeightsError
from ..files.npz import read_npz
from ..swapper import SwapperInfo
from ..types import AlignedFace, SwappedCrop
from .backends import IdnRunner
from .contract import BLUE_EYES, check_format, stated_blue_eyes, stated_info

Array = NDArray[np.float32]
BYTES_LIMIT = 64 << 20  # a baked graph has 2 MB; anything much larger is no file of ours


class ExportedCondition:
    """Stands for the person inside one exported network."""


class ExportedSwapper:
    """An exported file as a :class:`~mobilefaceswap_core.swapper.Swapper`.

    The file holds its source: :meth:`condition` takes no photo.

    Args:
        run: the network.
        info: what the file says of itself.
        blue_eyes: how surely the person's are, in [0, 1]: there is no photo to see it on.
    """

    def __init__(self, run: IdnRunner, info: SwapperInfo, *, blue_eyes: float = 1.0) -> None:
        self._run = run
        self._info = info
        self._blue_eyes = blue_eyes
        self._condition = ExportedCondition()

    @property
    def info(self) -> SwapperInfo:
        return self._info

    def condition(self, sources: Sequence[AlignedFace]) -> ExportedCondition:
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

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[ExportedCondition]) -> list[SwappedCrop]:
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
        faces, masks = self._run(crops)
        images = np.clip(np.rint(faces * 255), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
        return [
            SwappedCrop(np.ascontiguousarray(image), np.ascontiguousarray(mask), self._blue_eyes)
            for image, mask in zip(images, masks[:, 0], strict=True)
        ]


def load_conditioned_onnx(
    path: str | os.PathLike[str], *, weights: str | os.PathLike[str] | None = None, threads: int | None = None
) -> ExportedSwapper:
    """A swapper from an exported ONNX file. It runs on ONNX Runtime alone.

    Args:
        path: ``.onnx`` of :func:`~.export.export_baked`, or of :func:`~.export.export_dynamic` together with ``weights``.
        weights: ``.npz`` of ``export_dynamic``; by default the file of the same name beside a dynamic graph.
        threads: CPU threads; all processors this process may use if not given.

    Raises:
        BackendError: ONNX Runtime is not installed.
        WeightsError: a file is missing, damaged, or was not made by ``export``.
    """
    from ..runtime.sessions import open_session

    path = Path(path)
    session = open_session(read_bounded(path), name=str(path), threads=threads, remedy="Export it again.")
    properties = session.get_modelmeta().custom_metadata_map
    check_format(properties, path)
    info = stated_info(properties, path, device="cpu / onnxruntime")
    feed: dict[str, Array] = {}
    if properties.get("kind") == "dynamic":
        place = Path(weights) if weights is not None else path.with_suffix(".npz")
        feed, blue_eyes = _read_inputs(place, session, path)
    else:
        blue_eyes = stated_blue_eyes(properties.get(BLUE_EYES), path)
    inputs, outputs = ({value.name for value in side} for side in (session.get_inputs(), session.get_outputs()))
    check_ends(path, inputs - feed.keys(), outputs)

    one_by_one = session.get_inputs()[0].shape[0] == 1  # files in 8 bits; others take any number of crops at once

    def run(crops: Array) -> tuple[Array, Array]:
        batches = np.split(crops, len(crops)) if one_by_one else [crops]
        found = [session.run(["face", "mask"], {"crop": batch, **feed}) for batch in batches]
        face, mask = (np.concatenate(outputs) for outputs in zip(*found, strict=True))
        return face, mask

    return ExportedSwapper(run, info, blue_eyes=blue_eyes)


def check_ends(path: Path, inputs: set[str], outputs: set[str]) -> None:
    """Refuse a network with other inputs than ``crop``, or without the outputs ``face`` and ``mask``.

    Raises:
        WeightsError: it is one.
    """
    if inputs != {"crop"} or not {"face", "mask"} <= outputs:
        raise WeightsError(
            f"{path} has the inputs {sorted(inputs)} and the outputs {sorted(outputs)}; wanted crop, face and mask. It was "
            "changed after it was written; export it again."
        )


def read_bounded(path: Path) -> bytes:
    """The content of an exported file.

    Raises:
        WeightsError: there is none, or it is far too large to be one.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Make one with `python -m mobilefaceswap_core export`.")
    if (size := path.stat().st_size) > BYTES_LIMIT:
        raise WeightsError(f"{path} has {size} bytes; an exported network has about 2 MB. It is another file.")
    return path.read_bytes()


def beside_dynamic(graph: Path, path: Path | None = None) -> Path:
    """The file of the source that belongs to a network without one: ``path``, or the ``.npz`` of the same name.

    Raises:
        WeightsError: it is not there.
    """
    path = graph.with_suffix(".npz") if path is None else path
    if not path.is_file():
        raise WeightsError(
            f"{graph} takes the source's kernels as inputs, and {path} is not there. Write it with "
            f"`python -m mobilefaceswap_core export --dynamic --weights-out {path.name}`."
        )
    return path


def read_source_outside(path: Path) -> tuple[dict[str, NDArray[Any]], float]:
    """The inputs in a person's ``.npz``, and how surely their eyes are blue.

    Raises:
        WeightsError: it is damaged.
    """
    arrays = read_npz(path, error=WeightsError, what="file of a source's inputs")
    return arrays, stated_blue_eyes(arrays.pop(BLUE_EYES, None), path)


def _read_inputs(path: Path, session: Any, graph: Path) -> tuple[dict[str, Array], float]:
    """What a network reads besides a crop, and how surely its person's eyes are blue."""
    wanted = {i.name: tuple(i.shape) for i in session.get_inputs() if i.name != "crop"}
    beside_dynamic(graph, path)
    arrays, blue_eyes = read_source_outside(path)
    try:
        feed = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    except ValueError as error:
        raise WeightsError(f"{path} holds no numbers ({error}). Export it again.") from error
    if {name: array.shape for name, array in feed.items()} != wanted:
        raise WeightsError(f"{path} does not hold the inputs {graph.name} wants. Export both again, together.")
    return feed, blue_eyes
