"""SimSwap: an encoder, nine ID-injection blocks and a decoder (224 px).

Paper: Chen, Chen, Ni, Ge, "SimSwap: An Efficient Framework For High Fidelity Face Swapping", ACM MM 2020, arXiv 2106.06340,
section 3.2. Layout as in the authors' release (repository neuralchen/SimSwap), written anew.

Input contract: target crop 224, RGB in [0, 1], no further normalisation; identity = unit embedding of the authors' ArcFace
(IR-SE ResNet [3, 4, 23, 3], ImageNet mean and std, every second pixel of the 224 crop). Output: RGB in [0, 1].
Known deviation: the authors pick the best of five crop templates by pose; here it is always their frontal one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..files.digest import file_sha256
from ..identity.arcface import ArcFaceIrSe
from ..identity.contract import ARCFACE_CONTRACT
from ..swapper import SwapperInfo
from ..types import CropSpec, Image
from ..weights.load import load_into
from . import checkpoints, released
from .embedding_swapper import EmbeddingSwapper, Precision, crops_to_tensor, frozen, resolve_precision
from .norms import instance_norm

CROP = CropSpec(224, "arcface_frontal", "similarity")
EMBEDDING = 512
_EPSILON = 1e-8  # the authors'
GENERATOR_FILE, RECOGNISER_FILE = released.SIMSWAP


class IdBlock(nn.Module):
    """ID-injection: a residual block whose instance norms take scale and shift from the identity (paper, figure 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.style1 = nn.Linear(EMBEDDING, 2 * channels)
        self.style2 = nn.Linear(EMBEDDING, 2 * channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        y = F.relu(_styled(self.conv1(x), self.style1(embedding)))
        return x + _styled(self.conv2(y), self.style2(embedding))


def _styled(x: Tensor, style: Tensor) -> Tensor:
    scale, shift = style.chunk(2, dim=1)
    return instance_norm(x, scale=scale, shift=shift, epsilon=_EPSILON)


class ConvNorm(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, cin: int, cout: int, *, kernel: int = 3, stride: int = 1, reflect: bool = False) -> None:
        super().__init__()
        mode: Literal["reflect", "zeros"] = "reflect" if reflect else "zeros"
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, padding_mode=mode)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class SimSwapGenerator(nn.Module):
    """Target and identity to the swapped crop. ``blocks=9`` and no fourth stage are the authors' choice at 224."""

    def __init__(self, *, blocks: int = 9) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 64, kernel=7, reflect=True)
        self.down = nn.ModuleList(
            [ConvNorm(64, 128, stride=2), ConvNorm(128, 256, stride=2), ConvNorm(256, 512, stride=2)]
        )
        self.blocks = nn.ModuleList(IdBlock(512) for _ in range(blocks))
        self.up = nn.ModuleList([ConvNorm(512, 256), ConvNorm(256, 128), ConvNorm(128, 64)])
        self.to_rgb = nn.Conv2d(64, 3, 7, padding=3, padding_mode="reflect")

    def forward(self, targets: Tensor, embedding: Tensor) -> tuple[Tensor, None]:
        """``(N, 3, S, S)`` in [0, 1], S a multiple of 8, and ``(N, 512)`` -> ``(N, 3, S, S)`` in [0, 1], no mask."""
        x = self.stem(targets)  # (N, 64, 224, 224)
        for stage in self.down:
            x = stage(x)  # (N, 128, 112, 112), (N, 256, 56, 56), (N, 512, 28, 28)
        for block in self.blocks:
            x = block(x, embedding)  # (N, 512, 28, 28)
        for stage in self.up:
            # (N, 256, 56, 56), (N, 128, 112, 112), (N, 64, 224, 224)
            x = stage(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        return (torch.tanh(self.to_rgb(x)) + 1) / 2, None


def official_name(own: str) -> str:
    """Our tensor name -> the authors' (``blocks.3.conv1.weight`` -> ``BottleNeck.3.conv1.1.weight``)."""
    part, *rest = own.split(".")
    layer = {"conv": "0", "norm": "1"}
    if part == "stem":  # their sequences start with a padding layer
        return f"first_layer.{int(layer[rest[0]]) + 1}.{rest[1]}"
    if part == "down":
        return f"down{int(rest[0]) + 1}.{layer[rest[1]]}.{rest[2]}"
    if part == "up":  # counted down, and each starts with an upsampling layer
        return f"up{3 - int(rest[0])}.{int(layer[rest[1]]) + 1}.{rest[2]}"
    if part == "blocks":
        inner = "1" if rest[1].startswith("conv") else "linear"
        return f"BottleNeck.{rest[0]}.{rest[1]}.{inner}.{rest[2]}"
    return f"last_layer.1.{rest[0]}"


class SimSwapRecogniser:
    """The authors' ArcFace, read as their code reads it."""

    def __init__(self, network: nn.Module, *, device: torch.device | str = "cpu") -> None:
        self.network = network.eval().requires_grad_(False).to(device)
        self._device = device
        self._mean = torch.tensor(ARCFACE_CONTRACT.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(ARCFACE_CONTRACT.std, device=device).view(1, 3, 1, 1)

    def embed(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        """``(N, 512)`` embeddings of 224 crops; :func:`~.embedding_swapper.mean_embedding` brings them to unit length."""
        x = (crops_to_tensor(crops, device=self._device) - self._mean) / self._std
        with torch.inference_mode():
            # Their downsampling by a half is nearest neighbour: every second pixel.
            return self.network(x[:, :, ::2, ::2])[0].cpu().numpy()


def load(
    *,
    device: torch.device | str = "cpu",
    path: Path | None = None,
    recogniser_path: Path | None = None,
    precision: Precision = "auto",
) -> EmbeddingSwapper:
    """SimSwap as a swapper, from the authors' files.

    Args:
        device: where both networks run.
        path: ``latest_net_G.pth``; ``None`` looks for it in the checkpoint folder.
        recogniser_path: ``arcface_checkpoint.tar``; likewise.
        precision: arithmetic of the generator.

    Raises:
        WeightsError: a file is not present, or is not what its name says.
    """
    generator_file = released.locate(GENERATOR_FILE, path)
    recogniser_file = released.locate(RECOGNISER_FILE, recogniser_path)
    generator, recogniser = SimSwapGenerator(), ArcFaceIrSe()
    checkpoints.load_renamed(
        generator, checkpoints.read_state_dict(generator_file), official_name, what=generator_file.name
    )
    stored = checkpoints.read_module(recogniser_file, "model")
    load_into(recogniser, _tensors(stored), what=recogniser_file.name)
    dtype = resolve_precision(precision, device)
    info = SwapperInfo(
        name="simswap",
        title="SimSwap 224 (Chen et al. 2020), the authors' weights",
        crop=CROP,
        licence=GENERATOR_FILE.licence,
        source="arXiv 2106.06340, neuralchen/SimSwap",
        weights_sha256={file.name: file_sha256(file) for file in (generator_file, recogniser_file)},
        device=f"{torch.device(device)} / pytorch {str(dtype).removeprefix('torch.')}",
        match_colours=False,
    )
    network = frozen(generator, device)
    return EmbeddingSwapper(
        info, network, SimSwapRecogniser(recogniser, device=device).embed, device=device, dtype=dtype
    )


def _tensors(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in stored.items() if not name.endswith("num_batches_tracked")}
