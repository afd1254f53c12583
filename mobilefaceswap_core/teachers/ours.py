"""The project's own teacher: a SimSwap-like generator with a mask, conditioned on the shipped recogniser's embedding.

Input contract: target crop 224 x 224 (similarity fit to the five ArcFace points), RGB in [0, 1]; identity = unit embedding
(512) of the shipped MobileFaceNet. Output: a face in [0, 1] and a mask in [0, 1]; result = mask * face + (1 - mask) *
target. Its colours drift, so the pipeline matches them to the target's after the swap (``match_colours``).

The layout follows SimSwap (Chen et al. 2020, arXiv 2106.06340: encoder, residual blocks with adaptive instance norm,
decoder) at a fifth of its width. Unlike SimSwap the identity also enters every decoder stage, and a second head predicts
the mask. Trained by this project on CelebA, UTKFace and generated faces: research use only.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..files.digest import file_sha256
from ..identity.encoder import load_identity_encoder
from ..swapper import SwapperInfo
from ..types import CropSpec
from ..weights.load import load_into, load_tensors, parts_of, read_safetensors
from ..weights.registry import WEIGHTS
from .embedding_swapper import EmbeddingSwapper, Precision, frozen, resolve_precision
from .norms import instance_norm
from .winograd import TiledConv2d, only_computes, pays, prepare

WEIGHTS_NAME = "teacher_224"
EMBEDDING = 512


class AdaptiveInstanceNorm(nn.Module):
    """Instance norm whose scale and shift are linear in the identity embedding (AdaIN, Huang & Belongie 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.style = nn.Linear(EMBEDDING, 2 * channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.style(embedding).chunk(2, dim=1)  # each (N, C)
        return instance_norm(x, scale=scale, shift=shift)


class Down(nn.Module):
    """Convolution, batch norm, LeakyReLU."""

    def __init__(self, cin: int, cout: int, *, kernel: int = 3, stride: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.1)


class IdentityBlock(nn.Module):
    """Residual block that writes the identity into the features (SimSwap's ID block)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = TiledConv2d(channels, channels, 3, padding=1)
        self.conv2 = TiledConv2d(channels, channels, 3, padding=1)
        self.adain1 = AdaptiveInstanceNorm(channels)
        self.adain2 = AdaptiveInstanceNorm(channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = F.relu(self.adain1(self.conv1(x), embedding))
        return x + self.adain2(self.conv2(hidden), embedding)


class Up(nn.Module):
    """Bilinear x2, convolution, adaptive instance norm, LeakyReLU."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv = TiledConv2d(cin, cout, 3, padding=1)
        self.adain = AdaptiveInstanceNorm(cout)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return F.leaky_relu(self.adain(self.conv(x), embedding), 0.1)


class TeacherGenerator(nn.Module):
    """Target and identity to face and mask.

    Args:
        width: channels of the first stage.
        blocks: residual blocks at the smallest resolution.
    """

    def __init__(self, *, width: int = 48, blocks: int = 6) -> None:
        super().__init__()
        w = width
        self.encoder = nn.ModuleList(
            [Down(3, w, kernel=7, stride=1), Down(w, 2 * w), Down(2 * w, 4 * w), Down(4 * w, 8 * w)]
        )
        self.blocks = nn.ModuleList(IdentityBlock(8 * w) for _ in range(blocks))
        self.decoder = nn.ModuleList([Up(8 * w, 4 * w), Up(4 * w, 2 * w), Up(2 * w, w)])
        self.to_rgb = nn.Conv2d(w, 3, 7, padding=3)
        self.to_mask = nn.Conv2d(w, 1, 7, padding=3)

    def forward(self, targets: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, 3, S, S)`` in [0, 1] and ``(N, 512)`` unit -> face ``(N, 3, S, S)``, mask ``(N, 1, S, S)``, in [0, 1]."""
        x = targets * 2 - 1
        for stage in self.encoder:
            x = stage(x)  # (N, 48, 224, 224), (N, 96, 112, 112), (N, 192, 56, 56), (N, 384, 28, 28)
        for block in self.blocks:
            x = block(x, embedding)  # (N, 384, 28, 28)
        for stage in self.decoder:
            x = stage(x, embedding)  # (N, 192, 56, 56), (N, 96, 112, 112), (N, 48, 224, 224)
        face, mask = self._drawn(x)
        # In bfloat16 the sigmoid's tail is a staircase of 1/256 steps, which shows as an edge after the paste back.
        return ((torch.tanh(face) + 1) / 2).float(), torch.sigmoid(mask.float())

    def _drawn(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads before their last function; as one convolution, which takes as long for four channels as for one."""
        rgb, mask = self.to_rgb, self.to_mask
        if not only_computes(x):
            return rgb(x), mask(x)
        kernels, biases = (torch.cat([getattr(head, name) for head in (rgb, mask)]) for name in ("weight", "bias"))
        both = F.conv2d(x, kernels, biases, padding=rgb.padding)
        return both[:, :3], both[:, 3:]


def build(tensors: dict[str, Tensor], *, device: torch.device | str = "cpu") -> TeacherGenerator:
    """A frozen generator from float32 tensors.

    Raises:
        WeightsError: a name or shape differs, or a value is not finite.
    """
    generator = TeacherGenerator()
    load_into(generator, tensors, what=WEIGHTS_NAME)
    generator = frozen(generator, device)
    if torch.device(device).type == "cpu" and pays():
        prepare(generator)
    return generator


def load(
    *, device: torch.device | str = "cpu", path: Path | None = None, precision: Precision = "auto"
) -> EmbeddingSwapper:
    """The teacher as a swapper.

    Args:
        device: where both networks run.
        path: a safetensors file of :class:`TeacherGenerator` trained elsewhere; ``None`` takes the shipped weights.
        precision: arithmetic of the generator; see :func:`~.embedding_swapper.resolve_precision`.

    Raises:
        WeightsError: a file is missing, damaged, or holds another network.
    """
    dtype = resolve_precision(precision, device)
    spec = WEIGHTS[WEIGHTS_NAME]
    if path is None:
        tensors, files = load_tensors(WEIGHTS_NAME), {file.name: file.sha256 for file in spec.files}
    else:
        tensors, files = read_safetensors([path]), {part.name: file_sha256(part) for part in parts_of(path)}
    info = SwapperInfo(
        name="teacher",
        title="Teacher of this project (SimSwap-like generator, 22.8 M parameters)",
        crop=spec.crop or CropSpec(),
        licence=spec.licence,
        source=spec.origin,
        weights_sha256=files,
        device=f"{torch.device(device)} / pytorch {str(dtype).removeprefix('torch.')}",
        match_colours=True,
    )
    encoder = load_identity_encoder(device)
    return EmbeddingSwapper(info, build(tensors, device=device), encoder.embed, device=device, dtype=dtype)
