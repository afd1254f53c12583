"""The graph that every phone format is written from: one source inside, one crop at a time, two outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ..export import cpu_idn
from ..graph import idn_graph

if TYPE_CHECKING:
    from ..swapper import Student, StudentCondition

Array = NDArray[np.float32]
OUTPUTS = ("face", "mask")


def baked_graph(student: Student, condition: StudentCondition) -> onnx.ModelProto:
    """The network of one source with every shape fixed.

    Returns:
        Input ``crop (1, 3, S, S)`` in [0, 1], outputs ``face (1, 3, S, S)``, before blending, and ``mask (1, 1, S, S)``.
        Sizes of all values between are known.
    """
    model = idn_graph(cpu_idn(student), condition.weights.to("cpu"), output="face", phases=False)
    side = student.info.crop.size_px
    for value in (*model.graph.input, *model.graph.output):
        sizes = value.type.tensor_type.shape.dim
        for dimension, size in ((0, 1), (2, side), (3, side)):
            sizes[dimension].dim_value = size
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operator of the graph.

    Attributes:
        operator: its ONNX name.
        inputs: names of the values it reads, without constants.
        constants: the constants it reads, in order.
        output: name of its result.
        attributes: of the operator.
    """

    operator: str
    inputs: tuple[str, ...]
    constants: tuple[Array, ...]
    output: str
    attributes: dict[str, Any]

    @property
    def depthwise(self) -> bool:
        return self.operator == "Conv" and self.attributes["group"] > 1


def steps(model: onnx.ModelProto) -> Iterator[Step]:
    """The operators of a graph in their order."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        yield Step(
            node.op_type,
            tuple(name for name in node.input if name and name not in constants),
            tuple(constants[name] for name in node.input if name in constants),
            node.output[0],
            {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute},
        )


def shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Sizes of all values by name."""
    values = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    return {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in values}
