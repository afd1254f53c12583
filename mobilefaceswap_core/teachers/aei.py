"""FaceShifter: AEI-Net (stage 1, swaps) and HEAR-Net (stage 2, restores what covered the face), 256 px.

Paper: Li, Bao, Yang, Chen, Wen, "FaceShifter: Towards High Fidelity And Occlusion Aware Face Swapping", CVPR 2020, arXiv
1912.13457, sections 3.1 and 3.2 and appendix figures. The authors released neither code nor weights; where the paper leaves
something open, this is the reading the community implementations share (taotaonice/FaceShifter, ai-forever/ghost): skips
of the attribute network are concatenated, and a denormalisation layer has one attention mask for all channels.

Input contract: target crop 256, RGB in [0, 1]; identity = a recogniser's embedding. Output: RGB in [0, 1], no mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .norms import instance_norm

# Paper, appendix: attribute encoder and generator channels, deepest last / first.
ENCODER_CHANNELS = (3, 32, 64, 128, 256, 512, 1024, 1024)
DECODER_CHANNELS = (1024, 512, 256, 128, 64, 32)
# Of the eight attribute maps, smallest first: decoder and encoder features joined, the last one upsampled.
ATTRIBUTE_CHANNELS = (1024, 2048, 1024, 512, 256, 128, 64, 64)
BLOCK_CHANNELS = ((1024, 1024), (1024, 1024), (1024, 1024), (1024, 512), (512, 256), (256, 128), (128, 64), (64, 3))


@dataclass(frozen=True, slots=True)
class AeiConfig:
    """What differs between the published forms of AEI-Net.

    Attributes:
        embedding: length of the identity embedding.
        attribute_kernel: side of the convolutions that turn attributes into scale, shift and mask (FaceShifter 3, GHOST 1).
        bias: whether those convolutions have a bias.
        layers_per_block: denormalisation layers on a block's main path.
    """

    embedding: int = 512
    attribute_kernel: int = 3
    bias: bool = False
    layers_per_block: int = 2


class Down(nn.Module):
    """Convolution 4x4 stride 2, batch norm, LeakyReLU."""

    def __init__(self, cin: int, cout: int, *, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 4, 2, 1, bias=bias)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.1)


class Up(nn.Module):
    """Transposed convolution 4x4 stride 2, batch norm, LeakyReLU."""

    def __init__(self, cin: int, cout: int, *, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(cin, cout, 4, 2, 1, bias=bias)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.1)


def upsample(x: Tensor) -> Tensor:
    """Bilinear x2 with aligned corners."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class AttributeEncoder(nn.Module):
    """A U-Net whose decoder features, at eight sizes, describe everything but the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(Down(i, o) for i, o in pairwise(ENCODER_CHANNELS))
        self.up = nn.ModuleList(Up(i, o) for i, o in zip(ATTRIBUTE_CHANNELS[:-2], DECODER_CHANNELS, strict=True))

    def forward(self, targets: Tensor) -> list[Tensor]:
        x, skips = targets, []
        for stage in self.down:
            x = stage(x)  # (N, 32, 128, 128) ... (N, 1024, 2, 2)
            skips.append(x)
        attributes = [x]
        for stage, skip in zip(self.up, skips[-2::-1], strict=True):
            x = torch.cat([stage(x), skip], 1)
            attributes.append(x)  # (N, 2048, 4, 4) ... (N, 64, 128, 128)
        return [*attributes, upsample(x)]


class AadLayer(nn.Module):
    """Adaptive attentional denormalisation (paper, equations 2-5): identity and attributes, mixed by a learned mask."""

    def __init__(self, channels: int, attribute_channels: int, config: AeiConfig) -> None:
        super().__init__()
        side, pad = config.attribute_kernel, config.attribute_kernel // 2
        self.attribute_scale = nn.Conv2d(attribute_channels, channels, side, padding=pad, bias=config.bias)
        self.attribute_shift = nn.Conv2d(attribute_channels, channels, side, padding=pad, bias=config.bias)
        self.identity_scale = nn.Linear(config.embedding, channels)
        self.identity_shift = nn.Linear(config.embedding, channels)
        self.mask = nn.Conv2d(channels, 1, side, padding=pad, bias=config.bias)

    def forward(self, x: Tensor, attributes: Tensor, embedding: Tensor) -> Tensor:
        x = instance_norm(x)
        from_attributes = self.attribute_scale(attributes) * x + self.attribute_shift(attributes)
        scale, shift = self.identity_scale(embedding), self.identity_shift(embedding)
        from_identity = scale[:, :, None, None] * x + shift[:, :, None, None]
        return torch.lerp(from_attributes, from_identity, torch.sigmoid(self.mask(x)))


class AadBlock(nn.Module):
    """Residual block of denormalisation, ReLU, convolution; the skip path has its own where channels change."""

    def __init__(self, cin: int, cout: int, attribute_channels: int, config: AeiConfig) -> None:
        super().__init__()
        last = config.layers_per_block - 1
        self.layers = nn.ModuleList(AadLayer(cin, attribute_channels, config) for _ in range(last + 1))
        self.convs = nn.ModuleList(
            nn.Conv2d(cin, cout if i == last else cin, 3, padding=1, bias=False) for i in range(last + 1)
        )
        self.skip_layer = AadLayer(cin, attribute_channels, config) if cin != cout else None
        self.skip_conv = nn.Conv2d(cin, cout, 3, padding=1, bias=False) if cin != cout else None

    def forward(self, x: Tensor, attributes: Tensor, embedding: Tensor) -> Tensor:
        y = x
        for layer, conv in zip(self.layers, self.convs, strict=True):
            y = conv(F.relu(layer(y, attributes, embedding)))
        if self.skip_layer is not None and self.skip_conv is not None:
            x = self.skip_conv(F.relu(self.skip_layer(x, attributes, embedding)))
        return x + y


class AadGenerator(nn.Module):
    """From the identity up to the image, denormalised with the attributes at every size."""

    def __init__(self, config: AeiConfig) -> None:
        super().__init__()
        self.start = nn.ConvTranspose2d(config.embedding, BLOCK_CHANNELS[0][0], 2)
        self.blocks = nn.ModuleList(
            AadBlock(i, o, a, config) for (i, o), a in zip(BLOCK_CHANNELS, ATTRIBUTE_CHANNELS, strict=True)
        )

    def forward(self, attributes: list[Tensor], embedding: Tensor) -> Tensor:
        x = self.start(embedding[:, :, None, None])  # (N, 1024, 2, 2)
        for i, (block, attribute) in enumerate(zip(self.blocks, attributes, strict=True)):
            x = block(x if i == 0 else upsample(x), attribute, embedding)
        return torch.tanh(x)  # (N, 3, 256, 256)


class AeiNet(nn.Module):
    """Adaptive Embedding Integration Network: FaceShifter's first stage."""

    def __init__(self, config: AeiConfig | None = None) -> None:
        super().__init__()
        self.config = config or AeiConfig()
        self.encoder = AttributeEncoder()
        self.generator = AadGenerator(self.config)

    def forward(self, targets: Tensor, embedding: Tensor) -> tuple[Tensor, None]:
        """``(N, 3, S, S)`` in [0, 1], S a multiple of 128, and ``(N, E)`` -> ``(N, 3, S, S)`` in [0, 1], no mask.

        The generator starts from 2 x 2, so S is 256 (any other size fails in the first block).
        """
        return (self.generator(self.encoder(targets * 2 - 1), embedding) + 1) / 2, None


class HearNet(nn.Module):
    """Heuristic Error Acknowledging Refinement: sees the swap and what stage 1 loses when a face is swapped with itself."""

    DOWN = (6, 64, 128, 256, 512, 512)
    UP = ((512, 512), (1024, 256), (512, 128), (256, 64))

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(Down(i, o, bias=True) for i, o in pairwise(self.DOWN))
        self.up = nn.ModuleList(Up(i, o, bias=True) for i, o in self.UP)
        self.to_rgb = nn.Conv2d(128, 3, 3, padding=1)

    def forward(self, swapped: Tensor, targets: Tensor, reconstructed: Tensor) -> Tensor:
        """All ``(N, 3, S, S)`` in [0, 1]; ``reconstructed`` is stage 1 applied to the target with its own identity."""
        x = torch.cat([swapped * 2 - 1, (targets - reconstructed) * 2], 1)  # (N, 6, 256, 256)
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.up, skips[-2::-1], strict=True):
            x = torch.cat([skip, stage(x)], 1)  # (N, 1024, 16, 16) ... (N, 128, 128, 128)
        return (torch.tanh(self.to_rgb(upsample(x))) + 1) / 2
