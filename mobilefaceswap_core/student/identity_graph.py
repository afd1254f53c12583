"""The once-per-source half of MobileFaceSwap as an ONNX graph: aligned photos in, all kernels of the IDN out.

Written operator by operator like :mod:`~mobilefaceswap_core.student.graph`. Its result is one flat array: the constants of
the baked per-frame graph that belong to a source, one after another. A program without Python writes that array where
the per-frame graph expects it, and has a network with the source inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..identity.contract import MOBILEFACENET_BOTTLENECKS, MOBILEFACENET_CONTRACT
from ..runtime.graphs import IR_VERSION, NORM_EPSILON, OPSET, Array, Arrays, Graph, arrays_of, fold_norm
from .graph import source_constants
from .layout import CODE_GAIN, EMBEDDING, ENCODER_CHANNELS, KERNEL_SHAPES, MODULATION_EPSILON, SLOPE
from .layout import NORM_EPSILON as KERNEL_EPSILON

if TYPE_CHECKING:
    from ..identity.mobilefacenet import MobileFaceNet
    from .idn import IdnWeights
    from .injection import CompactInjection

FEATURE_MAP = "feature_map"  # a value inside, ``(1, 512, 7, 7)``: the mean over the photos
# Constants with fewer values stay float32: biases and depthwise kernels are 7 % of a baked file and 3/4 of the error.
LEAST_HALVED = 5000

# Constants that hold with 8 bits each and a scale per row. Swapped crops of five photos, noise among them, then differ by
# 2 levels at most; with ``pointwise_base`` in 8 bits too by 7, with the recogniser's convolutions by more than 9.
_ROUGH = (
    "embed.",
    "reduce.",
    "map_in.",
    "trunk1.",
    "trunk2.",
    "low.",
    "head.",
    "style.",
    "mix.",
    "mix_in.",
    "mix_out.",
)


def identity_graph(
    encoder: MobileFaceNet | Arrays, injection: CompactInjection | Arrays, *, left: Array | None = None
) -> onnx.ModelProto:
    """Build the graph.

    Args:
        encoder: the recogniser that ships: the module, or its tensors by the names of its state.
        injection: the injection network, likewise.
        left: ``(512, 7, 7)``, what filled glasses leave in a feature map. If given, the model has a second input ``glasses (1,)``,
            in which share of the photos glasses were filled, and so much of it is taken off.

    Returns:
        A model with input ``photos (N, 3, 224, 224)``, aligned crops of one person in [0, 1], and outputs ``kernels
        (K,)``, the arrays of :func:`~mobilefaceswap_core.student.graph.source_constants` flattened and joined, and
        ``embedding (1, 512)``. Several photos are averaged as in :meth:`Student.condition`.
    """
    graph, contract = Graph(), MOBILEFACENET_CONTRACT
    x = graph.add("AveragePool", ["photos"], "small", kernel_shape=[2, 2], strides=[2, 2])  # 224 -> 112, area
    x = graph.add("Sub", [x, _channels(graph, "mean", contract.mean)], "centred")
    x = graph.add("Div", [x, _channels(graph, "std", contract.std)], "scaled")
    x = _recogniser(graph, arrays_of(encoder), x)
    feature_map = graph.add("ReduceMean", [x], FEATURE_MAP, axes=[0], keepdims=1)
    y = graph.add("LpNormalization", ["embeddings"], "unit_embeddings", axis=1, p=2)
    y = graph.add("ReduceMean", [y], "mean_embedding", axes=[0], keepdims=1)
    embedding = graph.add("LpNormalization", [y], "embedding", axis=1, p=2)
    _injection(graph, embedding, feature_map, arrays_of(injection), left)
    side = contract.crop.size_px
    outputs = [
        helper.make_tensor_value_info("kernels", TensorProto.FLOAT, [None]),
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, EMBEDDING]),
    ]
    inputs = [helper.make_tensor_value_info("photos", TensorProto.FLOAT, ["photos_count", 3, side, side])]
    if left is not None:
        inputs.append(helper.make_tensor_value_info("glasses", TensorProto.FLOAT, [1]))
    body = helper.make_graph(graph.nodes, "mobilefaceswap_identity", inputs, outputs, graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mobilefaceswap")
    model.ir_version = IR_VERSION
    return model


def flat_kernels(weights: IdnWeights) -> Array:
    """What :func:`identity_graph` computes, from kernels that PyTorch predicted; ``(K,)``."""
    return np.concatenate([array.ravel() for array in source_constants(weights).values()])


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its constants stored in 16 bits; they are widened when it is loaded, so it computes in 32."""
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    constants = list(halved.graph.initializer)
    del halved.graph.initializer[:]
    widen = []
    for tensor in constants:
        values = numpy_helper.to_array(tensor) if tensor.data_location != TensorProto.EXTERNAL else None
        if values is None or values.dtype != np.float32 or values.size < LEAST_HALVED:
            halved.graph.initializer.append(tensor)
            continue
        halved.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half"))
        widen.append(
            helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], name=tensor.name, to=TensorProto.FLOAT)
        )
    nodes = [*widen, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved


def roughen(model: onnx.ModelProto, names: tuple[str, ...] = _ROUGH) -> onnx.ModelProto:
    """A graph of :func:`halve` with what bears it in 8 bits: two thirds of the file, once that is compressed.

    Not exact: see :data:`_ROUGH`. Bytes are widened and scaled when the graph is loaded.

    Args:
        model: what :func:`halve` gives.
        names: beginnings of the constants' names.
    """
    rough = onnx.ModelProto()
    rough.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in rough.graph.initializer}
    nodes = []
    for node in rough.graph.node:
        tensor = constants.get(node.input[0]) if node.op_type == "Cast" else None
        if tensor is None or not node.name.startswith(names):
            nodes.append(node)
            continue
        values = numpy_helper.to_array(tensor).astype(np.float32)
        highest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scale = np.where(highest > 0, highest, 1).astype(np.float32) / 127
        name, (result,) = f"{node.name}.bytes", node.output
        tensor.CopyFrom(numpy_helper.from_array(np.round(values / scale).astype(np.int8), name))
        rough.graph.initializer.append(numpy_helper.from_array(scale, f"{result}.scale"))
        nodes.append(helper.make_node("Cast", [name], [f"{result}.wide"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{result}.wide", f"{result}.scale"], [result]))
    del rough.graph.node[:]
    rough.graph.node.extend(nodes)
    return rough


def _channels(graph: Graph, name: str, values: tuple[float, ...]) -> str:
    return graph.constant(name, np.array(values, np.float32).reshape(1, -1, 1, 1))


def _recogniser(graph: Graph, net: Arrays, x: str) -> str:
    """The feature map ``(N, 512, 7, 7)``; ``embeddings (N, 512)``, not of unit length, are a result besides it."""
    x = _conv_norm(graph, net, x, "features.0", stride=2, pad=1)
    x = _conv_norm(graph, net, x, "features.1", pad=1)
    number = 2
    for _, _, repeats, stride in MOBILEFACENET_BOTTLENECKS:
        for repeat in range(repeats):
            x = _bottleneck(graph, net, x, f"features.{number}", stride=stride if repeat == 0 else 1)
            number += 1
    x = _conv_norm(graph, net, x, f"features.{number}")
    y = _conv_norm(graph, net, _conv_norm(graph, net, x, "gdc"), "embed")
    graph.add("Flatten", [y], "embeddings", axis=1)
    return x


def _conv_norm(graph: Graph, net: Arrays, x: str, name: str, *, stride: int = 1, pad: int = 0) -> str:
    """A bias-free convolution, its batch norm folded in, and PReLU where the layer has one."""
    kernel, bias = fold_norm(net, f"{name}.0", f"{name}.1")
    constants = [graph.constant(f"{name}.weight", kernel), graph.constant(f"{name}.bias", bias)]
    depthwise = kernel.shape[1] == 1  # no dense layer here reads a single channel
    x = graph.add("Conv", [x, *constants], f"{name}.conv", kernel_shape=list(kernel.shape[2:]), strides=[stride] * 2,
                  pads=[pad] * 4, group=len(kernel) if depthwise else 1)  # fmt: skip
    if f"{name}.2.weight" not in net:
        return x
    slope = graph.constant(f"{name}.slope", net[f"{name}.2.weight"].reshape(-1, 1, 1))
    return graph.add("PRelu", [x, slope], f"{name}.out")


def _bottleneck(graph: Graph, net: Arrays, x: str, name: str, *, stride: int) -> str:
    y = _conv_norm(graph, net, x, f"{name}.conv.0")
    y = _conv_norm(graph, net, y, f"{name}.conv.1", stride=stride, pad=1)
    y = _conv_norm(graph, net, y, f"{name}.conv.2")
    is_residual = stride == 1 and net[f"{name}.conv.0.0.weight"].shape[1] == len(net[f"{name}.conv.2.0.weight"])
    return graph.add("Add", [x, y], f"{name}.sum") if is_residual else y


def _linear(graph: Graph, net: Arrays, x: str, name: str, layer: str) -> str:
    inputs = [x, graph.constant(f"{name}.weight", net[f"{layer}.weight"])]
    if f"{layer}.bias" in net:
        inputs.append(graph.constant(f"{name}.bias", net[f"{layer}.bias"]))
    return graph.add("Gemm", inputs, f"{name}.linear", transB=1)


def _injection(graph: Graph, embedding: str, feature_map: str, net: Arrays, left: Array | None) -> None:
    """Kernels from the identity, in the order and shape of :func:`source_constants`."""
    code = _trunk(graph, embedding, feature_map, net, left)
    stages = len(ENCODER_CHANNELS) - 1
    depthwise = [_depthwise(graph, code, i, net) for i in range(len(KERNEL_SHAPES))]
    pointwise = [_pointwise(graph, code, i, net) for i in range(len(KERNEL_SHAPES))]
    # The first pair is one dense convolution, (32, 3) times (3, 16): each column repeated for its 16 places, and what belongs there.
    channels, places = ENCODER_CHANNELS[0], KERNEL_SHAPES[0][1] ** 2
    spread = graph.constant("spread", np.repeat(np.eye(channels, dtype=np.float32), places, axis=1))
    repeated = graph.add("MatMul", [pointwise[0], spread], "first_pointwise")
    wide = graph.add("Reshape", [depthwise[0], graph.integers("row", 1, channels * places)], "first_depthwise")
    dense = graph.add("Mul", [repeated, wide], "encoder_dense.0")
    order = [dense, *depthwise[1:stages], *pointwise[1:stages], *depthwise[stages:], *pointwise[stages:]]
    flat = graph.integers("flat", -1)
    parts = [graph.add("Reshape", [part, flat], f"{part}.flat") for part in order]
    graph.add("Concat", parts, "kernels", axis=0)


def _trunk(graph: Graph, embedding: str, feature_map: str, net: Arrays, left: Array | None) -> str:
    def buffer(name: str) -> str:
        return graph.constant(name, net[f"trunk.{name}"][None])

    e = graph.add("Sub", [embedding, buffer("embedding_mean")], "embedding_centred")
    e = graph.add("Div", [e, buffer("embedding_std")], "embedding_whitened")
    m = graph.conv(
        feature_map,
        [graph.constant("reduce.weight", net["trunk.reduce.weight"]), graph.constant("reduce.bias", net["trunk.reduce.bias"])],
        "map_reduced", kernel=1,
    )  # fmt: skip
    if left is not None:  # a convolution of 1x1 makes the same of it before as after: 32 channels for 512
        reduced = np.einsum("oc,chw->ohw", net["trunk.reduce.weight"][:, :, 0, 0], left)[None]
        taken = graph.add("Mul", [graph.constant("left_by_glasses", reduced), "glasses"], "left_by_these")
        m = graph.add("Sub", [m, taken], "map_without_glasses")
    m = graph.add("Div", [graph.add("Sub", [m, buffer("map_mean")], "map_centred"), buffer("map_std")], "map_whitened")
    m = graph.leaky(
        _linear(graph, net, graph.add("Flatten", [m], "map_flat", axis=1), "map_in", "trunk.map_in"),
        "map_code", slope=SLOPE,
    )  # fmt: skip
    h = graph.add("Concat", [e, m], "identity", axis=1)
    for number in (1, 2):
        h = _linear(graph, net, h, f"trunk{number}", f"trunk.linear{number}")
        scale = graph.constant(f"norm{number}.weight", net[f"trunk.norm{number}.weight"])
        bias = graph.constant(f"norm{number}.bias", net[f"trunk.norm{number}.bias"])
        h = graph.add("LayerNormalization", [h, scale, bias], f"trunk{number}.normed", axis=-1, epsilon=NORM_EPSILON)
        h = graph.leaky(h, f"trunk{number}.out", slope=SLOPE)
    return graph.add("Mul", [h, graph.constant("code_gain", np.array(CODE_GAIN, np.float32))], "code")


def _depthwise(graph: Graph, code: str, i: int, net: Arrays) -> str:
    """``(C, k * k)`` kernels of unit norm times a gain."""
    channels, side = KERNEL_SHAPES[i]
    own = _linear(graph, net, _linear(graph, net, code, f"low.{i}", f"low.{i}"), f"head.{i}", f"head.{i}")
    own = graph.add("Reshape", [own, graph.integers(f"shape.{i}", channels, side * side)], f"own.{i}")
    base = graph.constant(f"base.{i}", net[f"base.{i}"])
    unit = _unit_rows(graph, graph.add("Add", [base, own], f"kernels.{i}"), f"unit.{i}", KERNEL_EPSILON)
    gain = graph.constant(f"gain.{i}", net[f"gain.{i}"][:, None])
    return graph.add("Mul", [unit, gain], f"depthwise.{i}")


def _pointwise(graph: Graph, code: str, i: int, net: Arrays) -> str:
    """``(C_out, C_in)`` modulated kernels; see :func:`~mobilefaceswap_core.student.injection.modulate`."""
    scale = _linear(graph, net, code, f"style.{i}", f"style.{i}")
    scale = graph.add("Add", [scale, graph.constant(f"unscaled.{i}", np.array(1, np.float32))], f"scale.{i}")
    mixed_out = graph.constant(f"mix_out.{i}", net[f"mix_out.{i}"])
    mixed_in = graph.constant(f"mix_in.{i}", net[f"mix_in.{i}"])
    strength = _linear(graph, net, code, f"mix.{i}", f"mix.{i}")
    own = graph.add("MatMul", [graph.add("Mul", [mixed_out, strength], f"mix_scaled.{i}"), mixed_in], f"mixed.{i}")
    base = graph.constant(f"pointwise_base.{i}", net[f"pointwise.{i}"])
    weight = graph.add("Add", [base, own], f"pointwise_own.{i}")
    scaled = graph.add("Mul", [weight, scale], f"modulated.{i}")
    return _unit_rows(graph, scaled, f"pointwise.{i}", MODULATION_EPSILON)


def _unit_rows(graph: Graph, x: str, name: str, epsilon: float) -> str:
    squares = graph.add("ReduceSum", [graph.add("Mul", [x, x], f"{name}.square"), graph.integers(f"{name}.axis", 1)],
                        f"{name}.sum", keepdims=1)  # fmt: skip
    safe = graph.add("Add", [squares, graph.constant(f"{name}.epsilon", np.array(epsilon, np.float32))], f"{name}.safe")
    return graph.add("Div", [x, graph.add("Sqrt", [safe], f"{name}.norm")], name)
