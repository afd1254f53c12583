"""The swapper shared by every network that is conditioned on one identity embedding.

A generator file holds an architecture; this file turns it, together with the face recogniser it was trained with, into a
:class:`~mobilefaceswap_core.swapper.Swapper`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ImageError, OptionError
from ..swapper import SwapperInfo
from ..types import AlignedFace, Image, SwappedCrop

Network = TypeVar("Network", bound=nn.Module)
Precision = Literal["auto", "float32", "bfloat16"]
# crops (N, S, S, 3) RGB uint8, each aligned as the swapper's crop spec says -> (N, 512) float32, any length
Embed = Callable[[Sequence[Image]], NDArray[np.float32]]
# targets (N, 3, S, S) in [0, 1], embeddings (N, 512) -> face (N, 3, S, S) in [0, 1], mask (N, 1, S, S) or None for "all"
Generator = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True, slots=True, eq=False)
class IdentityEmbedding:
    """What the photos of one person become: a read-only vector.

    Attributes:
        vector: ``(512,)`` float32; of length 1 unless the network was trained on raw embeddings.
    """

    vector: NDArray[np.float32]


def mean_embedding(embeddings: NDArray[np.float32], *, unit: bool = True) -> IdentityEmbedding:
    """One identity from several photos: the mean direction of their embeddings.

    Args:
        embeddings: ``(N, 512)`` of any length.
        unit: bring the mean to length 1; otherwise to the embeddings' mean length.

    Raises:
        ImageError: a recogniser returned zeros or non-finite values, or the photos cancel each other out.
    """
    rows = np.asarray(embeddings, np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if rows.size == 0 or not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ImageError(
            f"the recogniser returned no usable embedding for {len(rows)} source photo(s); use another photo of the face"
        )
    mean = (rows / lengths).mean(0)
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        raise ImageError("the source photos' identities cancel out; are they photos of one person?")
    vector = (mean / length * (1.0 if unit else lengths.mean())).astype(np.float32)
    vector.setflags(write=False)
    return IdentityEmbedding(vector)


def crops_to_tensor(crops: Sequence[Image], *, device: torch.device | str = "cpu") -> Tensor:
    """Equal-sized ``(S, S, 3)`` uint8 crops -> ``(N, 3, S, S)`` float32 in [0, 1], in channels-last memory."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(crops))).to(device)  # (N, S, S, 3)
    return stacked.permute(0, 3, 1, 2).float().div_(255.0)


def tensor_to_crops(images: Tensor) -> NDArray[np.uint8]:
    """``(N, 3, S, S)`` in [0, 1] -> ``(N, S, S, 3)`` uint8, rounded to the nearest level."""
    return (images.clamp(0, 1) * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def frozen(network: Network, device: torch.device | str) -> Network:
    """The network in evaluation mode, without gradients, channels-last, on a device."""
    network.eval().requires_grad_(False)
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it


def resolve_precision(precision: Precision, device: torch.device | str) -> torch.dtype:
    """The arithmetic a generator runs in.

    ``auto`` takes bfloat16 where the hardware multiplies it faster than float32 (CUDA from compute capability 8.0, CPUs
    with AMX tiles or AVX-512 BF16) and float32 elsewhere.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise OptionError(f"precision {precision!r} is unknown; choose auto, float32 or bfloat16")
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    # The probes are private names in torch 2.13: a version without them means float32, never a failure.
    probes = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    fast = torch.device(device).type == "cpu" and any(probe() for probe in probes if probe is not None)
    return torch.bfloat16 if fast else torch.float32


class EmbeddingSwapper:
    """A generator and its recogniser as a :class:`~mobilefaceswap_core.swapper.Swapper`.

    Args:
        info: the description, with the crop both networks read.
        generator: frozen network on ``device``; see :data:`Generator`.
        embed: the recogniser; see :data:`Embed`.
        device: where the generator's tensors live.
        dtype: bfloat16 runs the generator under autocast.
        batch: targets per call of the generator; bounds memory, changes nothing else.
        unit: whether the generator reads embeddings of length 1.
    """

    def __init__(
        self,
        info: SwapperInfo,
        generator: Generator,
        embed: Embed,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        batch: int = 8,
        unit: bool = True,
    ) -> None:
        self._info = info
        self._embed = embed
        self._device = torch.device(device)
        self._dtype = dtype
        self._batch = batch
        self._unit = unit
        self.generator = generator  # read by the cost table and by distillation; frozen

    @property
    def info(self) -> SwapperInfo:
        return self._info

    def in_float32(self) -> EmbeddingSwapper:
        """The same networks without bfloat16: a result that is measured must not depend on the processor."""
        exact = copy.copy(self)
        exact._dtype = torch.float32
        return exact

    def condition(self, sources: Sequence[AlignedFace]) -> IdentityEmbedding:
        """The sources' mean identity. Raises :class:`~mobilefaceswap_core.errors.ImageError` without sources."""
        if not sources:
            raise ImageError("no source photo was given; at least one is needed")
        return mean_embedding(self._embed([self._checked(face) for face in sources]), unit=self._unit)

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[IdentityEmbedding]) -> list[SwappedCrop]:
        """Swap a batch; one condition for all targets, or one per target."""
        if len(conditions) not in (1, len(targets)):
            raise OptionError(
                f"got {len(conditions)} conditions for {len(targets)} targets; give one, or one per target"
            )
        crops = [self._checked(face) for face in targets]
        vectors = (
            np.stack([c.vector for c in conditions] * (len(targets) if len(conditions) == 1 else 1)) if crops else ()
        )
        swapped: list[SwappedCrop] = []
        for start in range(0, len(crops), self._batch):
            stop = start + self._batch
            face, mask = self.swap_tensors(
                crops_to_tensor(crops[start:stop], device=self._device),
                torch.from_numpy(vectors[start:stop]).to(self._device),
            )
            masks = torch.ones_like(face[:, :1]) if mask is None else mask
            for image, alpha in zip(tensor_to_crops(face), masks[:, 0].cpu().numpy(), strict=True):
                swapped.append(SwappedCrop(image, alpha))
        return swapped

    @torch.no_grad()
    def swap_tensors(self, targets: Tensor, embeddings: Tensor) -> tuple[Tensor, Tensor | None]:
        """The same on tensors, for distillation.

        Args:
            targets: ``(N, 3, S, S)`` float32 in [0, 1] on the swapper's device.
            embeddings: ``(N, 512)`` unit embeddings.

        Returns:
            Face ``(N, 3, S, S)`` float32 in [0, 1]; mask ``(N, 1, S, S)`` float32 in [0, 1], or ``None`` where the
            network replaces the whole crop.
        """
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._dtype == torch.bfloat16):
            face, mask = self.generator(targets, embeddings)
        return face.float().clamp(0, 1), None if mask is None else mask.float().clamp(0, 1)

    def _checked(self, face: AlignedFace) -> Image:
        side = self._info.crop.size_px
        if face.image.shape != (side, side, 3) or face.image.dtype != np.uint8:
            raise ImageError(
                f"{self._info.name} reads ({side}, {side}, 3) uint8 crops, got {face.image.shape} {face.image.dtype}; "
                f"align the face with {self._info.name}'s own crop spec"
            )
        return face.image
