"""The Identity-aware Dynamic Network (IDN): a small U-Net whose kernels come from one source face.

Layout: the official implementation (`models/model.py:UNet`), paper section "Identity-aware Dynamic Network". What belongs
to a source are the depthwise and pointwise kernels of the nine stages (:class:`IdnWeights`); what is learned and shared by
all sources are the ``final`` head, which draws the face, and the ``mask`` head (weakly semantic fusion).

The network is a pure function of (crops, weights): nothing about a source is ever written into the module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import DECODER_OUT_CHANNELS, MASK_CHANNELS, SLOPE


@dataclass(frozen=True, eq=False)
class IdnWeights:
    """The kernels of one or several source faces; an immutable value that is passed to the network.

    Every tensor has a leading axis of sources, N.

    Attributes:
        encoder_depthwise: five of ``(N, C, 4, 4)``, C = 3, 32, 64, 128, 256.
        encoder_pointwise: five of ``(N, C_out, C_in)``.
        decoder_depthwise: four of ``(N, C, 3, 3)``, C = 512, 512, 256, 128.
        decoder_pointwise: four of ``(N, C_out, C_in)``.
    """

    encoder_depthwise: tuple[Tensor, ...]
    encoder_pointwise: tuple[Tensor, ...]
    decoder_depthwise: tuple[Tensor, ...]
    decoder_pointwise: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        counts = {len(tensor) for group in self._groups() for tensor in group}
        if len(counts) != 1:
            raise ValueError(f"IdnWeights: all kernels need the same number of sources, got {sorted(counts)}.")

    def _groups(self) -> tuple[tuple[Tensor, ...], ...]:
        return tuple(getattr(self, field.name) for field in fields(self))

    def __len__(self) -> int:
        return len(self.encoder_depthwise[0])

    def __getitem__(self, index: int) -> IdnWeights:
        """The weights of one source, still with a leading axis of 1; negative numbers count from the end."""
        index = range(len(self))[index]
        return IdnWeights(*(tuple(tensor[index : index + 1] for tensor in group) for group in self._groups()))

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> IdnWeights:
        """A copy on another device or in another dtype."""
        return IdnWeights(*(tuple(t.to(device=device, dtype=dtype) for t in group) for group in self._groups()))

    def detach(self) -> IdnWeights:
        """The same values outside of any autograd graph."""
        return IdnWeights(*(tuple(tensor.detach() for tensor in group) for group in self._groups()))

    def tensors(self) -> dict[str, Tensor]:
        """All kernels by name, in network order; the names are those of the dynamic ONNX graph's inputs."""
        return {
            f"{field.name}.{i}": tensor for field in fields(self) for i, tensor in enumerate(getattr(self, field.name))
        }

    @staticmethod
    def stack(weights: Sequence[IdnWeights]) -> IdnWeights:
        """Several sources in one value, in order."""
        columns = zip(*(w._groups() for w in weights), strict=True)
        return IdnWeights(*(tuple(torch.cat(parts) for parts in zip(*groups, strict=True)) for groups in columns))


