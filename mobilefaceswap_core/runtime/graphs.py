"""Small ONNX graphs written operator by operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

OPSET = 17  # first with every operator used here in its present form; onnxruntime >= 1.12 and onnxruntime-web read it
IR_VERSION = 8
Array = NDArray[np.float32]


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
        padding = 0 if kernel == 1 else 1
        return self.add(
            "Conv",
            [x, *weights],
            output,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[padding] * 4,
            group=group,
        )


def fold_norm(convolution: nn.Conv2d, norm: Any) -> tuple[Array, Array]:
    """Kernel and bias of a convolution with bias followed by a batch norm in evaluation mode."""
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    kernel = convolution.weight.detach() * scale[:, None, None, None]
    own_bias: torch.Tensor = convolution.bias.detach()  # type: ignore[union-attr]  # every folded layer has one
    bias = (own_bias - norm.running_mean) * scale + norm.bias.detach()
    return kernel.numpy(), bias.numpy()
