"""Plain convolutional ONNX graphs as differentiable, frozen torch modules, without any converter.

Recognisers and landmark networks for phones are chains of few operators, and those operators are written here. Such graphs
need neither onnx2torch nor the torchvision that onnx2torch imports, whose wheels fit one build of torch only. A graph with
any other operator goes through onnx2torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Attributes = dict[str, Any]
Operator = Callable[..., Tensor]  # (attributes, inputs...) -> output


def _conv(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    padding: tuple[int, int] = (top, left)
    if (top, left) != (bottom, right):  # TensorFlow's "same" pads one more at the end
        x, padding = F.pad(x, (left, right, top, bottom)), (0, 0)
    stride, dilation = tuple(attributes.get("strides", (1, 1))), tuple(attributes.get("dilations", (1, 1)))
    return F.conv2d(x, weight, bias, stride, padding, dilation, attributes.get("group", 1))


def _gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    y = attributes.get("alpha", 1.0) * (a @ (b.T if attributes.get("transB") else b))
    return y if c is None else y + attributes.get("beta", 1.0) * c


def _batch_norm(
    attributes: Attributes, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, attributes.get("epsilon", 1e-5))


def _prelu(attributes: Attributes, x: Tensor, slope: Tensor) -> Tensor:
    return F.prelu(x, slope.flatten())


_OPERATORS: dict[str, Operator] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "BatchNormalization": _batch_norm,
    "PRelu": _prelu,
    "Relu": lambda attributes, x: F.relu(x),
    "LeakyRelu": lambda attributes, x: F.leaky_relu(x, attributes.get("alpha", 0.01)),
    "Add": lambda attributes, a, b: a + b,
    "Sub": lambda attributes, a, b: a - b,
    "Mul": lambda attributes, a, b: a * b,
    "GlobalAveragePool": lambda attributes, x: x.mean((2, 3), keepdim=True),
    "Flatten": lambda attributes, x: x.flatten(1),
    "Identity": lambda attributes, x: x,
    "Cast": lambda attributes, x: x,  # to float32 only, which all constants are here
}
_FLOAT32 = 1  # onnx.TensorProto.FLOAT


def runs_here(graph: Any) -> bool:
    """Whether every node of an ``onnx.GraphProto`` with one input and one output is among the operators above."""

    def plain(node: Any) -> bool:
        attributes = _attributes(node)
        if node.op_type == "Gemm" and attributes.get("transA"):
            return False
        if node.op_type == "Flatten" and attributes.get("axis", 1) != 1:
            return False
        if node.op_type == "Conv" and attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
            return False
        if node.op_type == "Cast" and attributes["to"] != _FLOAT32:
            return False
        return node.op_type in _OPERATORS and len(node.output) == 1

    return len(_inputs(graph)) == len(graph.output) == 1 and all(plain(node) for node in graph.node)


class OnnxLayers(nn.Module):
    """A graph for which :func:`runs_here` is true; initialisers become float32 buffers.

    Args:
        graph: an ``onnx.GraphProto``.
    """

    def __init__(self, graph: Any) -> None:
        super().__init__()
        from onnx import numpy_helper

        names: dict[str, str] = {}
        for number, constant in enumerate(graph.initializer):
            names[constant.name] = f"constant_{number}"
            self.register_buffer(names[constant.name], torch.from_numpy(numpy_helper.to_array(constant).copy()).float())
        self._constants = names
        self._input, self._output = _inputs(graph)[0], graph.output[0].name
        self._steps: list[tuple[Operator, Attributes, tuple[str, ...], str]] = [
            (_OPERATORS[node.op_type], _attributes(node), tuple(name for name in node.input if name), node.output[0])
            for node in graph.node
        ]

    def forward(self, x: Tensor) -> Tensor:
        values = {name: self.get_buffer(place) for name, place in self._constants.items()} | {self._input: x}
        for operator, attributes, inputs, output in self._steps:
            values[output] = operator(attributes, *(values[name] for name in inputs))
        return values[self._output]


def _inputs(graph: Any) -> list[str]:
    constants = {constant.name for constant in graph.initializer}  # older files list them as inputs too
    return [value.name for value in graph.input if value.name not in constants]


def _attributes(node: Any) -> Attributes:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
