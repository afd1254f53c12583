"""Kernels in the order in which ``layers.h`` reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .library import aligned

Array = NDArray[np.float32]
_GROUP = 16  # output channels whose kernels lie together, `GROUP` in `layers.h`


def channels_last(kernel: Array) -> Array:
    """A depthwise kernel ``(C, 1, k, k)`` as ``(k * k, C)``."""
    return kernel.reshape(len(kernel), -1).T


def outputs_last(kernel: Array) -> Array:
    """A dense kernel ``(C_out, C, k, k)`` as ``(C, k * k, C_out)``."""
    return kernel.reshape(*kernel.shape[:2], -1).transpose(1, 2, 0)


def grouped(kernel: Array) -> Array:
    """A pointwise kernel ``(C_out, C, 1, 1)``: of each group of outputs, for each input, the group's weights."""
    outs, ins = kernel.shape[:2]
    group = min(_GROUP, outs)
    return kernel.reshape(outs // group, group, ins).transpose(0, 2, 1)


def paired(kernel: Array) -> Array:
    """The same in bfloat16 for processors that multiply that: of two inputs that follow each other the weights for an output lie
    together, as one number of 32 bits."""
    groups = grouped(kernel)
    count, ins, group = groups.shape
    pairs = groups.reshape(count, ins // 2, 2, group).transpose(0, 1, 3, 2)
    return rounded_to_bfloat16(pairs).view(np.float32)


def rounded_to_bfloat16(values: Array) -> NDArray[np.uint16]:
    """The upper halves of float32 numbers, rounded to the nearest, to an even one where two are as near."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def joined(parts: Sequence[Array]) -> Array:
    """All of them in one array, each row by row."""
    return aligned(np.concatenate([part.reshape(-1) for part in parts]).astype(np.float32))
