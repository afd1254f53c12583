"""The landmark network as the page computes it: a list of layers, and their weights without the batch norm at its end."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from mobilefaceswap_core.weights import weights_path

NAME = "landmarks_68"


class Layer(NamedTuple):
    """One convolution."""

    is_depthwise: int  # 1 or 0
    stride: int
    is_linear: int  # no ReLU behind it
    is_residual: int  # what went into its block is added


@functools.cache
def _graph() -> onnx.GraphProto:
    return onnx.load(weights_path(NAME)).graph


def layers() -> list[list[int]]:
    """Every :class:`Layer` but the last, which is a matrix; the first reads one channel, the last but one sums what is left."""
    readers = {name: node.op_type for node in _graph().node for name in node.input}
    found = []
    for node in _graph().node:
        if node.op_type != "Conv":
            continue
        told = {attribute.name: attribute for attribute in node.attribute}
        reader = readers[node.output[0]]
        is_added = any(other.op_type == "Add" and other.input[1] == node.output[0] for other in _graph().node)
        found.append(
            list(Layer(int(told["group"].i > 1), told["strides"].ints[0], int(reader != "Relu"), int(is_added)))
        )
    return found


def tensors() -> dict[str, NDArray[np.float16]]:
    """Kernels ``N.weight`` and biases ``N.bias`` by the layers' numbers, in 16 bits."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in _graph().initializer}
    convolutions = [node.input[1:] for node in _graph().node if node.op_type in ("Conv", "Gemm")]
    found: dict[str, NDArray[Any]] = {}
    for number, (kernel, bias) in enumerate(convolutions):
        found |= {f"{number}.weight": arrays[kernel], f"{number}.bias": arrays[bias]}
    (norm,) = (node for node in _graph().node if node.op_type == "BatchNormalization")
    scale, shift, mean, variance = (arrays[name] for name in norm.input[1:])
    epsilon = next((attribute.f for attribute in norm.attribute if attribute.name == "epsilon"), 1e-5)
    factor, last = scale / np.sqrt(variance + epsilon), len(convolutions) - 1
    found[f"{last}.weight"] = found[f"{last}.weight"] * factor[:, None]
    found[f"{last}.bias"] = (found[f"{last}.bias"] - mean) * factor + shift
    return {name: array.astype(np.float16) for name, array in found.items()}
