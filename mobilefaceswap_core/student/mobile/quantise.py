"""Eight bits: ranges measured on faces, and the numbers that both 8-bit formats share.

Values are int8 with one scale and zero point each, ``real = scale * (int - zero)``; kernels are int8 with one scale per output
channel and no zero point, biases int32. Nothing is trained again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ...types import Image
from .steps import Array, Step, shapes, steps

# These stay in 32 bits: the arithmetic at both ends, which costs little and would lose half a grey level; the sigmoid, because a
# weight below 1/256 still counts as face (blend/mask.py); and from the last stage of the decoder on what draws the face. On one
# portrait the face was off by 4.0 grey levels on average with all of them in 8 bits, by 3.4 without `final`, by 1.7 as it is.
_DRAWING = (
    *("decoder_up.3", "decoder_depthwise_out.3", "decoder.3", "decoded.3"),
    *("final_pointwise", "final_up", "final.0", "final_conv.1", "final.1", "final_conv.2", "drawn", "halved", "face"),
)
FLOAT_STEPS = frozenset(("doubled", "normalised", "mask", *_DRAWING))
_TAIL = 5e-4  # share of a value's numbers, at each end, that a range leaves out; 2e-5 was worse (1.7 levels against 1.3), so was 1e-3
_SEVEN_BITS = 63
_LEAST_RANGE = 1e-6  # of a value that is the same everywhere
_LIGHTS = (
    1.0,
    0.6,
    1.3,
)  # what calibration faces are multiplied with besides being mirrored: dark rooms and bright ones


@dataclass(frozen=True, slots=True)
class Ints:
    """How a value becomes int8: ``real = scale * (int - zero)``."""

    scale: float
    zero: int


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Which steps compute in 8 bits, and with which numbers.

    Attributes:
        ints: by name of a value that is read or written in 8 bits.
        steps: results of the steps that compute in 8 bits.
    """

    ints: Mapping[str, Ints]
    steps: frozenset[str]

    def of_step(self, step: Step) -> Ints | None:
        """The numbers of a step's first input; ``None`` for a step in 32 bits."""
        return self.ints[step.inputs[0]] if step.output in self.steps else None


@dataclass(frozen=True, slots=True, eq=False)
class IntKernel:
    """A convolution's constants: ``kernel`` int8, ``scales`` float64 of each output channel, ``bias`` int32."""

    kernel: NDArray[np.int8]
    scales: NDArray[np.float64]
    bias: NDArray[np.int32]


def calibration_batch(crops: Iterable[Image]) -> Array:
    """Faces to measure ranges on: each crop, mirrored, darker and brighter.

    Args:
        crops: ``(S, S, 3)`` RGB uint8, aligned.

    Returns:
        ``(6 * N, 3, S, S)`` in [0, 1].
    """
    planes = [np.asarray(crop, np.float32).transpose(2, 0, 1) / np.float32(255) for crop in crops]
    lit = [np.clip(plane * np.float32(light), 0, 1) for plane in planes for light in _LIGHTS]
    return np.stack([turned for plane in lit for turned in (plane, plane[:, :, ::-1])]).astype(np.float32)


def calibrate(model: onnx.ModelProto, crops: Array) -> Quantisation:
    """Measure the range of every value that will be in 8 bits.

    Args:
        model: of :func:`~.baked.baked_graph`.
        crops: ``(N, 3, S, S)`` in [0, 1]; of faces, for what is not seen here is cut off later.

    Raises:
        BackendError: ONNX Runtime is missing.
    """
    graph = list(steps(model))
    chosen = frozenset(step.output for step in graph if step.output not in FLOAT_STEPS)
    names = sorted({name for step in graph if step.output in chosen for name in (step.output, *step.inputs)})
    ranges = _joined(_measured(model, names, crops), graph, chosen)
    return Quantisation({name: _ints(*ranges[name]) for name in names}, chosen)


def quantised_kernel(
    kernel: NDArray[np.floating], bias: Array, axis: int, input_scale: float, *, largest: int = 127
) -> IntKernel:
    """Constants of a convolution in 8 bits.

    Args:
        kernel: any layout.
        bias: ``(C,)``, one number per output channel.
        axis: of the output channels in ``kernel``.
        input_scale: of the value that is convolved.
        largest: number that the largest weight of a channel becomes.
    """
    others = tuple(i for i in range(kernel.ndim) if i != axis)
    scales = np.maximum(np.abs(kernel).max(others).astype(np.float64), _LEAST_RANGE) / largest
    shape = [1] * kernel.ndim
    shape[axis] = -1
    ints = np.clip(np.rint(kernel / scales.reshape(shape)), -largest, largest).astype(np.int8)
    return IntKernel(np.ascontiguousarray(ints), scales, np.rint(bias / (scales * input_scale)).astype(np.int32))


