"""The IDN as an ONNX graph, written operator by operator from the two heads and a source's kernels.

Built by hand rather than traced so that every constant lands where it is fastest: batch norms are folded into the
convolution before them, the 1x1 convolution of ``final`` comes before its upsampling, the first depthwise and pointwise
pair is one dense convolution, the last layers of few channels are computed as phases. The function is that of :class:`~mobilefaceswap_core.student.idn.Idn`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..runtime.graphs import IR_VERSION, OPSET, Array, Arrays, Graph, arrays_of
from ..runtime.phases import full_size, phase_bias, phases_of_full, phases_of_phases
from .heads import Heads, folded
from .layout import (
    DECODER_IN_CHANNELS,
    DECODER_KERNEL,
    DECODER_OUT_CHANNELS,
    ENCODER_CHANNELS,
    ENCODER_KERNEL,
    SLOPE,
)

if TYPE_CHECKING:
    from torch import Tensor

    from .idn import Idn, IdnWeights

_STAGES = len(ENCODER_CHANNELS) - 1
_DENSE = ("encoder_depthwise.0", "encoder_pointwise.0")  # of a baked graph, one dense convolution
Output = Literal["swapped", "face"]


def idn_graph(
    idn: Idn | Arrays, weights: IdnWeights | Arrays | None, *, output: Output = "swapped", phases: bool = True
) -> onnx.ModelProto:
    """Build the graph.

    Args:
        idn: the two heads: the module, or its tensors by the names of its state.
        weights: one source's kernels, baked into the graph; or what :func:`source_constants` makes of them; ``None`` makes
            them inputs named as in :meth:`IdnWeights.tensors`, depthwise ``(C, 1, k, k)``, pointwise ``(C_out, C_in, 1, 1)``.
        output: ``swapped`` for the blended result, ``face`` for the face before blending.
        phases: compute the last layers at half the size (:mod:`~mobilefaceswap_core.runtime.phases`); the same function, but
            not every format knows the operator that puts phases together.

    Returns:
        A model with input ``crop (N, 3, S, S)`` in [0, 1], S a multiple of 32, and outputs ``swapped`` or ``face`` and
        ``mask (N, 1, S, S)``.
    """
    graph, heads = Graph(), folded(arrays_of(idn))
    graph.constant("scales", np.array([1, 1, 2, 2], np.float32))
    kernels, inputs = _kernels(graph, weights)
    x = graph.add("Mul", ["crop", graph.constant("two", np.array(2, np.float32))], "doubled")
    x = graph.add("Sub", [x, graph.constant("one", np.array(1, np.float32))], "normalised")
    skips = []
    for i in range(_STAGES):
        if i == 0 and weights is not None:  # 3 channels: one dense convolution beats two thin ones
            x = graph.conv(x, ["encoder_dense.0"], "encoder.0", kernel=4, stride=2)
        else:
            x = graph.conv(x, [kernels[f"encoder_depthwise.{i}"]], f"encoder_depthwise_out.{i}", kernel=4, stride=2,
                           group=ENCODER_CHANNELS[i])  # fmt: skip
            x = graph.conv(x, [kernels[f"encoder_pointwise.{i}"]], f"encoder.{i}", kernel=1)
        x = graph.leaky(x, f"feature.{i}", slope=SLOPE)
        skips.append(x)
    mask = _mask_head(graph, heads, x, phases)
    face = _decoder(graph, heads, x, skips, kernels, phases)
    if output == "swapped":
        _blend(graph, face, mask)
    outputs = [_tensor(output, 3), _tensor("mask", 1)]
    body = helper.make_graph(graph.nodes, "mobilefaceswap_idn", [_tensor("crop", 3), *inputs], outputs, graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mobilefaceswap")
    model.ir_version = IR_VERSION
    return model


def graph_input(name: str, kernel: Tensor) -> Array:
    """One source's kernel in the shape the dynamic graph's input of that name has."""
    array = kernel[0].detach().cpu().float().numpy()
    return array[:, None] if "depthwise" in name else array[:, :, None, None]


def _kernels(graph: Graph, weights: IdnWeights | Arrays | None) -> tuple[dict[str, str], list[onnx.ValueInfoProto]]:
    shapes = kernel_shapes()
    if weights is None:
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
        return {name: name for name in shapes}, inputs
    for name, array in constants_of(weights).items():
        graph.constant(name, array)
    return {name: name for name in shapes}, []


def kernel_shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of one source's kernels in the graph, by the names of :meth:`IdnWeights.tensors` and in their order."""
    pairs = list(zip(DECODER_IN_CHANNELS, DECODER_OUT_CHANNELS, strict=True))
    sides = (ENCODER_KERNEL,) * 2, (DECODER_KERNEL,) * 2
    shapes: dict[str, tuple[int, ...]] = {}
    shapes |= {f"encoder_depthwise.{i}": (ENCODER_CHANNELS[i], 1, *sides[0]) for i in range(_STAGES)}
    shapes |= {f"encoder_pointwise.{i}": (ENCODER_CHANNELS[i + 1], ENCODER_CHANNELS[i], 1, 1) for i in range(_STAGES)}
    shapes |= {f"decoder_depthwise.{i}": (c, 1, *sides[1]) for i, (c, _) in enumerate(pairs)}
    return shapes | {f"decoder_pointwise.{i}": (o, c, 1, 1) for i, (c, o) in enumerate(pairs)}


