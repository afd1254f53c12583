"""Convolutions at twice the size, computed at the size itself: each pixel holds the four of the larger picture, its phases.

Runtimes compute eight channels at once. A layer at full size with one to twelve channels leaves most of that empty; as four
times the channels at a fourth of the pixels it does not. Phases are ordered row, column, channel, as ONNX's
``DepthToSpace`` reads them.
"""

from __future__ import annotations

import numpy as np

from .graphs import Array, Graph

# Rows of the larger picture by rows -1, 0 and 1 of the smaller one: of each phase, the three that a 3x3 kernel reads.
# Bilinear with pixel centres at halves, as torch has it without ``align_corners``.
_BILINEAR = np.array(
    [[[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25]], [[0.25, 0.75, 0], [0, 0.75, 0.25], [0, 0.25, 0.75]]]
)


def phases_of_full(kernel: Array) -> Array:
    """A 3x3 convolution of a full-size picture that gives phases: kernel of a 4x4 convolution of stride 2, padding 1.

    Args:
        kernel: ``(O, I, 3, 3)``, of padding 1.

    Returns:
        ``(4 O, I, 4, 4)``.
    """
    out = np.zeros((2, 2, *kernel.shape[:2], 4, 4), np.float32)
    for row, column in np.ndindex(2, 2):
        out[row, column, :, :, row : row + 3, column : column + 3] = kernel
    return out.reshape(-1, kernel.shape[1], 4, 4)


def phases_of_phases(kernel: Array) -> Array:
    """A 3x3 convolution of phases that gives phases: kernel of a 3x3 convolution of padding 1.

    Args:
        kernel: ``(O, I, 3, 3)``, of padding 1 at full size.

    Returns:
        ``(4 O, 4 I, 3, 3)``.
    """
    out = np.zeros((2, 2, kernel.shape[0], 2, 2, kernel.shape[1], 3, 3), np.float32)
    for row, column, y, x in np.ndindex(2, 2, 3, 3):
        (step_y, from_row), (step_x, from_column) = divmod(row + y - 1, 2), divmod(column + x - 1, 2)
        out[row, column, :, from_row, from_column, :, step_y + 1, step_x + 1] = kernel[:, :, y, x]
    return out.reshape(4 * kernel.shape[0], 4 * kernel.shape[1], 3, 3)


def phases_of_half(kernel: Array) -> Array:
    """Bilinear upsampling by two and a 3x3 convolution in one: kernel of a 3x3 convolution of padding 1 that gives phases.

    Args:
        kernel: ``(O, I, 3, 3)``, of padding 1 at full size.

    Returns:
        ``(4 O, I, 3, 3)``. The two outermost full-size pixels are others than those of upsampling first, for zeros are
        interpolated there.
    """
    mixed = np.einsum("ptl,oitu,qum->pqoilm", _BILINEAR, kernel, _BILINEAR)
    return np.ascontiguousarray(mixed.reshape(-1, *kernel.shape[1:]), np.float32)


def phase_bias(bias: Array) -> Array:
    """The bias ``(O,)`` of a layer for its phases, ``(4 O,)``."""
    return np.tile(bias, 4)


def full_size(graph: Graph, x: str, output: str) -> str:
    """Phases ``(N, 4 C, H, W)`` put in their places, ``(N, C, 2 H, 2 W)``."""
    return graph.add("DepthToSpace", [x], output, blocksize=2, mode="DCR")
