"""Layers computed as phases are the layers themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mobilefaceswap_core.runtime.phases import phase_bias, phases_of_full, phases_of_half, phases_of_phases


def full_size(phases: torch.Tensor) -> torch.Tensor:
    """``(N, 4 C, H, W)`` in the order of ONNX's DepthToSpace -> ``(N, C, 2 H, 2 W)``."""
    count, channels, height, width = phases.shape
    parts = phases.view(count, 2, 2, channels // 4, height, width)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(count, channels // 4, 2 * height, 2 * width)


@pytest.fixture
def layer() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A picture, a kernel and a bias."""
    generator = torch.Generator().manual_seed(0)
    shapes = (2, 5, 12, 8), (3, 5, 3, 3), (3,)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)  # type: ignore[return-value]


def test_a_layer_at_full_size_and_its_successor_as_phases_are_the_two_layers(layer) -> None:
    picture, kernel, bias = layer
    first = F.conv2d(picture, kernel, bias, padding=1)
    own = torch.from_numpy(phases_of_full(kernel.numpy()))
    phases = F.conv2d(picture, own, torch.from_numpy(phase_bias(bias.numpy())), stride=2, padding=1)
    torch.testing.assert_close(full_size(phases), first, atol=1e-5, rtol=0)
    second = kernel[:, :3].flip(0)
    again = F.conv2d(phases, torch.from_numpy(phases_of_phases(second.numpy())), padding=1)
    torch.testing.assert_close(full_size(again), F.conv2d(first, second, padding=1), atol=1e-4, rtol=0)


def test_upsampling_and_a_layer_in_one_are_both_but_for_the_two_outermost_pixels(layer) -> None:
    picture, kernel, _ = layer
    larger = F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
    wanted = F.conv2d(larger, kernel, padding=1)
    got = full_size(F.conv2d(picture, torch.from_numpy(phases_of_half(kernel.numpy())), padding=1))
    difference = np.abs((got - wanted).numpy())
    assert difference[..., 2:-2, 2:-2].max() < 1e-5 < difference.max()