def quantised_onnx(model: onnx.ModelProto, quantisation: Quantisation) -> onnx.ModelProto:
    """The baked graph in 8 bits for ONNX Runtime and OpenVINO: each value is rounded by a pair of operators around it.

    Kernels have seven bits here. ONNX Runtime adds two products in 16 bits on x86 processors without VNNI, where those of eight
    bits overflow: the face was then off by 19 grey levels instead of 4.
    """
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    rounded: set[str] = set()
    shared: dict[str, onnx.TensorProto] = {}

    def constant(name: str, value: NDArray[np.generic]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def in_bytes(name: str) -> str:
        if name not in rounded:
            rounded.add(name)
            ints = quantisation.ints[name]
            numbers = [
                constant(f"{name}.scale", np.array(ints.scale, np.float32)),
                constant(f"{name}.zero", np.array(ints.zero, np.int8)),
            ]
            nodes.append(helper.make_node("QuantizeLinear", [name, *numbers], [f"{name}.int8"]))
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}.int8", *numbers], [f"{name}.rounded"]))
        return f"{name}.rounded"

    def stored(name: str, ints: NDArray[np.generic], scales: NDArray[np.float64]) -> str:
        inputs = [constant(f"{name}.ints", ints), constant(f"{name}.scale", scales.astype(np.float32))]
        inputs.append(constant(f"{name}.zero", np.zeros(len(scales), ints.dtype)))
        nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0))
        return name

    kept = {tensor.name: tensor for tensor in model.graph.initializer}
    for node, step in zip(model.graph.node, steps(model), strict=True):
        place = quantisation.of_step(step)
        inputs = [in_bytes(name) if place or name in quantisation.steps else name for name in step.inputs]
        if place is None or step.operator != "Conv":
            others = iter(inputs)
            names = [name if not name or name in kept else next(others) for name in node.input]
            shared |= {name: kept[name] for name in node.input if name in kept}
        else:
            kernel = step.constants[0]
            bias = step.constants[1] if len(step.constants) > 1 else np.zeros(len(kernel), np.float32)
            numbers = quantised_kernel(kernel, bias, 0, place.scale, largest=_SEVEN_BITS)
            names = [*inputs, stored(f"{step.output}.weight", numbers.kernel, numbers.scales)]
            names.append(stored(f"{step.output}.bias", numbers.bias, numbers.scales * place.scale))
        nodes.append(helper.make_node(step.operator, names, [step.output], name=step.output, **step.attributes))
    body = helper.make_graph(
        nodes, model.graph.name, model.graph.input, model.graph.output, [*constants, *shared.values()]
    )
    result = helper.make_model(body, opset_imports=model.opset_import, producer_name=model.producer_name)
    result.ir_version = model.ir_version
    return result


def _measured(model: onnx.ModelProto, names: list[str], crops: Array) -> dict[str, tuple[float, float]]:
    """Lowest and highest number of each value over all crops, without the outermost :data:`_TAIL`."""
    from ...runtime.sessions import open_session

    known = shapes(model)
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, known[name]) for name in names)
    session = open_session(shown.SerializeToString(), threads=None)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for crop in crops:
        for name, value in zip(names, session.run(names, {"crop": crop[None]}), strict=True):
            cut = int(_TAIL * value.size)
            flat = np.partition(value, (cut, value.size - 1 - cut), axis=None)
            found[name].append((float(flat[cut]), float(flat[-1 - cut])))
    return {name: (min(low for low, _ in ends), max(high for _, high in ends)) for name, ends in found.items()}


def _joined(
    ranges: dict[str, tuple[float, float]], graph: list[Step], chosen: frozenset[str]
) -> dict[str, tuple[float, float]]:
    """The same ranges, made one where a step moves 8-bit numbers without rounding them again: both resize and join."""
    groups = {name: {name} for name in ranges}
    for step in graph:
        if step.operator in ("Resize", "Concat") and step.output in chosen:
            merged = set().union(*(groups[name] for name in (step.output, *step.inputs)))
            groups |= dict.fromkeys(merged, merged)
    return {
        name: (min(ranges[other][0] for other in group), max(ranges[other][1] for other in group))
        for name, group in groups.items()
    }


def _ints(low: float, high: float) -> Ints:
    low, high = min(low, 0.0), max(high, 0.0)  # zero must be a number of its own: convolutions pad with it
    scale = max(high - low, _LEAST_RANGE) / 255
    return Ints(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))
