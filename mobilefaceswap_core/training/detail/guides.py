"""Pictures that guide: features of one face brought to where another's are about, and what a swapper makes soft.

Coordinates are fractions of the crop. A displacement says where a pixel of the result is taken from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ...faces.landmarks68 import BROWS, JAW, LEFT_EYE, MOUTH, NOSE, RIGHT_EYE
from ..data.augment import flip_images, uniform

_GRID = 32  # cells a side on which a displacement is computed; it is smooth
# Standard deviations, fractions of the crop: how far features of a swapped face lie from its target's. A part moves as a
# whole, opens or closes about its middle, and each of its points moves a little.
_PARTS = ((JAW, 0.006), (BROWS, 0.013), (LEFT_EYE, 0.006), (RIGHT_EYE, 0.006), (NOSE, 0.006), (MOUTH, 0.01))
_SHARP = 0.15  # of what is not drawn by a swapper
_STRETCH, _EACH, _TOGETHER = 0.12, 0.002, 0.004
Corners = Sequence[tuple[int, int]]
_BORDER = tuple((x, y) for x, y in product((0.0, 0.5, 1.0), repeat=2) if (x, y) != (0.5, 0.5))


def displaced(landmarks: Tensor, generator: Generator) -> Tensor:
    """Features of another face with about the same pose: parts moved, opened and closed.

    Args:
        landmarks: ``(N, 68, 2)`` fractions of the crop.
    """
    count = len(landmarks)

    def normal(*shape: int) -> Tensor:
        return torch.randn((count, *shape), generator=generator, device=landmarks.device)

    out = landmarks + normal(68, 2) * _EACH + normal(1, 2) * _TOGETHER
    for part, far in _PARTS:
        points = out[:, part]
        middle = points.mean(1, keepdim=True)
        stretch = 1 + normal(1, 2) * (_STRETCH if part is not JAW else 0.01)
        out[:, part] = middle + (points - middle) * stretch + normal(1, 2) * far
    return out


def displacement(places: Tensor, values: Tensor, side: int) -> Tensor:
    """A smooth field that has given values at given places and none at the crop's border.

    Args:
        places: ``(N, P, 2)`` fractions of the crop.
        values: ``(N, P, 2)``.
        side: of the field.

    Returns:
        ``(N, 2, side, side)``: a thin-plate spline through places, border and what lies between.
    """
    border = places.new_tensor(_BORDER).expand(len(places), -1, -1)
    knots = torch.cat([places, border], 1).double()  # (N, K, 2)
    known = torch.cat([values, torch.zeros_like(border)], 1).double()
    count = knots.shape[1]
    ones = torch.ones_like(knots[..., :1])
    affine = torch.cat([ones, knots], 2)  # (N, K, 3)
    system = knots.new_zeros(len(knots), count + 3, count + 3)
    system[:, :count, :count] = _spline(torch.cdist(knots, knots))
    system[:, :count, :count] += 1e-5 * torch.eye(
        count, dtype=system.dtype, device=system.device
    )  # points may coincide
    system[:, :count, count:], system[:, count:, :count] = affine, affine.transpose(1, 2)
    found = torch.linalg.solve(system, F.pad(known, (0, 0, 0, 3)))  # (N, K + 3, 2)
    cells = (torch.arange(_GRID, device=knots.device, dtype=knots.dtype) + 0.5) / _GRID
    y, x = torch.meshgrid(cells, cells, indexing="ij")
    grid = torch.stack([x, y], 2).reshape(1, -1, 2).expand(len(knots), -1, -1)
    basis = torch.cat([_spline(torch.cdist(grid, knots)), torch.ones_like(grid[..., :1]), grid], 2)
    field = (basis @ found).transpose(1, 2).reshape(-1, 2, _GRID, _GRID)
    return F.interpolate(field.to(places.dtype), size=(side, side), mode="bilinear", align_corners=False)


def seen_through(images: Tensor, field: Tensor, corners: Corners, window: int) -> Tensor:
    """Windows of images whose pixels are taken from where a displacement says.

    Args:
        images: ``(N, C, S, S)``.
        field: ``(N, 2, F, F)`` of :func:`displacement`.
        corners: see :func:`cut`.
        window: its side, px of the images.
    """
    side, scale = images.shape[-1], images.shape[-1] // field.shape[-1]
    shift = F.interpolate(cut(field, corners, window, scale=scale), scale_factor=scale, mode="bilinear") * side
    place = (torch.arange(window, device=images.device) + 0.5).to(images.dtype)
    left, top = images.new_tensor(corners).unbind(1)
    x = shift[:, 0] + left[:, None, None] + place
    y = shift[:, 1] + top[:, None, None] + place[:, None]
    grid = torch.stack([x, y], 3) * (2 / side) - 1
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def cut(images: Tensor, corners: Corners, window: int, *, scale: int = 1) -> Tensor:
    """A window of each image ``(N, C, S, S)``.

    Args:
        corners: left and top of each window, multiples of ``scale``.
        window: its side, likewise.
        scale: of what corners and window are counted in to pixels of the images.
    """
    own = window // scale
    places = [(left // scale, top // scale) for left, top in corners]
    return torch.stack(
        [one[:, top : top + own, left : left + own] for one, (left, top) in zip(images, places, strict=True)]
    )


def _spline(distance: Tensor) -> Tensor:
    squared = distance.square()
    return squared * (squared + 1e-12).log()


def softened(luma: Tensor, generator: Generator) -> Tensor:
    """As soft as a swapper's crops, softer, or as it is: eyes and mouths that come back of the target are sharp already.

    Args:
        luma: ``(N, 1, S, S)`` in [0, 1].
    """
    out = []
    for image in luma.split(1):
        one, other, stays = torch.rand(3, generator=generator, device=luma.device).tolist()
        sigma = 0.5 + 0.7 * one**2 + 0.4 * other
        x = torch.arange(-4, 5, dtype=luma.dtype, device=luma.device)
        kernel = torch.exp(-0.5 * (x / sigma) ** 2)
        kernel = kernel / kernel.sum()
        padded = F.pad(image, (4, 4, 4, 4), mode="reflect")
        soft = F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
        out.append(image if stays < _SHARP else soft)
    return (torch.cat(out) * 255).round() / 255


def matched(luma: Tensor, wanted: Tensor) -> Tensor:
    """Lumas ``(N, 1, S, S)`` with the mean and the spread of others, as a swapped face's colours are matched to its target."""
    spread, middle = torch.std_mean(luma, (1, 2, 3), keepdim=True)
    other_spread, other_middle = torch.std_mean(wanted, (1, 2, 3), keepdim=True)
    return ((luma - middle) * (other_spread / spread.clamp(min=1e-3)) + other_middle).clamp(0, 1)


