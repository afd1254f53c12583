"""GHOST: AEI-Net with 1x1 attribute convolutions and a choice of depth, 256 px.

Paper: Groshev, Maltseva, Chesakov, Kuznetsov, Dimitrov, "GHOST - A New Face Swap Approach for Image and Video Domains",
IEEE Access 2022, DOI 10.1109/ACCESS.2022.3196668. Layout and tensor names as in ai-forever/ghost, written anew.

Input contract: target crop 224 resized to 256, RGB in [0, 1]; identity = embedding of InsightFace's ArcFace ResNet-100 of
the source crop at 112 in [-1, 1], **not** normalised. Output: RGB in [0, 1] at 256, brought back to 224. The authors' paste
back uses landmarks and a face mask; here the whole crop is returned and the pipeline pastes it.
Known deviation: as for SimSwap, always the frontal one of the five crop templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import OptionError
from ..files.digest import file_sha256
from ..swapper import SwapperInfo
from ..types import CropSpec, Image
from . import checkpoints, released
from .aei import AeiConfig, AeiNet
from .embedding_swapper import EmbeddingSwapper, Precision, crops_to_tensor, frozen, resolve_precision
from .iresnet import IResNet

CROP = CropSpec(224, "arcface_frontal", "similarity")
NETWORK_PX = 256
GENERATOR_FILES, RECOGNISER_FILE = released.GHOST_GENERATORS, released.GHOST_RECOGNISER


def config(blocks: int = 2) -> AeiConfig:
    """GHOST's AEI-Net: ``blocks`` 1, 2 (the authors' main model) or 3."""
    if blocks not in GENERATOR_FILES:
        raise OptionError(f"GHOST has 1, 2 or 3 blocks, got {blocks}")
    return AeiConfig(attribute_kernel=1, bias=True, layers_per_block=blocks)


class GhostGenerator(nn.Module):
    """AEI-Net at 256 around a 224 crop."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__()
        self.aei = AeiNet(config(blocks))

    def forward(self, targets: Tensor, embedding: Tensor) -> tuple[Tensor, None]:
        """``(N, 3, 224, 224)`` in [0, 1] and ``(N, 512)`` -> ``(N, 3, 224, 224)`` in [0, 1], no mask."""
        side = targets.shape[-1]
        x = F.interpolate(targets, size=NETWORK_PX, mode="bilinear", align_corners=False)
        y, _ = self.aei(x, embedding)
        return F.interpolate(y.float(), size=side, mode="bilinear", align_corners=False, antialias=True), None


_LAYER = {
    "attribute_scale": "conv1",
    "attribute_shift": "conv2",
    "identity_scale": "fc1",
    "identity_shift": "fc2",
    "mask": "conv_h",
}


def official_name(own: str) -> str:
    """Tensor name of our :class:`AeiNet` -> the authors'."""
    part, stage, *rest = own.split(".")
    if part == "encoder":
        number, layer, leaf = int(rest[0]) + 1, rest[1], rest[2]
        if stage == "down":
            return f"encoder.conv{number}.{'0' if layer == 'conv' else '1'}.{leaf}"
        return f"encoder.deconv{number}.{'deconv' if layer == 'conv' else 'bn'}.{leaf}"
    if stage == "start":
        return f"generator.up1.{rest[0]}"
    block, kind, *inner = rest
    prefix = f"generator.AADBlk{int(block) + 1}"
    if kind == "layers":  # their list alternates layer, ReLU, convolution
        return f"{prefix}.add_blocks.{3 * int(inner[0])}.{_LAYER[inner[1]]}.{inner[2]}"
    if kind == "convs":
        return f"{prefix}.add_blocks.{3 * int(inner[0]) + 2}.{inner[1]}"
    if kind == "skip_layer":
        return f"{prefix}.last_add_block.0.{_LAYER[inner[0]]}.{inner[1]}"
    return f"{prefix}.last_add_block.2.{inner[0]}"


class GhostRecogniser:
    """ArcFace ResNet-100, read as the authors' code reads it."""

    def __init__(self, network: nn.Module, *, device: torch.device | str = "cpu") -> None:
        self.network = network.eval().requires_grad_(False).to(device)
        self._device = device

    def embed(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        """``(N, 512)`` embeddings, not normalised, of 224 crops."""
        x = crops_to_tensor(crops, device=self._device) * 2 - 1
        with torch.inference_mode():
            x = F.interpolate(x, size=(112, 112), mode="bilinear", align_corners=True)
            return self.network(x).cpu().numpy()


def load(
    *,
    device: torch.device | str = "cpu",
    path: Path | None = None,
    recogniser_path: Path | None = None,
    blocks: int = 2,
    precision: Precision = "auto",
) -> EmbeddingSwapper:
    """GHOST as a swapper, from the authors' files.

    Args:
        device: where both networks run.
        path: ``G_unet_2blocks.pth`` or its sisters; ``None`` looks for it in the checkpoint folder.
        recogniser_path: ``backbone.pth``; likewise.
        blocks: 1, 2 or 3; must fit the file.
        precision: arithmetic of the generator.

    Raises:
        OptionError: no such number of blocks.
        WeightsError: a file is not present, or is not what its name says.
    """
    generator = GhostGenerator(blocks)
    generator_file = released.locate(GENERATOR_FILES[blocks], path)
    recogniser_file = released.locate(RECOGNISER_FILE, recogniser_path)
    checkpoints.load_renamed(
        generator.aei, checkpoints.read_state_dict(generator_file), official_name, what=generator_file.name
    )
    recogniser = IResNet(100)
    stored = checkpoints.read_state_dict(recogniser_file)
    checkpoints.load_renamed(recogniser, stored, lambda own: own, what=recogniser_file.name)
    dtype = resolve_precision(precision, device)
    info = SwapperInfo(
        name="ghost",
        title=f"GHOST (Groshev et al. 2022), {blocks} block{'s' * (blocks > 1)}, the authors' weights",
        crop=CROP,
        licence=GENERATOR_FILES[blocks].licence,
        source="DOI 10.1109/ACCESS.2022.3196668, ai-forever/ghost",
        weights_sha256={file.name: file_sha256(file) for file in (generator_file, recogniser_file)},
        device=f"{torch.device(device)} / pytorch {str(dtype).removeprefix('torch.')}",
        match_colours=False,
    )
    network = frozen(generator, device)
    embed = GhostRecogniser(recogniser, device=device).embed
    return EmbeddingSwapper(info, network, embed, device=device, dtype=dtype, unit=False)
