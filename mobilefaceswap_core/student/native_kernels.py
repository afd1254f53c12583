"""Kernels in the order in which ``compiled/student.c`` reads them: one array for a source, one for the two heads."""

from __future__ import annotations

import numpy as np

from ..compiled.kernels import channels_last, grouped, joined, outputs_last, paired
from ..runtime.graphs import Array, Arrays
from .heads import folded
from .layout import DECODER_IN_CHANNELS, ENCODER_CHANNELS


def packed_source(constants: Arrays, *, bfloat16: bool = False) -> Array:
    """One source's kernels.

    Args:
        constants: what :func:`~mobilefaceswap_core.student.graph.source_constants` makes of them.
        bfloat16: for the network whose pointwise layers multiply in it.
    """
    pointwise = paired if bfloat16 else grouped
    parts = list(factors(constants["encoder_dense.0"]))
    names = [f"encoder_{{}}.{i}" for i in range(1, len(ENCODER_CHANNELS) - 1)]
    names += [f"decoder_{{}}.{i}" for i in range(len(DECODER_IN_CHANNELS))]
    for name in names:
        parts += [channels_last(constants[name.format("depthwise")]), pointwise(constants[name.format("pointwise")])]
    return joined(parts)


def packed_heads(heads: Arrays, *, bfloat16: bool = False) -> Array:
    """The two heads, from their tensors by the names of their state."""
    pointwise = paired if bfloat16 else grouped
    layers = folded(heads)
    kernel, bias = layers.pointwise
    parts = [pointwise(kernel), bias]
    for kernel, bias in layers.draw:
        parts += [outputs_last(kernel), bias]
    for stage in layers.mask[:-1]:
        parts += [channels_last(stage.depthwise), pointwise(stage.kernel), stage.bias]
    last = layers.mask[-1]
    parts += [channels_last(last.depthwise), last.kernel[:, :, 0, 0].T, last.bias]
    kernel, bias = layers.mask_last
    return joined([*parts, outputs_last(kernel), bias])


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
