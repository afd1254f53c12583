"""3x3 convolutions in four ninths of the multiplications, for float32 on a CPU: tiles of 2 x 2 pixels, Winograd's way.

Source: Lavin & Gray 2016 (arXiv 1509.09308), F(2x2, 3x3). Tiles of 4 x 4 would take a fourth of the multiplications, and 36
numbers to hold for each kernel of 9 instead of 16.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..runtime.devices import cpu_features

_TILE, _READ = 2, 4  # side of what a tile gives, and of what it reads
# Lavin & Gray's matrices of an edge's length: of what is read, of the kernel, of what comes out.
_FROM_INPUT = torch.tensor([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
_FROM_KERNEL = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_TO_OUTPUT = torch.tensor([[1.0, 1, 1, 0], [0, 1, -1, -1]])
_INPUT, _OUTPUT = torch.kron(_FROM_INPUT, _FROM_INPUT), torch.kron(_TO_OUTPUT, _TO_OUTPUT)  # of a tile, flattened
# Tiles are gathered and put back: 384 channels at 28 and 56 px then take 0.6 and 0.7 of the time, 192 at 112 px twice as long.
_LEAST_CHANNELS = 256


class TiledConv2d(nn.Conv2d):
    """A 3x3 convolution of stride 1 and padding 1 that computes in tiles once :func:`prepare` has met it."""

    tiled: Tensor | None = None  # (16, C_in, C_out)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C_in, H, W)`` -> ``(N, C_out, H, W)``."""
        is_plain = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if self.tiled is None or not only_computes(x) or not is_plain or any(side % _TILE for side in x.shape[2:]):
            return super().forward(x)
        return _convolved(x, self.tiled, self.bias)


def pays() -> bool:
    """Whether tiles save time on this processor.

    MKL, which multiplies them, computes sixteen numbers at a time on Intel's processors alone, oneDNN, which convolves, wherever there is AVX-512.
    There 384 channels at 28 px took 11.2 ms in tiles and 9.0 without (an AMD EPYC of family 26, one thread).
    """
    return torch.backends.cpu.get_cpu_capability() != "AVX512" or "GenuineIntel" in cpu_features()


def only_computes(x: Tensor) -> bool:
    """Whether a layer may take a way of its own: on a CPU, and nobody wants a gradient."""
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def prepare(network: nn.Module) -> None:
    """Let a network's wide 3x3 convolutions compute in tiles, wherever no gradient is wanted. Its weights must stay as they are.

    Args:
        network: any; only its :class:`TiledConv2d` change.
    """
    for layer in network.modules():
        if isinstance(layer, TiledConv2d) and layer.in_channels >= _LEAST_CHANNELS:
            edge, kernel = _FROM_KERNEL.double(), layer.weight.detach().double()
            layer.tiled = torch.einsum("ai,ocij,bj->abco", edge, kernel, edge).flatten(0, 1).float().contiguous()


def _convolved(x: Tensor, kernels: Tensor, bias: Tensor | None) -> Tensor:
    count, _, height, width = x.shape
    rows, columns = height // _TILE, width // _TILE
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # (N, H + 2, W + 2, C)
    image, row, column, channel = padded.stride()
    tiles = padded.as_strided(
        (_READ, _READ, count, rows, columns, x.shape[1]),
        (row, column, image, _TILE * row, _TILE * column, channel),
    )
    read = (_INPUT @ tiles.reshape(_READ**2, -1)).view(_READ**2, -1, x.shape[1])
    products = torch.bmm(read, kernels)  # (16, tiles, C_out)
    given = (_OUTPUT @ products.flatten(1)).view(_TILE, _TILE, count, rows, columns, -1)
    out = given.permute(2, 3, 0, 4, 1, 5).reshape(count, height, width, -1)
    return (out if bias is None else out + bias).permute(0, 3, 1, 2)  # channels last
