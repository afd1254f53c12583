"""MobileFaceSwap as a swapper: kernels once per source, a small network per frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, OptionError, WeightsError
from ..files.digest import file_sha256
from ..identity.filled import filled_share, left_by_glasses
from ..runtime.tensors import to_pixels, to_planes
from ..swapper import SwapperInfo
from ..types import AlignedFace, CropSpec, SwappedCrop
from ..weights.load import load_arrays, load_into, load_tensors, read_safetensors, spec_of
from .backends import IdnBackend, IdnRunner, backend_name, choose_backend, light_backend

if TYPE_CHECKING:
    import torch

    from ..identity.encoder import IdentityEncoder
    from ..runtime.graphs import Arrays
    from .idn import IdnWeights
    from .network import MobileFaceSwapNet

_STUDENT = "student_224"


@dataclass(frozen=True, slots=True, eq=False)
class StudentCondition:
    """What the photos of one person become.

    Attributes:
        predict: gives :attr:`weights`.
        embedding: ``(512,)`` unit embedding they were predicted from, read-only.
        run: the IDN with these kernels baked in, for the backend in use.
    """

    predict: Callable[[], IdnWeights]
    embedding: NDArray[np.float32]
    run: IdnRunner

    @property
    def weights(self) -> IdnWeights:
        """The predicted kernels, one source, as PyTorch's tensors."""
        return self.predict()


class Student:
    """A MobileFaceSwap network and its recogniser as a :class:`~mobilefaceswap_core.swapper.Swapper`.

    Args:
        network: injection network and IDN.
        encoder: recogniser of the same training.
        info: description; its device is replaced by the one really in use.
        backend: see :func:`~mobilefaceswap_core.student.backends.choose_backend`.
        device: a torch device.
        threads: CPU threads of the backend.
    """

    def __init__(
        self,
        network: MobileFaceSwapNet,
        encoder: IdentityEncoder,
        info: SwapperInfo,
        *,
        backend: str = "auto",
        device: torch.device | str = "cpu",
        threads: int | None = None,
    ) -> None:
        import torch

        self.device = torch.device(device)
        self.network = network.to(self.device).eval().requires_grad_(False)
        self.encoder = encoder
        self.backend: IdnBackend = choose_backend(backend, network.idn, device=self.device, threads=threads)
        self._info = replace(info, device=self.backend.label)

    @property
    def info(self) -> SwapperInfo:
        return self._info

    def condition(self, sources: Sequence[AlignedFace]) -> StudentCondition:
        """Predict the kernels of one person.

        Several photos are averaged: embeddings at unit length and again brought to unit length, feature maps as they are.

        Raises:
            ImageError: no photo, or a crop of another size.
        """
        import torch
        import torch.nn.functional as F

        from ..identity.encoder import to_unit_tensor

        with torch.inference_mode():
            embeddings, maps = self.encoder(to_unit_tensor(torch.from_numpy(self._photos(sources)), self.device))
            embedding, feature_map = F.normalize(embeddings.mean(0, keepdim=True), dim=1), maps.mean(0, keepdim=True)
            if share := filled_share(sources):
                feature_map = feature_map - share * torch.from_numpy(left_by_glasses().copy()).to(feature_map)
            weights = self.network.condition(embedding, feature_map)
        vector = embedding[0].cpu().numpy().copy()
        vector.setflags(write=False)
        return StudentCondition(lambda: weights, vector, self.backend.bake(weights))

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[StudentCondition]) -> list[SwappedCrop]:
        """Swap a batch; targets of the same source share one call of the network."""
        if not targets:
            return []
        if len(conditions) not in (1, len(targets)):
            raise OptionError(
                f"Got {len(conditions)} conditions for {len(targets)} targets; give one, or one per target."
            )
        crops = to_planes(self._stack(targets))
        per_target = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        swapped: list[SwappedCrop | None] = [None] * len(targets)
        for condition in {id(c): c for c in per_target}.values():
            chosen = [i for i, c in enumerate(per_target) if c is condition]
            faces, masks = condition.run(crops[chosen])
            for i, image, mask in zip(chosen, to_pixels(faces), masks[:, 0], strict=True):
                swapped[i] = SwappedCrop(image, np.ascontiguousarray(mask))
        return [crop for crop in swapped if crop is not None]

    def _photos(self, sources: Sequence[AlignedFace]) -> NDArray[np.uint8]:
        if not sources:
            raise ImageError("No source photo was given; at least one is needed.")
        return self._stack(sources)

    def _stack(self, faces: Sequence[AlignedFace]) -> NDArray[np.uint8]:
        side = self._info.crop.size_px
        for face in faces:
            if face.image.shape != (side, side, 3) or face.image.dtype != np.uint8:
                raise ImageError(
                    f"{self._info.name} reads ({side}, {side}, 3) uint8 crops, got {face.image.shape} {face.image.dtype}; "
                    "align the face with this swapper's own crop spec."
                )
        return np.stack([face.image for face in faces])