def seen_elsewhere(luma: Tensor, generator: Generator) -> Tensor:
    """The guide in another light and by another camera: contrast, brightness, gamma, grain, some of them soft."""
    count = len(luma)
    shape = (count, 1, 1, 1)
    out = luma.clamp(min=1e-4) ** torch.exp(0.25 * uniform(shape, generator))
    out = out * (1 + 0.15 * uniform(shape, generator)) + 0.06 * uniform(shape, generator)
    soft = F.avg_pool2d(out, 3, 1, 1, count_include_pad=False)
    out = torch.lerp(out, soft, (uniform(shape, generator) * 2 - 1).clamp(0, 1))  # a quarter of them, up to wholly
    grain = torch.randn(out.shape, generator=generator, device=out.device)
    return (out + grain * (0.012 * torch.rand(shape, generator=generator, device=out.device))).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is trained on.

    Attributes:
        lumas: ``(N, 2, S, S)`` in [0, 1], what is soft, and the guide with its features brought to those.
        fine: ``(N, 1, 2S, 2S)`` the guide's fine band, likewise.
        answer: ``(N, 1, 2S, 2S)``.
        counts: ``(N, 1, S/2, S/2)`` how much a pixel counts.
    """

    lumas: Tensor
    fine: Tensor
    answer: Tensor
    counts: Tensor

    def mirrored(self, chosen: Tensor) -> Sample:
        """Some samples ``(N,)`` left and right exchanged."""
        return Sample(*(flip_images(part, chosen) for part in self._parts()))

    def first(self, count: int) -> Sample:
        """The first samples alone."""
        return Sample(*(part[:count] for part in self._parts()))

    def _parts(self) -> tuple[Tensor, ...]:
        return self.lumas, self.fine, self.answer, self.counts
