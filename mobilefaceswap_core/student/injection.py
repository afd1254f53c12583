"""The Identity Injection Network (IIN): from a source's identity to the kernels of the IDN, once per source.

Two networks with one interface (:class:`InjectionNetwork`):

* :class:`OfficialInjection`, the layout of the authors' release: 20 M parameters, kernels predicted by convolutions on
  the recogniser's feature map, pointwise kernels modulated by the embedding.
* :class:`CompactInjection`, the layout of the weights that ship here: 3.9 M parameters, a source-specific low-rank part
  added to learned base kernels, depthwise and pointwise. It trains on small machines, where the official layout gave
  kernels that hardly depended on the source. Its kernels have unit norm times a gain, so activations stay of order 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .idn import IdnWeights
from .layout import (
    CODE_GAIN,
    DECODER_IN_CHANNELS,
    DECODER_OUT_CHANNELS,
    EMBEDDING,
    ENCODER_CHANNELS,
    KERNEL_SHAPES,
    MODULATION_EPSILON,
    NORM_EPSILON,
    SLOPE,
)

MAP_SIDE = 7  # side of the feature map of a 112-px recogniser
_MIX = "injection.mix."  # state names in a whole network
_MIXING = (_MIX, "injection.mix_in.", "injection.mix_out.")


class InjectionNetwork(nn.Module, ABC):
    """Identity in, kernels out."""

    @abstractmethod
    def forward(self, embedding: Tensor, feature_map: Tensor) -> IdnWeights:
        """Predict the kernels of N sources.

        Args:
            embedding: ``(N, 512)``, unit length.
            feature_map: ``(N, 512, 7, 7)``, the recogniser's last map.
        """


def modulate(weight: Tensor, scale: Tensor, *, epsilon: float) -> Tensor:
    """Weights modulation: scale the inputs of a kernel, then bring each output's kernel back to unit norm.

    Args:
        weight: ``(C_out, C_in)`` learned kernel, or ``(N, C_out, C_in)``, one per source.
        scale: ``(N, C_in)``; 0 leaves the kernel as it is.

    Returns:
        ``(N, C_out, C_in)``.

    Source:
        StyleGAN2 modulation as used by the paper's weights modulation; official `Mod2Weight`.

    >>> modulate(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), epsilon=0.0)  # unit norm: 3-4-5
    tensor([[[0.6000, 0.8000]]])
    """
    modulated = weight * (scale[:, None, :] + 1)
    return modulated * torch.rsqrt(modulated.square().sum(2, keepdim=True) + epsilon)


class Modulation(nn.Module):
    """One pointwise kernel and the linear layer that modulates it (official `Mod2Weight`)."""

    EPSILON = 1e-16  # official value

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.style = nn.Linear(EMBEDDING, channels_in)
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in) * channels_in**-0.5)

    def forward(self, embedding: Tensor) -> Tensor:
        return modulate(self.weight, self.style(embedding), epsilon=self.EPSILON)


class KernelBlock(nn.Module):
    """A feature and the kernels read off it (official `ConvBlock`)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels_out)
        self.weight = nn.Conv2d(channels_out, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.leaky_relu(self.norm(self.conv(x)), SLOPE)
        return x, self.weight(x)


class WeightsPrediction(nn.Module):
    """Depthwise kernels from the feature map: a 4x4 map becomes 4x4 kernels, a 3x3 map 3x3 kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(EMBEDDING, EMBEDDING, 4)
        self.norm = nn.BatchNorm2d(EMBEDDING)
        self.first_decoder = nn.Conv2d(EMBEDDING, EMBEDDING, 2)
        self.decoder_norm = nn.BatchNorm2d(EMBEDDING)
        # Deepest stage first: its kernels have the most channels and are read closest to the identity.
        encoder = [EMBEDDING, *ENCODER_CHANNELS[:-1][::-1]]
        decoder = [EMBEDDING, *DECODER_IN_CHANNELS]
        self.encoder = nn.ModuleList(KernelBlock(i, o) for i, o in pairwise(encoder))
        self.decoder = nn.ModuleList(KernelBlock(i, o) for i, o in pairwise(decoder))

    def forward(self, feature_map: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        z = F.leaky_relu(self.norm(self.first(feature_map)), SLOPE)  # (N, 512, 4, 4)
        encoder, decoder = [], []
        x = z
        for block in self.encoder:
            x, kernels = block(x)
            encoder.append(kernels)
        y = F.leaky_relu(self.decoder_norm(self.first_decoder(z)), SLOPE)  # (N, 512, 3, 3)
        for block in self.decoder:
            y, kernels = block(y)
            decoder.append(kernels)
        return encoder[::-1], decoder


class OfficialInjection(InjectionNetwork):
    """The authors' IIN (official `BuildFaceSwap` without the two heads)."""

    def __init__(self) -> None:
        super().__init__()
        encoder = pairwise(ENCODER_CHANNELS)
        self.predictor = WeightsPrediction()
        self.encoder_modulation = nn.ModuleList(Modulation(i, o) for i, o in encoder)
        self.decoder_modulation = nn.ModuleList(
            Modulation(i, o) for i, o in zip(DECODER_IN_CHANNELS, DECODER_OUT_CHANNELS, strict=True)
        )

    def forward(self, embedding: Tensor, feature_map: Tensor) -> IdnWeights:
        encoder_depthwise, decoder_depthwise = self.predictor(feature_map)
        return IdnWeights(
            tuple(encoder_depthwise),
            tuple(block(embedding) for block in self.encoder_modulation),
            tuple(decoder_depthwise),
            tuple(block(embedding) for block in self.decoder_modulation),
        )


class IdentityTrunk(nn.Module):
    """Whitened embedding and map -> one code ``(N, 512)``.

    Whitening with statistics of the training data makes the differences between people, not what all faces share, the
    large part of the input; layer norm keeps the code's scale whatever the source.
    """

    MAP_CHANNELS, MAP_CODE = 32, 256
    embedding_mean: Tensor
    embedding_std: Tensor
    map_mean: Tensor
    map_std: Tensor

    def __init__(self, code: int) -> None:
        super().__init__()
        self.register_buffer("embedding_mean", torch.zeros(EMBEDDING))
        self.register_buffer("embedding_std", torch.ones(EMBEDDING))
        self.register_buffer("map_mean", torch.zeros(self.MAP_CHANNELS, MAP_SIDE, MAP_SIDE))
        self.register_buffer("map_std", torch.ones(self.MAP_CHANNELS, MAP_SIDE, MAP_SIDE))
        self.reduce = nn.Conv2d(EMBEDDING, self.MAP_CHANNELS, 1)
        self.map_in = nn.Linear(self.MAP_CHANNELS * MAP_SIDE**2, self.MAP_CODE)
        self.linear1, self.norm1 = nn.Linear(EMBEDDING + self.MAP_CODE, code), nn.LayerNorm(code)
        self.linear2, self.norm2 = nn.Linear(code, code), nn.LayerNorm(code)

    def forward(self, embedding: Tensor, feature_map: Tensor) -> Tensor:
        e = (embedding - self.embedding_mean) / self.embedding_std
        m = ((self.reduce(feature_map) - self.map_mean) / self.map_std).flatten(1)
        h = torch.cat([e, F.leaky_relu(self.map_in(m), SLOPE)], 1)
        h = F.leaky_relu(self.norm1(self.linear1(h)), SLOPE)
        return F.leaky_relu(self.norm2(self.linear2(h)), SLOPE) * CODE_GAIN


class CompactInjection(InjectionNetwork):
    """A small IIN: kernel = learned base + low-rank function of the code, at unit norm.

    Depthwise kernels are then multiplied by a gain. Pointwise kernels are also modulated, as in the paper; their low-rank
    part (``mix``) is this project's: a source may combine channels, not only scale them, at no cost per frame.
    """

    CODE, RANK, MIX_RANK = 512, 64, 32
    SHAPES = KERNEL_SHAPES

    def __init__(self) -> None:
        super().__init__()
        pairs = [
            *pairwise(ENCODER_CHANNELS),
            *zip(DECODER_IN_CHANNELS, DECODER_OUT_CHANNELS, strict=True),
        ]
        self.trunk = IdentityTrunk(self.CODE)
        self.base = nn.ParameterList(nn.Parameter(torch.randn(c, k * k)) for c, k in self.SHAPES)
        self.gain = nn.ParameterList(nn.Parameter(torch.ones(c)) for c, _ in self.SHAPES)
        self.low = nn.ModuleList(nn.Linear(self.CODE, self.RANK) for _ in self.SHAPES)
        self.head = nn.ModuleList(nn.Linear(self.RANK, c * k * k, bias=False) for c, k in self.SHAPES)
        self.style = nn.ModuleList(nn.Linear(self.CODE, c) for c, _ in self.SHAPES)
        self.pointwise = nn.ParameterList(nn.Parameter(torch.randn(o, i) * i**-0.5) for i, o in pairs)
        ranks = [min(self.MIX_RANK, i) for i, _ in pairs]
        self.mix = nn.ModuleList(nn.Linear(self.CODE, rank, bias=False) for rank in ranks)
        self.mix_in = nn.ParameterList(
            nn.Parameter(torch.randn(rank, i) * i**-0.5) for rank, (i, _) in zip(ranks, pairs, strict=True)
        )
        self.mix_out = nn.ParameterList(
            nn.Parameter(torch.randn(o, rank) * rank**-0.5) for rank, (_, o) in zip(ranks, pairs, strict=True)
        )
        self.initialise()

    def initialise(self) -> None:
        """Start with a source-specific part strong enough to matter (0.25 of a kernel's unit norm, 0.35 of a scale)."""
        layers = cast("list[tuple[nn.Linear, nn.Linear, nn.Linear]]", zip(self.low, self.head, self.style, strict=True))
        for low, head, style in layers:
            nn.init.normal_(head.weight, std=0.25 * self.RANK**-0.5)
            nn.init.normal_(low.weight, std=self.CODE**-0.5)
            nn.init.zeros_(low.bias)
            nn.init.normal_(style.weight, std=0.35 * self.CODE**-0.5)
            nn.init.zeros_(style.bias)
        for mix in self.mix:
            nn.init.zeros_(cast(nn.Linear, mix).weight)  # all sources combine channels alike at first

    def forward(self, embedding: Tensor, feature_map: Tensor) -> IdnWeights:
        code = self.trunk(embedding, feature_map)  # (N, 512)
        depthwise = [self._depthwise(i, code) for i in range(len(self.SHAPES))]
        pointwise = [self._pointwise(i, code) for i in range(len(self.SHAPES))]
        stages = len(ENCODER_CHANNELS) - 1
        return IdnWeights(
            tuple(depthwise[:stages]), tuple(pointwise[:stages]), tuple(depthwise[stages:]), tuple(pointwise[stages:])
        )

    def _depthwise(self, stage: int, code: Tensor) -> Tensor:
        channels, side = self.SHAPES[stage]
        own = self.head[stage](self.low[stage](code)).float().view(-1, channels, side * side)
        kernels = self.base[stage][None].float() + own
        kernels = kernels * torch.rsqrt(kernels.square().sum(2, keepdim=True) + NORM_EPSILON)
        return (kernels * self.gain[stage][None, :, None]).view(-1, channels, side, side)

    def _pointwise(self, stage: int, code: Tensor) -> Tensor:
        strength = self.mix[stage](code)  # (N, rank)
        mixed = self.pointwise[stage] + (self.mix_out[stage] * strength[:, None, :]) @ self.mix_in[stage]
        return modulate(mixed, self.style[stage](code), epsilon=MODULATION_EPSILON)


def with_mixing(tensors: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Tensors of a compact student from before its pointwise kernels had a low-rank part, with that part at zero.

    The channels to combine (``mix_in``, ``mix_out``) are drawn, always the same: at zero the part could not be trained.

    Args:
        tensors: by name; returned as they are if they have the part.
        network: a module of the full layout, which tells the shapes.
    """
    if any(name.startswith(_MIXING) for name in tensors):
        return dict(tensors)
    generator = torch.Generator().manual_seed(0)
    added = {}
    for name, value in network.state_dict().items():
        if name.startswith(_MIX):
            added[name] = torch.zeros(value.shape)
        elif name.startswith(_MIXING):
            added[name] = torch.randn(value.shape, generator=generator) * value.shape[1] ** -0.5
    return {**tensors, **added}
