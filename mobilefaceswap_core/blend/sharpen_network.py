"""The network that says how far the target's detail fits a swapped face, as a torch module.

A small U-Net over two lumas at the crop's own size: the swapped face's, and the target's with its features moved to where the
swapped face has them. What it says is applied by :func:`sharpened` here, and to pictures of any size by :mod:`.sharpen`.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .occlusion_graph import SLOPE
from .occlusion_network import Separable
from .sharpen_graph import MIDDLE_BOX_PX, PLANES, WIDTHS

STRIDE = 2 ** len(WIDTHS)  # the crop's side is a multiple of it
_FIRST_SHARES = (1.0, -3.0)  # logits: training begins with most of the fine band and little of the middle one


class SharpenNet(nn.Module):
    """Lumas of a swapped face and of its aligned target to six planes at half their size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, WIDTHS[0], 5, 2, 2), nn.LeakyReLU(SLOPE))
        self.encoder = nn.ModuleList([Separable(WIDTHS[0], WIDTHS[0])])
        for narrow, wide in pairwise(WIDTHS):
            self.encoder.append(nn.Sequential(Separable(narrow, wide, stride=2), Separable(wide, wide)))
        self.join, self.decoder = nn.ModuleList(), nn.ModuleList()
        for narrow, wide in pairwise(WIDTHS[::-1]):
            self.join.append(nn.Conv2d(narrow, wide, 1))
            self.decoder.append(Separable(wide, wide))
        self.head = nn.Conv2d(WIDTHS[0], PLANES, 3, 1, 1)
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.head.bias.data[:2] = torch.tensor(_FIRST_SHARES)  # type: ignore[union-attr]

    def forward(self, lumas: Tensor) -> Tensor:
        """``(N, 2, S, S)`` in [0, 1], swapped and aligned target, S a multiple of 8 -> ``(N, 6, S/2, S/2)``.

        The planes: the share of the target's fine band and that of its middle band, in [0, 1]; four planes of luma to add, as
        ``pixel_shuffle`` reads them.
        """
        x = self.stem(lumas * 4 - 2)  # (N, 20, S/2, S/2)
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        for join, stage, skip in zip(self.join, self.decoder, skips[-2::-1], strict=True):
            x = stage(skip + F.interpolate(join(x), scale_factor=2, mode="bilinear", align_corners=False))
        share, drawn = self.head(x).float().split([2, 4], 1)
        return torch.cat([torch.sigmoid(share), drawn], 1)


def sharpened(lumas: Tensor, fine: Tensor, plan: Tensor) -> Tensor:
    """The swapped face's luma with what a plan brings.

    Args:
        lumas: ``(N, 2, S, S)`` what :class:`SharpenNet` read.
        fine: ``(N, 1, 2S, 2S)`` the aligned target's :func:`fine_band`.
        plan: ``(N, 6, S/2, S/2)`` what it gave.

    Returns:
        ``(N, 1, 2S, 2S)``, not limited to [0, 1].
    """
    fine_share, middle_share, drawn = plan.split([1, 1, 4], 1)
    large, bands = twice(lumas[:, :1], mode="bicubic"), middle_band(lumas)
    change = twice(middle_share) * (bands[:, 1:] - bands[:, :1]) + F.pixel_shuffle(drawn, 2)
    return large + twice(change) + twice(twice(fine_share)) * (fine - fine_band(large))


def middle_band(lumas: Tensor) -> Tensor:
    """Luma less its mean over a box, taken twice."""
    box = {"kernel_size": MIDDLE_BOX_PX, "stride": 1, "padding": MIDDLE_BOX_PX // 2, "count_include_pad": False}
    return lumas - F.avg_pool2d(F.avg_pool2d(lumas, **box), **box)  # type: ignore[arg-type]


def fine_band(luma: Tensor) -> Tensor:
    """What half the size cannot hold."""
    return luma - twice(F.avg_pool2d(luma, 2))


def twice(x: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Enlarged by two, pixels counted by their areas."""
    return F.interpolate(x, scale_factor=2, mode=mode, align_corners=False)


def moved(images: Tensor, shift: Tensor) -> Tensor:
    """Each pixel is taken from where the shift says.

    Args:
        images: ``(N, C, H, W)``.
        shift: ``(N, 2, H, W)`` px across and down, output to input.
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device, dtype=images.dtype) + shift[:, 0] + 0.5
    y = torch.arange(height, device=images.device, dtype=images.dtype)[:, None] + shift[:, 1] + 0.5
    grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], 3)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
