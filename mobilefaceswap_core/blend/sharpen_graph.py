"""The sharpening network as ONNX, written operator by operator from its tensors; PyTorch is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..runtime.graphs import IR_VERSION, OPSET, Arrays, Graph, arrays_of
from .occlusion_graph import SLOPE, separable

if TYPE_CHECKING:
    from torch import nn

WIDTHS = (20, 32, 48)  # channels at 1/2, 1/4 and 1/8 of the crop's side
PLANES = 6  # shares of the fine and the middle band, four pixels of what is drawn
MIDDLE_BOX_PX = 5  # of a 224 crop: the middle band is luma less two means over such a box


def sharpen_graph(network: nn.Module | Arrays) -> onnx.ModelProto:
    """The network as ONNX, for ONNX Runtime.

    Args:
        network: a ``SharpenNet``, or its tensors by the names of its state.

    Returns:
        A model with input ``lumas (N, 2, S, S)`` in [0, 1] and output ``plan (N, 6, S/2, S/2)``.
    """
    graph, net = Graph(), arrays_of(network)
    graph.constant("scales", np.array([1, 1, 2, 2], np.float32))
    x = graph.add("Mul", ["lumas", graph.constant("four", np.array(4, np.float32))], "scaled")
    x = graph.add("Sub", [x, graph.constant("two", np.array(2, np.float32))], "normalised")
    weights = [graph.constant(f"stem.0.{kind}", net[f"stem.0.{kind}"]) for kind in ("weight", "bias")]
    x = graph.add("Conv", [x, *weights], "stem", kernel_shape=[5, 5], strides=[2, 2], pads=[2] * 4)
    x = graph.leaky(x, "stem.out", slope=SLOPE)
    x = separable(graph, net, x, "encoder.0", residual=True)
    skips = [x]
    for number in range(1, len(WIDTHS)):
        x = separable(graph, net, x, f"encoder.{number}.0", stride=2, residual=False)
        x = separable(graph, net, x, f"encoder.{number}.1", residual=True)
        skips.append(x)
    for number, skip in enumerate(skips[-2::-1]):
        x = graph.fixed_conv(x, f"join.{number}", net[f"join.{number}.weight"], net[f"join.{number}.bias"])
        x = graph.upsample(x, f"join.{number}.up", coordinates="half_pixel")
        x = graph.add("Add", [skip, x], f"join.{number}.sum")
        x = separable(graph, net, x, f"decoder.{number}", residual=True)
    x = graph.fixed_conv(x, "head", net["head.weight"], net["head.bias"])
    _plan(graph, x)
    ends = [
        helper.make_tensor_value_info("lumas", TensorProto.FLOAT, ["batch", 2, "side", "side"]),
        helper.make_tensor_value_info("plan", TensorProto.FLOAT, ["batch", PLANES, "half", "half"]),
    ]
    body = helper.make_graph(graph.nodes, "mobilefaceswap_sharpen", ends[:1], ends[1:], graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mobilefaceswap")
    model.ir_version = IR_VERSION
    return model


def _plan(graph: Graph, x: str) -> None:
    """What comes out: shares in [0, 1], what is drawn as it is."""
    parts = graph.integers("parts", 2, 4)
    graph.nodes.append(helper.make_node("Split", [x, parts], ["share", "drawn"], axis=1))
    graph.add("Concat", [graph.add("Sigmoid", ["share"], "share.shown"), "drawn"], "plan", axis=1)
