"""The per-frame graph that every phone format is written from: one crop at a time, two outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..export import cpu_idn
from ..graph import constant_shapes, idn_graph
from .steps import with_sizes

if TYPE_CHECKING:
    from ..swapper import Student, StudentCondition

OUTPUTS = ("face", "mask")
KERNELS = "kernels"  # input of a graph with its source outside: the answer of the identity network


def baked_graph(student: Student, condition: StudentCondition) -> onnx.ModelProto:
    """The network of one source with every shape fixed.

    Returns:
        Input ``crop (1, 3, S, S)`` in [0, 1], outputs ``face (1, 3, S, S)``, before blending, and ``mask (1, 1, S, S)``.
        Sizes of all values between are known.
    """
    model = idn_graph(cpu_idn(student), condition.weights.to("cpu"), output="face", phases=False)
    side = student.info.crop.size_px
    return with_sizes(model, {"crop": (1, 3, side, side)})


def source_outside(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph of :func:`baked_graph` for all sources.

    Returns:
        It reads ``kernels (K,)`` besides ``crop``: the constants of a source, flattened and joined as
        :func:`~mobilefaceswap_core.student.identity_graph.flat_kernels` has them.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    shapes = constant_shapes()
    counts = [int(np.prod(shape)) for shape in shapes.values()]
    graph = changed.graph
    kept = [tensor for tensor in graph.initializer if tensor.name not in shapes]
    lists = {"kernels.counts": counts, **{f"{name}.size": shape for name, shape in shapes.items()}}
    kept += [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in lists.items()]
    nodes = [helper.make_node("Split", [KERNELS, "kernels.counts"], [f"{name}.flat" for name in shapes], axis=0)]
    nodes += [helper.make_node("Reshape", [f"{name}.flat", f"{name}.size"], [name]) for name in shapes]
    body = helper.make_graph([*nodes, *graph.node], graph.name, graph.input, graph.output, kept)
    body.input.append(helper.make_tensor_value_info(KERNELS, onnx.TensorProto.FLOAT, [sum(counts)]))
    result = helper.make_model(body, opset_imports=changed.opset_import, producer_name=changed.producer_name)
    result.ir_version = changed.ir_version
    sizes = {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in body.input}
    return with_sizes(result, sizes)