class LightStudent(Student):
    """The student that ships, on a CPU and without PyTorch: whoever swaps one photo need not load it first.

    ONNX Runtime predicts the kernels; the modules of a :class:`Student` are made when they are first asked for.

    Args:
        info: description; its device is replaced by the one really in use.
        backend: any but ``torch``.
        threads: CPU threads of the backend.
    """

    def __init__(self, info: SwapperInfo, *, backend: str, threads: int | None = None) -> None:
        arrays = load_arrays(_STUDENT)
        self._graphs = light_backend(backend, _part(arrays, "idn"), threads=threads)
        self.backend = self._graphs
        self._injection, self._threads = _part(arrays, "injection"), threads
        self._info = replace(info, device=self.backend.label)
        self._lock = threading.Lock()

    @cached_property
    def network(self) -> MobileFaceSwapNet:  # type: ignore[override]
        """The network as a PyTorch module."""
        return student_network().eval().requires_grad_(False)

    @cached_property
    def encoder(self) -> IdentityEncoder:  # type: ignore[override]
        """The recogniser as a PyTorch module."""
        from ..identity.encoder import load_identity_encoder

        return load_identity_encoder()

    @cached_property
    def device(self) -> torch.device:  # type: ignore[override]
        """The CPU."""
        import torch

        return torch.device("cpu")

    def condition(self, sources: Sequence[AlignedFace]) -> StudentCondition:
        """See :meth:`Student.condition`."""
        from .graph import constant_shapes

        kernels, embedding, feature_map = self._predicted(to_planes(self._photos(sources)), filled_share(sources))
        shapes = constant_shapes()
        ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
        parts = np.split(kernels, ends[:-1])
        constants = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        vector = embedding[0].copy()
        vector.setflags(write=False)
        return StudentCondition(lambda: self._weights(vector, feature_map), vector, self._graphs.bake(constants))

    def _predicted(self, photos: NDArray[np.float32], glasses: float) -> tuple[NDArray[np.float32], ...]:
        """Kernels ``(K,)``, embedding ``(1, 512)`` and feature map ``(1, 512, 7, 7)`` of one person's photos.

        Args:
            photos: ``(N, 3, 224, 224)`` in [0, 1].
            glasses: in which share of them glasses were filled.
        """
        from .identity_graph import FEATURE_MAP

        with self._lock:  # the network is made once, for the first person
            session = self._identity
        given = {"photos": photos, "glasses": np.array([glasses], np.float32)}
        kernels, embedding, feature_map = session.run(["kernels", "embedding", FEATURE_MAP], given)
        return kernels, embedding, feature_map - np.float32(glasses) * left_by_glasses()

    @cached_property
    def _identity(self) -> Any:
        from onnx import TensorProto, helper

        from ..runtime.sessions import open_session
        from .identity_graph import FEATURE_MAP, identity_graph
        from .layout import EMBEDDING

        model = identity_graph(load_arrays("encoder_mobilefacenet"), self._injection, left=left_by_glasses())
        shape = (1, EMBEDDING, 7, 7)
        model.graph.output.append(helper.make_tensor_value_info(FEATURE_MAP, TensorProto.FLOAT, shape))
        session = open_session(model.SerializeToString(), threads=self._threads, spinning=False)
        self._injection = {}  # the session has its own copy
        return session

    def _weights(self, embedding: NDArray[np.float32], feature_map: NDArray[np.float32]) -> IdnWeights:
        import torch

        with torch.inference_mode():
            vector = torch.from_numpy(embedding.copy())[None]
            return self.network.condition(vector, torch.from_numpy(feature_map))


