"""Pictures to planes and back are what arithmetic on whole arrays gives."""

from __future__ import annotations

import numpy as np

from mobilefaceswap_core.runtime.tensors import to_pixels, to_planes


def test_planes_and_pixels_are_those_of_plain_arithmetic() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 20, 30, 3), np.uint8)
    np.testing.assert_array_equal(to_planes(images), images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    planes = rng.random((2, 3, 20, 30), np.float32) * np.float32(1.4) - np.float32(0.2)
    wanted = np.clip(np.rint(planes * np.float32(255)), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(to_pixels(planes), wanted)
    levels = np.linspace(-1, 1, 256, dtype=np.float32)
    np.testing.assert_array_equal(to_planes(images[:1], levels), levels[images[:1]].transpose(0, 3, 1, 2))
