"""One reader of foreign ONNX swappers: a file, its contract (:mod:`.contracts`), and the networks its source goes through.

The graph has two inputs, ``source`` and ``target``; its first output is the face. A file whose graph does not fit its contract
is refused before anything is swapped.
Known deviations from facefusion, whose contracts these are: the recogniser's crop, or the source's image, is cut from the
source's crop and not from the photo; several photos of a person become the mean direction of their embeddings at their mean
length; templates are fitted by least squares, without an outlier search among five points; the face is rounded, not cut off, to
whole levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, OptionError, WeightsError
from ..faces.geometry import recut
from ..files.digest import file_sha256
from ..identity.contract import MOBILEFACENET_CONTRACT
from ..identity.encoder import load_identity_encoder
from ..runtime.networks import Network
from ..runtime.tensors import to_planes
from ..swapper import SwapperInfo
from ..types import AlignedFace, CropSpec, Image, SwappedCrop
from ..weights.fetch import absence, present_file
from ..weights.published import PUBLISHED, find
from .contracts import SHIPPED_RECOGNISER, Contract
from .embedding_swapper import mean_embedding
from .inswapper import read_emap

Array = NDArray[np.float32]

EMBEDDING = 512
RECOGNISER_CROP = CropSpec(112, "arcface", "similarity")


def frame_network(
    contract: Contract, path: Path, *, device: str = "cpu", backend: str = "auto", threads: int | None = None
) -> Network:
    """What runs on every target: ``target`` and ``source`` in, the face out.

    Raises:
        WeightsError: the file cannot be loaded, or its graph does not fit the contract.
        BackendError: the backend is missing, or is none for such files.
    """
    side = (3, contract.size_px, contract.size_px)
    inputs: dict[str | None, tuple[int, ...]] = {"target": side, "source": source_shape(contract)}
    return Network(path, inputs, side, device=device, backend=backend, threads=threads)


def source_shape(contract: Contract) -> tuple[int, ...]:
    """Of what a source becomes, without the batch."""
    image = (3, contract.source_size_px, contract.source_size_px)
    return image if contract.source == "image" else (EMBEDDING,)


class ContractSwapper:
    """A foreign swapper as a :class:`~mobilefaceswap_core.swapper.Swapper`.

    Args:
        contract: how it is run.
        path: its file.
        files: SHA-256 by name; those of recogniser and converter are added.
        device: where its networks run.
        backend: what runs them; see :class:`~mobilefaceswap_core.runtime.networks.Network`.

    Raises:
        WeightsError: a file is missing, was replaced since it was fetched, or does not fit its contract.
        BackendError: the backend is missing, or is none for such files.
    """

    def __init__(
        self, contract: Contract, path: Path, files: dict[str, str], *, device: str = "cpu", backend: str = "auto"
    ) -> None:
        self.contract = contract
        self._network = frame_network(contract, path, device=device, backend=backend)
        self._matrix = read_emap(path) if contract.vector == "matrix" else None
        self._recogniser: _Recogniser | None = None
        if contract.source == "embedding":
            self._recogniser = _Recogniser(contract, files, device=device, backend=backend)
        self.info = SwapperInfo(
            name=contract.name,
            title=contract.title,
            crop=contract.crop,
            licence=contract.licence,
            source=contract.paper if contract.paper != "none" else f"ONNX file {path.name}",
            weights_sha256=files,
            device=self._network.device,
            match_colours=False,
        )

    def condition(self, sources: Sequence[AlignedFace]) -> Array:
        """What goes into the graph's ``source``, with a batch of one, read-only.

        An image is that of the first photo; embeddings of several photos are averaged.

        Raises:
            ImageError: no photo was given, or a recogniser returns nothing usable.
        """
        if not sources:
            raise ImageError("No source photo was given; at least one is needed.")
        crops = [self._checked(face) for face in sources]
        if self._recogniser is None:
            image = recut(crops[0], self.contract.crop, self.contract.source_crop)
            value = to_planes(image[None])
        else:
            raw = mean_embedding(self._recogniser.embed(crops, self.contract.crop), unit=False).vector[None]
            value = self._vector(raw)
        value.setflags(write=False)
        return value

    def _vector(self, embedding: Array) -> Array:
        """What of a raw embedding ``(1, 512)`` goes in."""
        if self.contract.vector == "raw":
            return embedding.copy()
        unit = embedding / np.linalg.norm(embedding)
        return (unit if self._matrix is None else unit @ self._matrix).astype(np.float32)

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[Array]) -> list[SwappedCrop]:
        """One face per target; the whole crop is replaced.

        Raises:
            OptionError: neither one condition nor one per target.
            ImageError: a crop of another size, or a network that gives values which are not finite.
        """
        if len(conditions) not in (1, len(targets)):
            raise OptionError(
                f"Got {len(conditions)} conditions for {len(targets)} targets; give one, or one per target."
            )
        crops = [self._checked(face) for face in targets]
        chosen = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        mask = np.ones((self.contract.size_px,) * 2, np.float32)
        swapped: list[SwappedCrop] = []
        for start in range(0, len(crops), self._network.batch):
            part = slice(start, start + self._network.batch)
            faces = self._network(target=self.read(crops[part]), source=np.concatenate(chosen[part]))
            swapped += [SwappedCrop(pixels, mask) for pixels in self.written(faces)]
        return swapped

    def read(self, crops: Sequence[Image]) -> Array:
        """Crops ``(N, S, S, 3)`` uint8 as the graph's ``target``, ``(N, 3, S, S)``."""
        return (to_planes(np.stack(crops)) - _channels(self.contract.mean)) / _channels(self.contract.std)

    def written(self, faces: Array) -> NDArray[np.uint8]:
        """What the graph gives, ``(N, 3, S, S)``, as pixels ``(N, S, S, 3)``."""
        unit = faces * _channels(self.contract.output_std) + _channels(self.contract.output_mean)
        return (np.clip(unit, 0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)

    def _checked(self, face: AlignedFace) -> Image:
        side = self.contract.size_px
        if face.image.shape != (side, side, 3) or face.image.dtype != np.uint8:
            raise ImageError(
                f"{self.contract.name} reads ({side}, {side}, 3) uint8 crops, got {face.image.shape} {face.image.dtype}; align "
                "the face with its own crop spec."
            )
        return face.image


class _Recogniser:
    """A contract's recogniser and converter: crops in, raw embeddings ``(N, 512)`` out."""

    def __init__(self, contract: Contract, files: dict[str, str], *, device: str, backend: str) -> None:
        self._own = None
        if contract.recogniser == SHIPPED_RECOGNISER:
            self._own = load_identity_encoder("cpu")
        else:
            path = _needed(contract.recogniser, files)
            self._network = Network(path, {None: (3, 112, 112)}, (EMBEDDING,), device=device, backend=backend)
        self._converter: Network | None = None
        if contract.converter:
            path = _needed(contract.converter, files)
            self._converter = Network(path, {"input": (EMBEDDING,)}, (EMBEDDING,), device=device, backend=backend)

    def embed(self, crops: Sequence[Image], spec: CropSpec) -> Array:
        if self._own is not None:
            read = MOBILEFACENET_CONTRACT.crop
            rows = self._own.embed([recut(crop, spec, read) for crop in crops])
        else:
            cut = to_planes(np.stack([recut(crop, spec, RECOGNISER_CROP) for crop in crops]))
            inputs = (cut * 255 - 127.5) / 127.5
            rows = np.concatenate([self._network(row[None]) for row in inputs])
        if self._converter is None:
            return rows
        return np.concatenate([self._converter(row[None]) for row in rows])


def load_contract_swapper(
    contract: Contract, path: Path | None = None, *, device: object = "cpu", backend: str = "auto"
) -> ContractSwapper:
    """A swapper by its contract.

    Args:
        contract: of the table, or somebody's own.
        path: its file; ``None`` looks where published files are.
        device: ``cpu`` or ``cuda``.
        backend: ``auto``, ``onnxruntime`` or ``openvino``.

    Raises:
        WeightsError: as :class:`ContractSwapper`; what is missing is named together, with the command that brings it.
        BackendError: likewise.
    """
    needed = [contract.name] if path is None else []
    needed += [name for name in (contract.recogniser, contract.converter) if name]
    missing = [PUBLISHED[name] for name in needed if name in PUBLISHED and find(PUBLISHED[name]) is None]
    if missing:
        raise WeightsError(f"{contract.title} cannot run here: {' '.join(map(absence, missing))}")
    files: dict[str, str] = {}
    file = _needed(contract.name, files) if path is None else _named(path, files)
    return ContractSwapper(contract, file, files, device=str(device), backend=backend)


def _needed(name: str, files: dict[str, str]) -> Path:
    """A published file or one of somebody's own, and its digest among ``files``."""
    if name in PUBLISHED:
        path, sha256 = present_file(PUBLISHED[name])
        files[path.name] = sha256
        return path
    return _named(Path(name), files)


def _named(path: Path, files: dict[str, str]) -> Path:
    """A file that somebody chose, whatever was fetched under its name."""
    if not path.is_file():
        networks = (name for name, item in PUBLISHED.items() if item.kind in ("recogniser", "converter"))
        known = ", ".join((SHIPPED_RECOGNISER, *networks))
        raise WeightsError(f"There is no file {path}; wanted an ONNX file, or one of {known}.")
    files[path.name] = file_sha256(path)
    return path


def _channels(values: tuple[float, ...]) -> Array:
    return np.array(values, np.float32)[:, None, None]