def _part(arrays: Arrays, name: str) -> Arrays:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}


def load_student(
    *, device: torch.device | str = "cpu", backend: str = "auto", path: Path | None = None, threads: int | None = None
) -> Student:
    """The student that ships, or one trained elsewhere in the same layout.

    What ships needs no PyTorch on a CPU, unless the backend is PyTorch or somebody asks for its modules.

    Args:
        path: a safetensors file of :meth:`MobileFaceSwapNet.compact`; the shipped weights if not given.
    """
    name = backend_name(backend, device=device)
    if path is None and name != "torch":
        return LightStudent(student_info(), backend=name, threads=threads)
    from ..identity.encoder import load_identity_encoder

    return Student(
        student_network(path), load_identity_encoder(device), student_info(path), backend=name, device=device,
        threads=threads,
    )  # fmt: skip


def student_network(path: Path | None = None) -> MobileFaceSwapNet:
    """The network that ships, or one of a safetensors file of the same layout.

    Raises:
        WeightsError: the file is missing, damaged, or holds another network.
    """
    from .injection import with_mixing
    from .network import MobileFaceSwapNet

    network, name = MobileFaceSwapNet.compact(), _STUDENT
    tensors = load_tensors(name) if path is None else read_safetensors([path])
    load_into(network, with_mixing(tensors, network), what=name if path is None else str(path))
    return network


def student_info(path: Path | None = None) -> SwapperInfo:
    """What :func:`load_student` says of itself."""
    spec, encoder_spec = spec_of(_STUDENT), spec_of("encoder_mobilefacenet")
    files = {file.name: file.sha256 for file in spec.files} if path is None else {path.name: file_sha256(path)}
    return SwapperInfo(
        name="student",
        title="MobileFaceSwap, compact injection network, trained by this project",
        crop=CropSpec(224, "arcface", "similarity"),
        licence=spec.licence,
        source="AAAI-22, arXiv 2201.03808; weights of this project",
        weights_sha256=files | {file.name: file.sha256 for file in encoder_spec.files},
        match_detail=True,
        leave_glasses=True,
    )


def load_official(
    folder: Path, *, device: torch.device | str = "cpu", backend: str = "auto", threads: int | None = None
) -> Student:
    """The authors' released network from a folder that ``convert`` wrote.

    Raises:
        WeightsError: a file is missing or holds another network.
    """
    from ..identity.arcface import ArcFaceIrSe
    from ..identity.contract import ARCFACE_CONTRACT
    from ..identity.encoder import IdentityEncoder
    from .network import MobileFaceSwapNet
    from .official_files import NETWORK_FILE, RECOGNISER_FILE

    network, recogniser = MobileFaceSwapNet.official(), ArcFaceIrSe()
    modules: dict[str, Any] = {NETWORK_FILE: network, RECOGNISER_FILE: recogniser}
    for name, module in modules.items():
        if not (folder / name).is_file():
            raise WeightsError(
                f"The official model needs {folder / name}, which is missing. Download checkpoints.tar from the authors' "
                "README and run `python -m mobilefaceswap_core convert checkpoints.tar`."
            )
        load_into(module, read_safetensors([folder / name]), what=name)
    info = SwapperInfo(
        name="official",
        title="MobileFaceSwap, the authors' released 224 px weights",
        crop=CropSpec(224, "arcface", "affine"),
        licence="not stated by the authors",
        source="AAAI-22, arXiv 2201.03808; Seanseattle/MobileFaceSwap",
        weights_sha256={name: file_sha256(folder / name) for name in modules},
        match_colours=False,  # as the official code does
    )
    encoder = IdentityEncoder(recogniser, ARCFACE_CONTRACT, device=device)
    return Student(network, encoder, info, backend=backend, device=device, threads=threads)
