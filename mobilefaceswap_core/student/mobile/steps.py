"""A graph as its operators one after another: what every writer of a phone format goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[np.float32]
Shape = tuple[int, ...]
Call = Callable[
    [Mapping[str, Array]], dict[str, Array]
]  # a network: inputs by name, as ONNX has them -> outputs by name


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operator of the graph.

    Attributes:
        operator: its ONNX name.
        operands: what it reads, in order: names of values, and constants.
        outputs: names of its results.
        attributes: of the operator.
    """

    operator: str
    operands: tuple[str | NDArray[Any], ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def output(self) -> str:
        return self.outputs[0]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the values it reads, without constants."""
        return tuple(operand for operand in self.operands if isinstance(operand, str))

    @property
    def constants(self) -> tuple[NDArray[Any], ...]:
        """The constants it reads."""
        return tuple(operand for operand in self.operands if not isinstance(operand, str))

    @property
    def depthwise(self) -> bool:
        return self.operator == "Conv" and self.attributes.get("group", 1) > 1


def steps(model: onnx.ModelProto) -> Iterator[Step]:
    """The operators of a graph in their order."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        yield Step(
            node.op_type,
            tuple(constants.get(name, name) for name in node.input if name),
            tuple(node.output),
            {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute},
        )


def shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Sizes of all values by name."""
    values = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    return {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in values}


def inputs_of(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of what a graph reads."""
    return tuple(value.name for value in model.graph.input)


def outputs_of(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of what a graph gives."""
    return tuple(value.name for value in model.graph.output)


def with_sizes(model: onnx.ModelProto, sizes: Mapping[str, Shape]) -> onnx.ModelProto:
    """The same graph for one size of everything.

    Args:
        model: any.
        sizes: of its inputs.

    Returns:
        A graph that knows the sizes of all values.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        value.CopyFrom(helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, sizes[value.name]))
    for value in fixed.graph.output:
        value.CopyFrom(helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, None))
    return onnx.shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True)
