"""Small ONNX graphs written operator by operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from torch import nn

OPSET = 17  # first with every operator used here in its present form; onnxruntime >= 1.12 and onnxruntime-web read it
IR_VERSION = 8
Array = NDArray[np.float32]
Arrays = Mapping[str, Array]  # a network's tensors by the names of its state
NORM_EPSILON = 1e-5  # of every batch and layer norm here: PyTorch's default


class Graph:
    """Collects nodes and constants; each method adds one operator and returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Array) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, name: str, *values: int) -> str:
        """A list of whole numbers: axes, shapes, pads."""
        self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def upsample(self, x: str, output: str, *, coordinates: str = "align_corners") -> str:
        """Bilinear, by the constant ``scales``; ``half_pixel`` is torch's ``align_corners=False``."""
        return self.add("Resize", [x, "", "scales"], output, mode="linear", coordinate_transformation_mode=coordinates)

    def leaky(self, x: str, output: str, *, slope: float) -> str:
        return self.add("LeakyRelu", [x], output, alpha=slope)

    def conv(self, x: str, weights: list[str], output: str, *, kernel: int, stride: int = 1, group: int = 1) -> str:
        padding = 0 if kernel == 1 else 1  # also of 4x4 kernels: those have stride 2
        return self.add(
            "Conv",
            [x, *weights],
            output,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[padding] * 4,
            group=group,
        )

    def fixed_conv(
        self, x: str, name: str, kernel: Array, bias: Array | None, *, stride: int = 1, group: int = 1
    ) -> str:
        """:meth:`Graph.conv` with constants of its own, a square kernel ``(C_out, C_in, k, k)`` and a bias ``(C_out,)``."""
        constants = [self.constant(f"{name}.weight", kernel)]
        if bias is not None:
            constants.append(self.constant(f"{name}.bias", bias))
        return self.conv(x, constants, name, kernel=kernel.shape[-1], stride=stride, group=group)


def arrays_of(network: Arrays | nn.Module) -> Arrays:
    """A network's tensors as float32 arrays, from a module or as they are; PyTorch is not needed for the latter."""
    if isinstance(network, Mapping):
        return network
    return {name: cast(Array, tensor.detach().cpu().float().numpy()) for name, tensor in network.state_dict().items()}


def fold_norm(arrays: Arrays, convolution: str, norm: str) -> tuple[Array, Array]:
    """Kernel and bias of a convolution followed by a batch norm in evaluation mode.

    Args:
        arrays: of the network.
        convolution: name of the convolution in it; its bias may be missing.
        norm: name of the batch norm.
    """
    scale = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + np.float32(NORM_EPSILON))
    own_bias = arrays.get(f"{convolution}.bias", np.zeros(1, np.float32))
    bias = (own_bias - arrays[f"{norm}.running_mean"]) * scale + arrays[f"{norm}.bias"]
    return arrays[f"{convolution}.weight"] * scale[:, None, None, None], bias
