"""The once-per-source half of MobileFaceSwap as an ONNX graph: aligned photos in, all kernels of the IDN out.

Written operator by operator like :mod:`~mobilefaceswap_core.student.graph`. Its result is one flat array: the constants of
the baked per-frame graph that belong to a source, one after another. A program without Python writes that array where
the per-frame graph expects it, and has a network with the source inside.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from ..identity.encoder import IdentityEncoder
from ..identity.mobilefacenet import Bottleneck, ConvNorm, MobileFaceNet
from ..runtime.graphs import IR_VERSION, OPSET, Array, Graph
from .graph import source_constants
from .idn import ENCODER_CHANNELS, SLOPE, IdnWeights
from .injection import EMBEDDING, CompactInjection, IdentityTrunk

_CODE_GAIN = 1.4  # of the trunk; see IdentityTrunk.forward
# Constants with fewer values stay float32: biases and depthwise kernels are 7 % of a baked file and 3/4 of the error.
LEAST_HALVED = 5000


def identity_graph(encoder: IdentityEncoder, injection: CompactInjection) -> onnx.ModelProto:
    """Build the graph.

    Args:
        encoder: the recogniser that ships, on the CPU.
        injection: the injection network, on the CPU.

    Returns:
        A model with input ``photos (N, 3, 224, 224)``, aligned crops of one person in [0, 1], and outputs ``kernels
        (K,)``, the arrays of :func:`~mobilefaceswap_core.student.graph.source_constants` flattened and joined, and
        ``embedding (1, 512)``. Several photos are averaged as in :meth:`Student.condition`.
    """
    graph = Graph()
    x = graph.add("AveragePool", ["photos"], "small", kernel_shape=[2, 2], strides=[2, 2])  # 224 -> 112, area
    x = graph.add("Sub", [x, _channels(graph, "mean", encoder.contract.mean)], "centred")
    x = graph.add("Div", [x, _channels(graph, "std", encoder.contract.std)], "scaled")
    network = cast(MobileFaceNet, encoder.network)
    for i, layer in enumerate(network.features):
        x = _bottleneck(graph, x, f"features.{i}", layer) if isinstance(layer, Bottleneck) else _conv_norm(
            graph, x, f"features.{i}", cast(ConvNorm, layer))  # fmt: skip
    feature_map = graph.add("ReduceMean", [x], "feature_map", axes=[0], keepdims=1)
    y = _conv_norm(graph, x, "gdc", network.gdc)
    y = graph.add("Flatten", [_conv_norm(graph, y, "embed", cast(ConvNorm, network.embed))], "embeddings", axis=1)
    y = graph.add("LpNormalization", [y], "unit_embeddings", axis=1, p=2)
    y = graph.add("ReduceMean", [y], "mean_embedding", axes=[0], keepdims=1)
    embedding = graph.add("LpNormalization", [y], "embedding", axis=1, p=2)
    _injection(graph, embedding, feature_map, injection)
    shape: list[str | int | None] = ["photos_count", 3, encoder.contract.crop.size_px, encoder.contract.crop.size_px]
    outputs = [
        helper.make_tensor_value_info("kernels", TensorProto.FLOAT, [None]),
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, EMBEDDING]),
    ]
    inputs = [helper.make_tensor_value_info("photos", TensorProto.FLOAT, shape)]
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


def _channels(graph: Graph, name: str, values: tuple[float, ...]) -> str:
    return graph.constant(name, np.array(values, np.float32).reshape(1, -1, 1, 1))


def _conv_norm(graph: Graph, x: str, name: str, layer: Any) -> str:
    """A bias-free convolution, its batch norm folded in, and PReLU where the layer has one."""
    convolution, norm, *rest = layer
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    constants = [
        graph.constant(f"{name}.weight", (convolution.weight.detach() * scale[:, None, None, None]).numpy()),
        graph.constant(f"{name}.bias", (norm.bias.detach() - norm.running_mean * scale).numpy()),
    ]
    x = graph.add("Conv", [x, *constants], f"{name}.conv", kernel_shape=list(convolution.kernel_size),
                  strides=list(convolution.stride), pads=list(convolution.padding) * 2,
                  group=convolution.groups)  # fmt: skip
    if not rest:
        return x
    slope = graph.constant(f"{name}.slope", rest[0].weight.detach().numpy().reshape(-1, 1, 1))
    return graph.add("PRelu", [x, slope], f"{name}.out")


def _bottleneck(graph: Graph, x: str, name: str, layer: Bottleneck) -> str:
    y = x
    for i, part in enumerate(layer.conv):
        y = _conv_norm(graph, y, f"{name}.{i}", part)
    return graph.add("Add", [x, y], f"{name}.sum") if layer.residual else y


def _linear(graph: Graph, x: str, name: str, layer: torch.nn.Linear) -> str:
    inputs = [x, graph.constant(f"{name}.weight", layer.weight.detach().numpy())]
    if layer.bias is not None:
        inputs.append(graph.constant(f"{name}.bias", layer.bias.detach().numpy()))
    return graph.add("Gemm", inputs, f"{name}.linear", transB=1)


def _injection(graph: Graph, embedding: str, feature_map: str, injection: CompactInjection) -> None:
    """Kernels from the identity, in the order and shape of :func:`source_constants`."""
    code = _trunk(graph, embedding, feature_map, injection.trunk)
    stages = len(ENCODER_CHANNELS) - 1
    depthwise = [_depthwise(graph, code, i, injection) for i in range(len(injection.SHAPES))]
    pointwise = [_pointwise(graph, code, i, injection) for i in range(len(injection.SHAPES))]
    # The first pair is one dense convolution: (32, 3, 1) times (1, 3, 16).
    thin = graph.add("Unsqueeze", [pointwise[0], graph.integers("last_axis", 2)], "first_pointwise")
    wide = graph.add("Unsqueeze", [depthwise[0], graph.integers("first_axis", 0)], "first_depthwise")
    dense = graph.add("Mul", [thin, wide], "encoder_dense.0")
    order = [dense, *depthwise[1:stages], *pointwise[1:stages], *depthwise[stages:], *pointwise[stages:]]
    flat = graph.integers("flat", -1)
    parts = [graph.add("Reshape", [part, flat], f"{part}.flat") for part in order]
    graph.add("Concat", parts, "kernels", axis=0)


def _trunk(graph: Graph, embedding: str, feature_map: str, trunk: IdentityTrunk) -> str:
    def buffer(name: str) -> str:
        return graph.constant(name, getattr(trunk, name).detach().numpy()[None])

    e = graph.add("Sub", [embedding, buffer("embedding_mean")], "embedding_centred")
    e = graph.add("Div", [e, buffer("embedding_std")], "embedding_whitened")
    reduce = trunk.reduce
    assert reduce.bias is not None
    m = graph.conv(
        feature_map,
        [graph.constant("reduce.weight", reduce.weight.detach().numpy()),
         graph.constant("reduce.bias", reduce.bias.detach().numpy())],
        "map_reduced", kernel=1,
    )  # fmt: skip
    m = graph.add("Div", [graph.add("Sub", [m, buffer("map_mean")], "map_centred"), buffer("map_std")], "map_whitened")
    m = graph.leaky(
        _linear(graph, graph.add("Flatten", [m], "map_flat", axis=1), "map_in", trunk.map_in), "map_code", slope=SLOPE
    )
    h = graph.add("Concat", [e, m], "identity", axis=1)
    for number, linear, norm in ((1, trunk.linear1, trunk.norm1), (2, trunk.linear2, trunk.norm2)):
        h = _linear(graph, h, f"trunk{number}", linear)
        scale = graph.constant(f"norm{number}.weight", norm.weight.detach().numpy())
        bias = graph.constant(f"norm{number}.bias", norm.bias.detach().numpy())
        h = graph.add("LayerNormalization", [h, scale, bias], f"trunk{number}.normed", axis=-1, epsilon=norm.eps)
        h = graph.leaky(h, f"trunk{number}.out", slope=SLOPE)
    return graph.add("Mul", [h, graph.constant("code_gain", np.array(_CODE_GAIN, np.float32))], "code")


def _depthwise(graph: Graph, code: str, i: int, injection: CompactInjection) -> str:
    """``(C, k * k)`` kernels of unit norm times a gain."""
    channels, side = injection.SHAPES[i]
    own = _linear(graph, _linear(graph, code, f"low.{i}", cast(Any, injection.low[i])), f"head.{i}",
                  cast(Any, injection.head[i]))  # fmt: skip
    own = graph.add("Reshape", [own, graph.integers(f"shape.{i}", channels, side * side)], f"own.{i}")
    base = graph.constant(f"base.{i}", injection.base[i].detach().numpy())
    unit = _unit_rows(graph, graph.add("Add", [base, own], f"kernels.{i}"), f"unit.{i}", injection.NORM_EPSILON)
    gain = graph.constant(f"gain.{i}", injection.gain[i].detach().numpy()[:, None])
    return graph.add("Mul", [unit, gain], f"depthwise.{i}")


def _pointwise(graph: Graph, code: str, i: int, injection: CompactInjection) -> str:
    """``(C_out, C_in)`` modulated kernels; see :func:`~mobilefaceswap_core.student.injection.modulate`."""
    scale = _linear(graph, code, f"style.{i}", cast(Any, injection.style[i]))
    scale = graph.add("Add", [scale, graph.constant(f"unscaled.{i}", np.array(1, np.float32))], f"scale.{i}")
    mixed_out = graph.constant(f"mix_out.{i}", injection.mix_out[i].detach().numpy())
    mixed_in = graph.constant(f"mix_in.{i}", injection.mix_in[i].detach().numpy())
    strength = _linear(graph, code, f"mix.{i}", cast(Any, injection.mix[i]))
    own = graph.add("MatMul", [graph.add("Mul", [mixed_out, strength], f"mix_scaled.{i}"), mixed_in], f"mixed.{i}")
    base = graph.constant(f"pointwise_base.{i}", injection.pointwise[i].detach().numpy())
    weight = graph.add("Add", [base, own], f"pointwise_own.{i}")
    scaled = graph.add("Mul", [weight, scale], f"modulated.{i}")
    return _unit_rows(graph, scaled, f"pointwise.{i}", injection.MODULATION_EPSILON)


def _unit_rows(graph: Graph, x: str, name: str, epsilon: float) -> str:
    squares = graph.add("ReduceSum", [graph.add("Mul", [x, x], f"{name}.square"), graph.integers(f"{name}.axis", 1)],
                        f"{name}.sum", keepdims=1)  # fmt: skip
    safe = graph.add("Add", [squares, graph.constant(f"{name}.epsilon", np.array(epsilon, np.float32))], f"{name}.safe")
    return graph.add("Div", [x, graph.add("Sqrt", [safe], f"{name}.norm")], name)
