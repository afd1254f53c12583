"""A network for tests that judge or take features: small, real, and of any width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper


def pooled_network(path: Path, outputs: list[int], size: int = 32) -> None:
    """An ONNX file whose outputs are fixed linear maps of the mean colour."""
    random = np.random.default_rng(3)
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["f"])]
    weights, results = [], []
    for i, width in enumerate(outputs):
        matrix = random.normal(size=(3, width)).astype(np.float32)
        weights.append(helper.make_tensor(f"w{i}", TensorProto.FLOAT, matrix.shape, matrix.ravel()))
        nodes.append(helper.make_node("MatMul", ["f", f"w{i}"], [f"y{i}"]))
        results.append(helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, [1, width]))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, size, size])
    graph = helper.make_graph(nodes, "g", [image], results, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
