"""The occlusion network's tensors in the order in which ``compiled/occlusion.c`` reads them."""

from __future__ import annotations

import numpy as np

from ..compiled.kernels import channels_last, grouped, joined, outputs_last
from ..runtime.graphs import Array, Arrays
from .occlusion_graph import BLOCKS, layer_of

_BLOCK = 16  # channels that values lie together by
_TAP_TILE = 6  # `TAP_TILE` there
_TRIPLE = 3  # channels of the head that are computed together


def packed_occlusion(net: Arrays) -> Array:
    """All kernels and biases.

    Args:
        net: the network's tensors by the names of its state, with batch norms or without.
    """
    kernel, bias = layer_of(net, "stem")
    parts = [outputs_last(kernel), bias]
    for stage, blocks in enumerate(BLOCKS):
        for place in range(blocks):
            parts += _separable(net, f"encoder.{stage}.{place}")
    for stage in range(len(BLOCKS) - 1):
        kernel, bias = layer_of(net, f"decoder.{stage}.0")
        skipped = len(net[f"encoder.{len(BLOCKS) - 2 - stage}.0.pointwise.0.bias"])
        enlarged, skip = np.split(kernel, [kernel.shape[1] - skipped], axis=1)
        parts += [grouped(_filled(enlarged, 0, 1)), grouped(_filled(skip, 0, 1)), _filled(bias, 0)]
        parts += _separable(net, f"decoder.{stage}.1")
    return joined([*parts, *_head(net)])


def _separable(net: Arrays, name: str) -> list[Array]:
    depthwise, own_bias = layer_of(net, f"{name}.depthwise")
    pointwise, bias = layer_of(net, f"{name}.pointwise")
    return [
        channels_last(_filled(depthwise, 0)),
        _filled(own_bias, 0),
        grouped(_filled(pointwise, 0, 1)),
        _filled(bias, 0),
    ]


def _head(net: Arrays) -> list[Array]:
    kernel, bias = layer_of(net, "head.0")  # (12, 24 + 3, 3, 3): what was enlarged, then the crop
    outs, colours = len(kernel), 3
    enlarged, of_crop = np.split(kernel, [kernel.shape[1] - colours], axis=1)
    taps = enlarged.transpose(0, 3, 2, 1).reshape(
        -1, _TAP_TILE, enlarged.shape[1]
    )  # of each channel: columns, then rows
    triples = of_crop.reshape(outs // _TRIPLE, _TRIPLE, colours, 9).transpose(0, 2, 3, 1)
    return [taps.transpose(0, 2, 1), triples, bias, net["head.1.weight"], net["head.1.bias"]]


def _filled(values: Array, *axes: int) -> Array:
    """With zeros behind, so that these axes have whole blocks of channels."""
    return np.pad(values, [(0, -length % _BLOCK if axis in axes else 0) for axis, length in enumerate(values.shape)])
