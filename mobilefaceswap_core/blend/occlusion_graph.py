"""The occlusion network as ONNX, written operator by operator from its tensors; PyTorch is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..runtime.graphs import IR_VERSION, OPSET, Array, Arrays, Graph, arrays_of, fold_norm
from ..runtime.phases import full_size, phase_bias, phases_of_full, phases_of_half, phases_of_phases

if TYPE_CHECKING:
    from torch import nn

WIDTHS = (16, 32, 64, 96, 128)  # channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the crop's side
SLOPE = 0.1  # of every leaky ReLU
# Next to the crop's border the graph is not the network: what is interpolated beyond it differs, and a swap never shows there.
RIM_PX = 3
BLOCKS = (1, 3, 3, 3, 3)  # of each width; all but the first width begin with one that halves the side


def occlusion_graph(network: nn.Module | Arrays) -> onnx.ModelProto:
    """The network as ONNX, for ONNX Runtime and for the browser.

    Args:
        network: an ``OcclusionNet`` with batch norms or without, or its tensors by the names of its state.

    Returns:
        A model with input ``crop (N, 3, S, S)`` in [0, 1] and output ``hidden (N, 1, S, S)``, a probability; the
        outermost :data:`RIM_PX` pixels are not the network's.
    """
    graph, net = Graph(), arrays_of(network)
    graph.constant("scales", np.array([1, 1, 2, 2], np.float32))
    x = graph.add("Mul", ["crop", graph.constant("two", np.array(2, np.float32))], "doubled")
    z = graph.add("Sub", [x, graph.constant("one", np.array(1, np.float32))], "normalised")
    x = _conv_norm(graph, net, z, "stem", stride=2)
    skips = []
    for number, blocks in enumerate(BLOCKS):
        for place in range(blocks):
            halves = number > 0 and place == 0
            x = separable(graph, net, x, f"encoder.{number}.{place}", stride=2 if halves else 1, residual=not halves)
        skips.append(x)
    for number, skip in enumerate(skips[-2::-1]):
        x = _joined(graph, x, skip, f"decoder.{number}")
        x = _conv_norm(graph, net, x, f"decoder.{number}.0")
        x = separable(graph, net, x, f"decoder.{number}.1", residual=True)
    x = _head(graph, net, x, z)
    full_size(graph, graph.add("Sigmoid", [x], "hidden_phases"), "hidden")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", c, "side", "side"])
            for n, c in (("crop", 3), ("hidden", 1))]  # fmt: skip
    body = helper.make_graph(graph.nodes, "mobilefaceswap_occlusion", ends[:1], ends[1:], graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mobilefaceswap")
    model.ir_version = IR_VERSION
    return model


def _head(graph: Graph, net: Arrays, x: str, z: str) -> str:
    """Logits as phases. The first layer reads what was upsampled and the crop; as two convolutions nothing is joined."""
    kernel, bias = layer_of(net, "head.0")
    channels = kernel.shape[1] - 3  # the crop's come last
    drawn = graph.fixed_conv(z, "head.0.crop", phases_of_full(kernel[:, channels:]), phase_bias(bias), stride=2)
    x = graph.fixed_conv(x, "head.0.features", phases_of_half(kernel[:, :channels]), None)
    x = graph.leaky(graph.add("Add", [x, drawn], "head.0.sum"), "head.0.out", slope=SLOPE)
    kernel, bias = net["head.1.weight"], net["head.1.bias"]
    return graph.fixed_conv(x, "logits", phases_of_phases(kernel), phase_bias(bias))


def _joined(graph: Graph, x: str, skip: str, name: str) -> str:
    up = graph.upsample(x, f"{name}.up", coordinates="half_pixel")
    return graph.add("Concat", [up, skip], f"{name}.joined", axis=1)


def separable(graph: Graph, net: Arrays, x: str, name: str, *, stride: int = 1, residual: bool) -> str:
    """A ``Separable`` block by its name; ``x`` is added to what it gives where it is a residual one."""
    y = _conv_norm(graph, net, x, f"{name}.depthwise", stride=stride)
    y = _conv_norm(graph, net, y, f"{name}.pointwise")
    return graph.add("Add", [x, y], f"{name}.sum") if residual else y


def _conv_norm(graph: Graph, net: Arrays, x: str, name: str, *, stride: int = 1) -> str:
    kernel, bias = layer_of(net, name)
    group = len(kernel) if name.endswith(".depthwise") else 1
    x = graph.fixed_conv(x, f"{name}.conv", kernel, bias, stride=stride, group=group)
    return graph.leaky(x, f"{name}.out", slope=SLOPE)


def layer_of(net: Arrays, name: str) -> tuple[Array, Array]:
    """Kernel and bias of a layer by its name, its batch norm inside where it has one."""
    if f"{name}.1.running_var" in net:
        return fold_norm(net, f"{name}.0", f"{name}.1")
    return net[f"{name}.0.weight"], net[f"{name}.0.bias"]
