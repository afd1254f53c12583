"""Augmentation of whole batches on the device they live on.

Convention of the affine matrices, that of ``F.affine_grid``: ``(N, 2, 3)``, ``input_from_output``, in coordinates of -1 to 1
over the image. The same matrix moves target, teacher output and mask of a sample together.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ...faces.landmarks68 import MIRROR_68


def uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Numbers in [-1, 1) on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device) * 2 - 1


def random_affine(count: int, generator: Generator, *, degrees: float, scale: float, shift: float) -> Tensor:
    """``(count, 2, 3)`` rotations up to ``degrees``, scales 1 ± ``scale``, shifts up to ``shift`` of the side."""
    angle = uniform((count,), generator) * math.radians(degrees)
    size = 1 + uniform((count,), generator) * scale
    move = uniform((count, 2), generator) * shift * 2  # coordinates span 2
    cos, sin = size * angle.cos(), size * angle.sin()
    rows = torch.stack([cos, -sin, move[:, 0]], 1), torch.stack([sin, cos, move[:, 1]], 1)
    return torch.stack(rows, 1)


def warp_images(images: Tensor, input_from_output: Tensor) -> Tensor:
    """Sample ``(N, C, S, S)`` through the matrices; beyond the border the image is mirrored."""
    grid = F.affine_grid(input_from_output.to(images.dtype), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def warp_landmarks(landmarks: Tensor, input_from_output: Tensor) -> Tensor:
    """Where ``(N, 68, 2)`` fractions of the input lie in the output of :func:`warp_images`."""
    centred = landmarks * 2 - 1 - input_from_output[:, None, :, 2]
    output_from_input = torch.linalg.inv(input_from_output[:, :, :2].float())
    return (centred @ output_from_input.transpose(1, 2) + 1) / 2


def flip_images(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the samples where ``chosen`` ``(N,)`` is true."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def flip_landmarks(landmarks: Tensor, chosen: Tensor) -> Tensor:
    """Mirror ``(N, 68, 2)`` fractions, left and right points exchanged."""
    order = torch.from_numpy(MIRROR_68).to(landmarks.device)
    mirrored = landmarks[:, order] * landmarks.new_tensor([-1.0, 1.0]) + landmarks.new_tensor([1.0, 0.0])
    return torch.where(chosen[:, None, None], mirrored, landmarks)


def chance(count: int, probability: float, generator: Generator) -> Tensor:
    """``(count,)`` tosses that come true with a probability."""
    return torch.rand(count, generator=generator, device=generator.device) < probability


def coin(count: int, generator: Generator) -> Tensor:
    """``(count,)`` fair coin tosses."""
    return chance(count, 0.5, generator)


def remove_colour(images: Tensor, chosen: Tensor) -> Tensor:
    """Grey, the mean of the channels, where ``chosen`` ``(N,)`` is true."""
    return torch.where(chosen[:, None, None, None], images.mean(1, keepdim=True), images)


def random_colours(count: int, strength: float, generator: Generator) -> Tensor:
    """Contrast, brightness and saturation of each sample, ``(count, 3)``; brightness moves half as far."""
    colours = uniform((count, 3), generator) * strength
    colours[:, 1] *= 0.5
    return colours


def jitter_colours(images: Tensor, colours: Tensor) -> Tensor:
    """Apply :func:`random_colours` to ``(N, 3, H, W)`` in [0, 1]; zeros leave the images as they are."""
    contrast, brightness, saturation = (colours[:, i, None, None, None] for i in range(3))
    grey = images.mean(1, keepdim=True)
    saturated = grey + (images - grey) * (1 + saturation)
    return ((saturated - 0.5) * (1 + contrast) + 0.5 + brightness).clamp(0, 1)
