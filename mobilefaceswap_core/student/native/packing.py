"""Kernels in the order in which ``network.c`` reads them: one array for a source, one for the two heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...runtime.graphs import Array, Arrays
from ..heads import folded
from ..layout import DECODER_IN_CHANNELS, ENCODER_CHANNELS
from .library import aligned

_GROUP = 16  # output channels whose kernels lie together, `GROUP` in `layers.h`


def packed_source(constants: Arrays) -> Array:
    """One source's kernels.

    Args:
        constants: what :func:`~mobilefaceswap_core.student.graph.source_constants` makes of them.
    """
    parts = list(factors(constants["encoder_dense.0"]))
    names = [f"encoder_{{}}.{i}" for i in range(1, len(ENCODER_CHANNELS) - 1)]
    names += [f"decoder_{{}}.{i}" for i in range(len(DECODER_IN_CHANNELS))]
    for name in names:
        parts += [_channels_last(constants[name.format("depthwise")]), _grouped(constants[name.format("pointwise")])]
    return _joined(parts)


def packed_heads(heads: Arrays) -> Array:
    """The two heads, from their tensors by the names of their state."""
    layers = folded(heads)
    kernel, bias = layers.pointwise
    parts = [_grouped(kernel), bias]
    for kernel, bias in layers.draw:
        parts += [_outputs_last(kernel), bias]
    for stage in layers.mask[:-1]:
        parts += [_channels_last(stage.depthwise), _grouped(stage.kernel), stage.bias]
    last = layers.mask[-1]
    parts += [_channels_last(last.depthwise), last.kernel[:, :, 0, 0].T, last.bias]
    kernel, bias = layers.mask_last
    return _joined([*parts, _outputs_last(kernel), bias])


def factors(dense: Array) -> tuple[Array, Array]:
    """The depthwise and the pointwise layer whose product a dense one is; together they have a tenth of its multiplications.

    Args:
        dense: ``(C_out, C, k, k)``.

    Returns:
        Depthwise ``(C, k * k)`` of unit length, pointwise ``(C, C_out)``.
    """
    outs, ins = dense.shape[:2]
    kernels = dense.reshape(outs, ins, -1).transpose(1, 0, 2)
    lengths = np.linalg.norm(kernels, axis=2)
    longest = kernels[np.arange(ins), lengths.argmax(1)]
    depthwise = longest / np.maximum(lengths.max(1, keepdims=True), np.finfo(np.float32).tiny)
    return depthwise, np.einsum("cok,ck->co", kernels, depthwise)


def _channels_last(kernel: Array) -> Array:
    """A depthwise kernel ``(C, 1, k, k)`` as ``(k * k, C)``."""
    return kernel.reshape(len(kernel), -1).T


def _outputs_last(kernel: Array) -> Array:
    """A dense kernel ``(C_out, C, k, k)`` as ``(C, k * k, C_out)``."""
    return kernel.reshape(*kernel.shape[:2], -1).transpose(1, 2, 0)


def _grouped(kernel: Array) -> Array:
    """A pointwise kernel ``(C_out, C, 1, 1)``: of each group of outputs, for each input, the group's weights."""
    outs, ins = kernel.shape[:2]
    group = min(_GROUP, outs)
    return kernel.reshape(outs // group, group, ins).transpose(0, 2, 1)


def _joined(parts: Sequence[Array]) -> Array:
    return aligned(np.concatenate([part.reshape(-1) for part in parts]).astype(np.float32))