def constant_shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of what :func:`source_constants` makes, in its order."""
    others = {name: shape for name, shape in kernel_shapes().items() if name not in _DENSE}
    return {"encoder_dense.0": (ENCODER_CHANNELS[1], ENCODER_CHANNELS[0], ENCODER_KERNEL, ENCODER_KERNEL), **others}


def constants_of(weights: IdnWeights | Arrays) -> Arrays:
    """A source's kernels as a baked graph holds them, whichever way they are given."""
    return weights if isinstance(weights, Mapping) else source_constants(weights)


def source_constants(weights: IdnWeights) -> dict[str, Array]:
    """The constants of a baked graph that belong to its source, by name and in the graph's order."""
    others = {n: graph_input(n, kernel) for n, kernel in weights.tensors().items() if n not in _DENSE}
    return {"encoder_dense.0": _first_stage(weights), **others}


def _first_stage(weights: IdnWeights) -> Array:
    depthwise, pointwise = weights.encoder_depthwise[0][0], weights.encoder_pointwise[0][0]  # (3, 4, 4), (32, 3)
    return (pointwise[:, :, None, None] * depthwise[None]).detach().cpu().float().numpy()


def _mask_head(graph: Graph, heads: Heads, x: str, phases: bool) -> str:
    for i, stage in enumerate(heads.mask):
        x = graph.upsample(x, f"mask_up.{i}")
        x = graph.fixed_conv(x, f"mask_depthwise.{i}", stage.depthwise, None, group=len(stage.depthwise))
        x = graph.fixed_conv(x, f"mask_pointwise.{i}", stage.kernel, stage.bias)
        x = graph.leaky(x, f"mask.{i}", slope=SLOPE)
    kernel, bias = heads.mask_last
    if not phases:
        return graph.add("Sigmoid", [graph.fixed_conv(x, "mask_logits", kernel, bias)], "mask")
    x = graph.fixed_conv(x, "mask_logits", phases_of_full(kernel), phase_bias(bias), stride=2)
    return full_size(graph, graph.add("Sigmoid", [x], "mask_phases"), "mask")


def _decoder(graph: Graph, heads: Heads, x: str, skips: list[str], kernels: dict[str, str], phases: bool) -> str:
    last = len(DECODER_IN_CHANNELS) - 1
    for i, channels in enumerate(DECODER_IN_CHANNELS):
        x = graph.upsample(x, f"decoder_up.{i}")
        x = graph.conv(x, [kernels[f"decoder_depthwise.{i}"]], f"decoder_depthwise_out.{i}", kernel=3, group=channels)
        x = graph.leaky(
            graph.conv(x, [kernels[f"decoder_pointwise.{i}"]], f"decoder.{i}", kernel=1), f"decoded.{i}", slope=SLOPE
        )
        if i != last:
            x = graph.add("Concat", [x, skips[-2 - i]], f"joined.{i}", axis=1)
    x = graph.fixed_conv(x, "final_pointwise", *heads.pointwise)
    x = graph.leaky(graph.upsample(x, "final_up"), "final.0", slope=SLOPE)
    one, other = heads.draw
    if phases:
        x = graph.fixed_conv(x, "final_conv.1", phases_of_full(one[0]), phase_bias(one[1]), stride=2)
        x = graph.leaky(x, "final.1", slope=SLOPE)
        x = graph.fixed_conv(x, "final_conv.2", phases_of_phases(other[0]), phase_bias(other[1]))
    else:
        x = graph.leaky(graph.fixed_conv(x, "final_conv.1", *one), "final.1", slope=SLOPE)
        x = graph.fixed_conv(x, "final_conv.2", *other)
    x = graph.add("Tanh", [x], "drawn")
    x = graph.add("Mul", [x, graph.constant("half", np.array(0.5, np.float32))], "halved")
    if not phases:
        return graph.add("Add", [x, "half"], "face")
    return full_size(graph, graph.add("Add", [x, "half"], "face_phases"), "face")


def _blend(graph: Graph, face: str, mask: str) -> None:
    shown = graph.add("Mul", [graph.add("Sub", [face, "crop"], "difference"), mask], "shown")
    graph.add("Add", ["crop", shown], "swapped")


def _tensor(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, "side", "side"])
