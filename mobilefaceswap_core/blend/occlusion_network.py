"""The network that tells visible face from what hides it, as a torch module and as an ONNX graph.

A small U-Net of depthwise separable convolutions, 152 k parameters. It ships without batch norms: they are folded into the
convolutions before them (:func:`folded`), and training puts them back (:func:`unfolded`).
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..runtime.graphs import arrays_of, fold_norm
from .occlusion_graph import SLOPE, WIDTHS

STRIDE = 2 ** len(WIDTHS)  # the crop's side is a multiple of it
_LAST_WIDTH, _HEAD_WIDTH = 24, 12


class ConvNorm(nn.Sequential):
    """Convolution, batch norm (or nothing) and leaky ReLU."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1, norms: bool = False
    ) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups),
            nn.BatchNorm2d(channels_out) if norms else nn.Identity(),
            nn.LeakyReLU(SLOPE),
        )


class Separable(nn.Module):
    """3x3 depthwise and 1x1 convolution; residual where size and width stay."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1, norms: bool = False) -> None:
        super().__init__()
        self.depthwise = ConvNorm(channels_in, channels_in, 3, stride=stride, groups=channels_in, norms=norms)
        self.pointwise = ConvNorm(channels_in, channels_out, 1, norms=norms)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(self.depthwise(x))
        return x + y if self.residual else y


class OcclusionNet(nn.Module):
    """Crops to logits: positive where a pixel is no visible face.

    Args:
        norms: with batch norms, for training; what ships has none.
    """

    def __init__(self, *, norms: bool = False) -> None:
        super().__init__()
        self.stem = ConvNorm(3, WIDTHS[0], 3, stride=2, norms=norms)
        self.encoder = nn.ModuleList([nn.Sequential(Separable(WIDTHS[0], WIDTHS[0], norms=norms))])
        for narrow, wide in pairwise(WIDTHS):
            down = Separable(narrow, wide, stride=2, norms=norms)
            self.encoder.append(nn.Sequential(down, *(Separable(wide, wide, norms=norms) for _ in range(2))))
        self.decoder = nn.ModuleList()
        channels = WIDTHS[-1]
        for skipped, out in zip(WIDTHS[-2::-1], (*WIDTHS[-2:0:-1], _LAST_WIDTH), strict=True):
            join = ConvNorm(channels + skipped, out, 1, norms=norms)
            self.decoder.append(nn.Sequential(join, Separable(out, out, norms=norms)))
            channels = out
        self.head = nn.Sequential(
            ConvNorm(channels + 3, _HEAD_WIDTH, 3, norms=norms), nn.Conv2d(_HEAD_WIDTH, 1, 3, 1, 1)
        )

    def forward(self, crops: Tensor) -> Tensor:
        """``(N, 3, S, S)`` RGB in [0, 1], S a multiple of 32 -> logits ``(N, 1, S, S)``."""
        z = crops * 2 - 1
        x = self.stem(z)  # (N, 16, S/2, S/2)
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.decoder, skips[-2::-1], strict=True):
            x = stage(torch.cat([_twice(x), skip], 1))
        return self.head(torch.cat([_twice(x), z], 1))


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def folded(network: OcclusionNet) -> OcclusionNet:
    """The same function without batch norms: those of evaluation mode become kernels and biases."""
    plain = OcclusionNet().eval()
    for own, theirs in zip(_layers(plain), _layers(network), strict=True):
        if isinstance(theirs, ConvNorm) and isinstance(theirs[1], nn.BatchNorm2d):
            kernel, bias = fold_norm(arrays_of(theirs), "0", "1")
            own_tensors = {"0.weight": torch.from_numpy(kernel), "0.bias": torch.from_numpy(bias)}
            own.load_state_dict(own_tensors)
        else:
            own.load_state_dict(theirs.state_dict())
    return plain


@torch.no_grad()
def unfolded(network: OcclusionNet, crops: Tensor) -> OcclusionNet:
    """The same function with batch norms, to go on training.

    Each norm gets the mean and variance that its convolution has on the crops as statistics, and undoes them by scale and
    shift: on these crops the function is the same in training mode too, on others of their kind nearly.

    Args:
        network: without norms.
        crops: ``(N, 3, S, S)`` in [0, 1], on the network's device.
    """
    normed = OcclusionNet(norms=True).to(crops.device)
    for own, theirs in zip(_layers(normed), _layers(network), strict=True):
        tensors = theirs.state_dict()
        own.load_state_dict(tensors, strict=False)  # the norms' tensors are not there
        if isinstance(own, ConvNorm):
            own.register_forward_hook(_take_statistics)
    normed.train()(crops)
    for layer in _layers(normed):
        layer._forward_hooks.clear()
    return normed


def _take_statistics(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    convolution, norm, leaky = list(layer.children())
    assert isinstance(norm, nn.BatchNorm2d)
    x = convolution(inputs[0])
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
    norm.running_mean.copy_(mean)  # type: ignore[union-attr]
    norm.running_var.copy_(variance)  # type: ignore[union-attr]
    norm.weight.copy_(torch.sqrt(variance + norm.eps))
    norm.bias.copy_(mean)
    return leaky(x)


def _layers(network: nn.Module) -> list[nn.Module]:
    """Every :class:`ConvNorm` and the last convolution, in order."""
    found: list[nn.Module] = [module for module in network.modules() if isinstance(module, ConvNorm)]
    assert isinstance(network, OcclusionNet)
    return [*found, network.head[1]]
