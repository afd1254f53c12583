"""A graph brought to the few operators that the writers of phone formats know; the function stays the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ...runtime.graphs import IR_VERSION, OPSET
from .steps import outputs_of, shapes

_EPSILON = 1e-5  # of a norm whose node does not say it: ONNX's default


def newest_operators(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph of an older opset in the one that everything here is written in."""
    from onnx import version_converter

    converted = version_converter.convert_version(model, OPSET)
    converted.ir_version = IR_VERSION
    return converted


def scaled_input(model: onnx.ModelProto, name: str, scale: float, shift: float) -> onnx.ModelProto:
    """The same graph, reading ``name`` of which it takes ``scale * x - shift``."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (value,) = changed.graph.input
    old, value.name = value.name, name
    factors = {f"{name}.scale": scale, f"{name}.shift": shift}
    changed.graph.initializer.extend(numpy_helper.from_array(np.array(v, np.float32), n) for n, v in factors.items())
    before = [
        helper.make_node("Mul", [name, f"{name}.scale"], [f"{name}.scaled"], name=f"{name}.scaled"),
        helper.make_node("Sub", [f"{name}.scaled", f"{name}.shift"], [old], name=f"{name}.shifted"),
    ]
    nodes = [*before, *changed.graph.node]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without what is known beforehand, and with norms written as arithmetic.

    Args:
        model: of known sizes (:func:`~.steps.with_sizes`).
    """
    return _Preparation(model).done()


class _Preparation:
    """Goes through a graph once and collects what stays."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._sizes = shapes(model)
        self._sizes |= {t.name: tuple(t.dims) for t in model.graph.initializer}
        self._ends = set(outputs_of(model))
        self._known: dict[str, NDArray[Any]] = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self._alias: dict[str, str] = {}
        self._nodes: list[onnx.NodeProto] = []

    def done(self) -> onnx.ModelProto:
        for node in self._model.graph.node:
            for kept in self._replaced(node):
                names = [self._alias.get(name, name) for name in kept.input]
                copy = onnx.NodeProto()
                copy.CopyFrom(kept)
                del copy.input[:]
                copy.input.extend(names)
                self._nodes.append(copy)
        read = {name for node in self._nodes for name in node.input}
        constants = [numpy_helper.from_array(v, name) for name, v in self._known.items() if name in read]
        graph = self._model.graph
        body = helper.make_graph(self._nodes, graph.name, graph.input, graph.output, constants)
        result = helper.make_model(body, opset_imports=self._model.opset_import, producer_name="mobilefaceswap")
        result.ir_version = self._model.ir_version
        return onnx.shape_inference.infer_shapes(result, strict_mode=True, data_prop=True)

    def _replaced(self, node: onnx.NodeProto) -> Sequence[onnx.NodeProto]:
        """What stands for a node: itself, others, or nothing where its result is known or is its input."""
        output, attributes = node.output[0], {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Shape":
            self._known[output] = np.array(self._sizes[self._alias.get(node.input[0], node.input[0])], np.int64)
            return ()
        if all(name in self._known for name in node.input if name):  # of Constant too, which reads nothing
            self._known[output] = _computed(node, [self._known[name] for name in node.input if name])
            return ()
        same = self._sizes[node.input[0]] == self._sizes[output] and output not in self._ends
        moves = node.op_type in ("Identity", "Reshape", "Flatten")
        if same and (moves or (node.op_type == "ReduceMean" and self._mean_of_one(node.input[0], attributes))):
            self._alias[output] = self._alias.get(node.input[0], node.input[0])
            return ()
        if node.op_type == "LayerNormalization":
            return list(self._layer_norm(node, attributes.get("epsilon", _EPSILON)))
        if node.op_type == "LpNormalization":
            return list(self._unit_length(node))
        if node.op_type == "BatchNormalization":
            return list(self._batch_norm(node, attributes.get("epsilon", _EPSILON)))
        return (node,)

    def _mean_of_one(self, name: str, attributes: dict[str, Any]) -> bool:
        return all(self._sizes[name][axis] == 1 for axis in attributes["axes"])

    def _constant(self, name: str, value: Any) -> str:
        self._known[name] = np.asarray(value)
        return name

    def _layer_norm(self, node: onnx.NodeProto, epsilon: float) -> Iterator[onnx.NodeProto]:
        """Over the last axis of ``(1, C)``."""
        x, weight, bias = node.input
        name = node.output[0]
        small = self._constant(f"{name}.epsilon", np.float32(epsilon))
        yield helper.make_node("ReduceMean", [x], [f"{name}.mean"], axes=[1], keepdims=1)
        yield helper.make_node("Sub", [x, f"{name}.mean"], [f"{name}.centred"])
        yield helper.make_node("Mul", [f"{name}.centred"] * 2, [f"{name}.squares"])
        yield helper.make_node("ReduceMean", [f"{name}.squares"], [f"{name}.variance"], axes=[1], keepdims=1)
        yield helper.make_node("Add", [f"{name}.variance", small], [f"{name}.safe"])
        yield helper.make_node("Sqrt", [f"{name}.safe"], [f"{name}.deviation"])
        yield helper.make_node("Div", [f"{name}.centred", f"{name}.deviation"], [f"{name}.unit"])
        yield helper.make_node("Mul", [f"{name}.unit", weight], [f"{name}.weighted"])
        yield helper.make_node("Add", [f"{name}.weighted", bias], [name])

    def _unit_length(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Over the last axis of ``(1, C)``."""
        x, name = node.input[0], node.output[0]
        axis = self._constant(f"{name}.axis", np.array([1], np.int64))
        yield helper.make_node("Mul", [x, x], [f"{name}.squares"])
        yield helper.make_node("ReduceSum", [f"{name}.squares", axis], [f"{name}.sum"], keepdims=1)
        yield helper.make_node("Sqrt", [f"{name}.sum"], [f"{name}.length"])
        yield helper.make_node("Div", [x, f"{name}.length"], [name])

    def _batch_norm(self, node: onnx.NodeProto, epsilon: float) -> Iterator[onnx.NodeProto]:
        """Of ``(1, C)``, in evaluation mode."""
        x, *names = node.input
        weight, bias, mean, variance = (self._known[name] for name in names)
        scale, name = weight / np.sqrt(variance + np.float32(epsilon)), node.output[0]
        yield helper.make_node("Mul", [x, self._constant(f"{name}.scale", scale)], [f"{name}.scaled"])
        yield helper.make_node("Add", [f"{name}.scaled", self._constant(f"{name}.shift", bias - mean * scale)], [name])


def _computed(node: onnx.NodeProto, values: list[NDArray[Any]]) -> NDArray[Any]:
    """What a node makes of constants."""
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.input if name]
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in zip(names, values, strict=True)
    ]
    output = helper.make_tensor_value_info(node.output[0], onnx.TensorProto.UNDEFINED, None)
    graph = helper.make_graph([node], "constant", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    (result,) = ReferenceEvaluator(model).run(None, dict(zip(names, values, strict=True)))
    return np.asarray(result)