class MaskStage(nn.Sequential):
    """Upsample x2, depthwise 3x3, pointwise, batch norm, LeakyReLU: one step of the fusion head."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            Upsample(),
            nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in),
            nn.Conv2d(channels_in, channels_out, 1),
            nn.BatchNorm2d(channels_out),
            nn.LeakyReLU(SLOPE),
        )


class Upsample(nn.Module):
    """Bilinear x2 with aligned corners, as everywhere in the official network."""

    def forward(self, x: Tensor) -> Tensor:
        return upsample(x)


def upsample(x: Tensor) -> Tensor:
    """Bilinear x2 with aligned corners. On a GPU in channels-last memory: PyTorch's other kernel has one thread a position
    for all samples and channels, and took a third of a training step."""
    if x.device.type == "cuda":
        x = x.contiguous(memory_format=torch.channels_last)
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class Idn(nn.Module):
    """The per-frame network. Its own parameters are the two heads; the U-Net's kernels are an argument.

    >>> from mobilefaceswap_core.student.network import MobileFaceSwapNet
    >>> network = MobileFaceSwapNet.compact().eval()
    >>> with torch.inference_mode():
    ...     weights = network.condition(F.normalize(torch.ones(1, 512)), torch.zeros(1, 512, 7, 7))  # once per source
    ...     swapped, mask = network.idn(torch.zeros(2, 3, 224, 224), weights)  # every frame
    >>> swapped.shape, mask.shape
    (torch.Size([2, 3, 224, 224]), torch.Size([2, 1, 224, 224]))
    """

    def __init__(self) -> None:
        super().__init__()
        self.final = nn.Sequential(
            Upsample(),
            nn.Conv2d(DECODER_OUT_CHANNELS[-1], 8, 1),
            nn.BatchNorm2d(8),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(8, 3, 3, padding=1),
            nn.BatchNorm2d(3),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(3, 3, 3, padding=1),
            nn.Tanh(),
        )
        stages: list[nn.Module] = [MaskStage(i, o) for i, o in pairwise(MASK_CHANNELS)]
        self.mask = nn.Sequential(*stages, nn.Conv2d(MASK_CHANNELS[-1], 1, 3, padding=1))

    def forward(self, crops: Tensor, weights: IdnWeights) -> tuple[Tensor, Tensor]:
        """Swap aligned crops.

        Args:
            crops: ``(B, 3, S, S)`` RGB in [0, 1], S a multiple of 32 (224 as trained).
            weights: of one source for all crops, or of B sources, one per crop.

        Returns:
            Blended result ``(B, 3, S, S)`` in [0, 1] and mask ``(B, 1, S, S)`` in [0, 1].
        """
        face, logits = self.face_and_mask_logits(crops, weights)
        mask = torch.sigmoid(logits)
        return face * mask + crops * (1 - mask), mask

    def face_and_mask_logits(self, crops: Tensor, weights: IdnWeights) -> tuple[Tensor, Tensor]:
        """The two heads before fusion: face in [0, 1] and mask logits, both at the crops' size."""
        deepest, skips = self.encode(crops, weights)
        return self.decode(deepest, skips, weights), self.mask(deepest.detach())

    def encode(self, crops: Tensor, weights: IdnWeights) -> tuple[Tensor, list[Tensor]]:
        """Deepest feature ``(B, 512, S/32, S/32)`` and the features of the four stages before it, shallow first."""
        x = (crops - 0.5) / 0.5
        skips = []
        for depthwise, pointwise in zip(weights.encoder_depthwise, weights.encoder_pointwise, strict=True):
            x = F.leaky_relu(dynamic_pointwise(dynamic_depthwise(x, depthwise, stride=2), pointwise), SLOPE)
            skips.append(x)  # (B, 32, S/2, S/2) ... (B, 512, S/32, S/32)
        return x, skips[:-1]

    def decode(self, deepest: Tensor, skips: list[Tensor], weights: IdnWeights) -> Tensor:
        """Face ``(B, 3, S, S)`` in [0, 1]."""
        return (1 + self.draw(self.decode_stages(deepest, skips, weights)[-1])) / 2

    def decode_stages(self, deepest: Tensor, skips: list[Tensor], weights: IdnWeights) -> list[Tensor]:
        """What each of the four decoder stages computes, before the skips are joined; the last is what is drawn."""
        y, stages = deepest, []
        for i, (depthwise, pointwise) in enumerate(
            zip(weights.decoder_depthwise, weights.decoder_pointwise, strict=True)
        ):
            if i:
                y = torch.cat([y, skips[-i]], 1)  # (B, 512, S/16), (B, 256, S/8), (B, 128, S/4)
            y = upsample(y)
            y = F.leaky_relu(dynamic_pointwise(dynamic_depthwise(y, depthwise, stride=1), pointwise), SLOPE)
            stages.append(y)
        return stages

    def draw(self, y: Tensor) -> Tensor:
        """``final`` with its 1x1 convolution and batch norm before the upsampling.

        Both act on each position alone and bilinear weights sum to one, so the order does not change the function; it
        is a quarter of that work and upsamples 8 channels instead of 32.
        """
        upsample, pointwise, norm, *rest = self.final
        y = upsample(norm(pointwise(y)))
        for layer in rest:
            y = layer(y)
        return y


def dynamic_depthwise(x: Tensor, kernels: Tensor, *, stride: int) -> Tensor:
    """Depthwise convolution, padding 1, with kernels of one source or of one source per sample.

    Args:
        x: ``(B, C, H, W)``.
        kernels: ``(1, C, k, k)`` or ``(B, C, k, k)``.
    """
    batch, channels, height, width = x.shape
    size = kernels.shape[-1]
    if len(kernels) == 1:
        return F.conv2d(x, kernels.view(channels, 1, size, size), stride=stride, padding=1, groups=channels)
    _check_sources(len(kernels), batch)
    if x.device.type == "cpu":
        # Each sample by itself: at best half the time, forward and backward, of one group per (sample, channel).
        samples = zip(x.split(1), kernels, strict=True)
        return torch.cat([F.conv2d(s, k[:, None], stride=stride, padding=1, groups=channels) for s, k in samples])
    # One group per (sample, channel): the batch becomes channels.
    y = F.conv2d(
        x.reshape(1, batch * channels, height, width),
        kernels.reshape(batch * channels, 1, size, size),
        stride=stride,
        padding=1,
        groups=batch * channels,
    )
    return y.view(batch, channels, y.shape[-2], y.shape[-1])


def dynamic_pointwise(x: Tensor, kernels: Tensor) -> Tensor:
    """1x1 convolution with kernels ``(1, C_out, C_in)`` or ``(B, C_out, C_in)``; ``x`` is ``(B, C_in, H, W)``."""
    batch, channels, height, width = x.shape
    if len(kernels) == 1:
        return F.conv2d(x, kernels[0, :, :, None, None])
    _check_sources(len(kernels), batch)
    return torch.bmm(kernels.to(x.dtype), x.reshape(batch, channels, height * width)).view(batch, -1, height, width)


def _check_sources(sources: int, crops: int) -> None:
    if sources != crops:
        raise ValueError(f"Got weights of {sources} sources for {crops} crops; pass one source, or one per crop.")
