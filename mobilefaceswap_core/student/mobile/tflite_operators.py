"""What each operator of the graph is in LiteRT: one function an operator, all in one table.

Pictures lie with their channels last there. Where an operator reads them in another order than ONNX's, numbers are moved: before a
picture is flattened, and when a source's kernels come from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantise import quantised_kernel
from .steps import Shape, Step
from .tflite_writer import TfliteWriter

_TO_CHANNELS_LAST, _TO_CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def add_step(writer: TfliteWriter, step: Step) -> None:
    """Add one operator of the graph to a file.

    Raises:
        ValueError: no operator of LiteRT is known for it.
    """
    if step.operator not in _OPERATORS:
        raise ValueError(f"No LiteRT operator for {step.operator} ({step.output}).")
    _OPERATORS[step.operator](writer, step)


def _convolution(writer: TfliteWriter, step: Step) -> None:
    schema, attributes = writer.schema, step.attributes
    source, kernel, *bias = step.operands
    assert isinstance(source, str)
    stride, dilation = attributes["strides"][0], attributes.get("dilations", [1])[0]
    pad, side = attributes["pads"][0], attributes["kernel_shape"][0]
    x_shape, pads = writer.shape(source), "VALID"
    if pad and all(_same(size, side, stride, dilation) == (pad, pad) for size in x_shape[1:3]):
        pads = "SAME"
    options = {"padding": getattr(schema.Padding, pads), "strideW": stride, "strideH": stride}
    options |= {"dilationWFactor": dilation, "dilationHFactor": dilation}
    if step.depthwise:
        options["depthMultiplier"] = 1
    code, kind = ("DEPTHWISE_CONV_2D", "DepthwiseConv2D") if step.depthwise else ("CONV_2D", "Conv2D")
    made = getattr(schema, f"{kind}OptionsT")(**options)
    version = 2 if dilation > 1 else 1
    place = writer.quantisation.of_step(step) if writer.quantisation else None
    if place is not None:
        writer.put(step, code, made, _ints_of(writer, step, place.scale), version=version)
        return
    x = writer.as_float(source)
    if pad and pads == "VALID":
        x = _padded(writer, x, x_shape, pad, step.output)
    channels = writer.known_shape(step.output)[1]
    numbers = bias[0] if bias else np.zeros(channels, np.float32)
    if isinstance(kernel, str):
        weights = _kernel_from_outside(writer, kernel, depthwise=step.depthwise)
    else:
        weights = writer.weights(step.output, kernel.transpose(_kernel_order(step.depthwise)))
    inputs = [x, weights, writer.constant(f"{step.output}.bias", np.asarray(numbers, np.float32))]
    writer.put_of(step, code, made, inputs, version=version)


def _ints_of(writer: TfliteWriter, step: Step, input_scale: float) -> list[int]:
    """Kernel and bias in 8 bits."""
    kernel, *bias = step.constants
    axis = 3 if step.depthwise else 0
    numbers = bias[0] if bias else np.zeros(len(kernel), np.float32)
    ints = quantised_kernel(kernel.transpose(_kernel_order(step.depthwise)), numbers, axis, input_scale)
    return [
        writer.constant(f"{step.output}.weight", ints.kernel, scales=ints.scales, axis=axis),
        writer.constant(f"{step.output}.bias", ints.bias, scales=ints.scales * input_scale),
    ]


def _kernel_order(depthwise: bool) -> tuple[int, ...]:
    return (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)  # (1, k, k, C) or (O, k, k, I)


def _same(size: int, side: int, stride: int, dilation: int) -> tuple[int, int]:
    """What LiteRT's ``SAME`` adds before and after a row of this size."""
    total = max((-(-size // stride) - 1) * stride + dilation * (side - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def _padded(writer: TfliteWriter, x: int, shape: Shape, pad: int, name: str) -> int:
    margins = writer.constant(f"{name}.margins", np.array([[0, 0], [pad, pad], [pad, pad], [0, 0]], np.int32))
    wider = writer.tensor(f"{name}.padded", (shape[0], shape[1] + 2 * pad, shape[2] + 2 * pad, shape[3]), np.float32)
    writer.operate("PAD", [x, margins], [wider], writer.schema.PadOptionsT())
    return wider


def _kernel_from_outside(writer: TfliteWriter, name: str, *, depthwise: bool) -> int:
    """A kernel that another operator gives, ``(O, I, k, k)``, in the order that convolutions read."""
    order = _kernel_order(depthwise)
    return _moved(writer, writer.as_float(name), writer.known_shape(name), order, f"{name}.moved")


def _moved(writer: TfliteWriter, x: int, shape: Shape, order: Sequence[int], name: str) -> int:
    """A transposition; without moving numbers where only axes of one place change theirs."""
    target = tuple(shape[axis] for axis in order)
    moved = writer.tensor(name, target, np.float32)
    wide = [axis for axis in order if shape[axis] > 1]
    if wide == sorted(wide):
        sizes = writer.constant(f"{name}.sizes", np.array(target, np.int32))
        writer.operate("RESHAPE", [x, sizes], [moved], writer.schema.ReshapeOptionsT(newShape=list(target)))
    else:
        permutation = writer.constant(f"{name}.order", np.array(order, np.int32))
        writer.operate("TRANSPOSE", [x, permutation], [moved], writer.schema.TransposeOptionsT())
    return moved


def _as_onnx_has_it(writer: TfliteWriter, name: str) -> int:
    """A value's tensor with its numbers in ONNX's order."""
    if not writer.last(name):
        return writer.as_float(name)
    return _moved(writer, writer.as_float(name), writer.shape(name), _TO_CHANNELS_FIRST, f"{name}.planes")


def _leaky(writer: TfliteWriter, step: Step) -> None:
    writer.put(step, "LEAKY_RELU", writer.schema.LeakyReluOptionsT(alpha=step.attributes["alpha"]))


def _resize(writer: TfliteWriter, step: Step) -> None:
    size = writer.constant("size", np.array(writer.shape(step.output)[1:3], np.int32))
    corners = step.attributes["coordinate_transformation_mode"] == b"align_corners"
    options = writer.schema.ResizeBilinearOptionsT(alignCorners=corners, halfPixelCenters=not corners)
    writer.put(step, "RESIZE_BILINEAR", options, [size], version=1 if corners else 3)


def _concat(writer: TfliteWriter, step: Step) -> None:
    axis = step.attributes["axis"]
    if writer.last(step.inputs[0]):
        axis = {0: 0, 1: 3, 2: 1, 3: 2}[axis]
    else:
        writer.plain.add(step.output)
    writer.put(step, "CONCATENATION", writer.schema.ConcatenationOptionsT(axis=axis))


def _arithmetic(writer: TfliteWriter, step: Step) -> None:
    """Two operands, one of them a constant or none; constants are turned round with the pictures they belong to."""
    last = any(writer.last(name) for name in step.inputs)
    if not last:
        writer.plain.add(step.output)
    tensors = [
        writer.as_float(operand) if isinstance(operand, str) else writer.constant("number", _spread(operand, last))
        for operand in step.operands
    ]
    options = getattr(writer.schema, f"{step.operator}OptionsT")()
    if writer.quantisation is not None and writer.quantisation.of_step(step) is not None:
        writer.put(step, step.operator.upper(), options, [t for t, o in zip(tensors, step.operands, strict=True) if not isinstance(o, str)])  # fmt: skip
        return
    writer.put_of(step, step.operator.upper(), options, tensors)


def _spread(value: NDArray[Any], last: bool) -> NDArray[np.float32]:
    """A constant operand, channels last beside a picture."""
    value = np.asarray(value, np.float32)
    if not last or value.ndim < 3:
        return value
    return np.moveaxis(value, -3, -1)


def _slopes(writer: TfliteWriter, step: Step) -> None:
    slopes = writer.constant(f"{step.output}.slopes", _spread(step.constants[0], True))
    writer.put(step, "PRELU", None, [slopes])


def _pool(writer: TfliteWriter, step: Step) -> None:
    height, width = step.attributes["kernel_shape"]
    options = writer.schema.Pool2DOptionsT(
        padding=writer.schema.Padding.VALID, strideH=height, strideW=width, filterHeight=height, filterWidth=width
    )
    writer.put(step, "AVERAGE_POOL_2D", options)


def _dense(writer: TfliteWriter, step: Step) -> None:
    """A product with a constant matrix: ``Gemm`` holds it transposed, as LiteRT does, ``MatMul`` does not."""
    matrix, *bias = step.constants
    weights = writer.weights(step.output, matrix if step.operator == "Gemm" else matrix.T)
    inputs = [writer.as_float(step.inputs[0]), weights]
    inputs += [writer.constant(f"{step.output}.bias", np.asarray(bias[0], np.float32))] if bias else [-1]
    writer.put_of(step, "FULLY_CONNECTED", writer.schema.FullyConnectedOptionsT(), inputs)


def _reshape(writer: TfliteWriter, step: Step) -> None:
    x = _as_onnx_has_it(writer, step.inputs[0])
    writer.plain.add(step.output)
    target = writer.known_shape(step.output)
    sizes = writer.constant(f"{step.output}.sizes", np.array(target, np.int32))
    writer.put_of(step, "RESHAPE", writer.schema.ReshapeOptionsT(newShape=list(target)), [x, sizes])


def _transpose(writer: TfliteWriter, step: Step) -> None:
    name = step.inputs[0]
    if writer.last(name) and tuple(step.attributes["perm"]) == _TO_CHANNELS_LAST:
        writer.plain.add(step.output)
        writer.alias(step.output, name)
        return
    raise ValueError(f"No LiteRT operator for Transpose {step.attributes['perm']} ({step.output}).")


def _slice(writer: TfliteWriter, step: Step) -> None:
    """Of values in ONNX's order."""
    writer.plain.add(step.output)
    starts, _, axes = step.constants[:3]
    shape = writer.known_shape(step.output)
    begin = np.zeros(len(shape), np.int32)
    begin[axes] = starts
    numbers = [writer.constant("begin", begin), writer.constant("extent", np.array(shape, np.int32))]
    writer.put_of(step, "SLICE", writer.schema.SliceOptionsT(), [writer.as_float(step.inputs[0]), *numbers])


def _split(writer: TfliteWriter, step: Step) -> None:
    """Of a list."""
    counts = writer.constant("counts", np.asarray(step.constants[0], np.int32))
    axis = writer.constant("axis", np.array(0, np.int32))
    options = writer.schema.SplitVOptionsT(numSplits=len(step.outputs))
    writer.put_of(step, "SPLIT_V", options, [writer.as_float(step.inputs[0]), counts, axis])


def _reduced(writer: TfliteWriter, step: Step) -> None:
    """Sums and means over the last axis of a matrix, which stays as one place."""
    axes = writer.constant("axes", np.array([1], np.int32))
    code = {"ReduceSum": "SUM", "ReduceMean": "MEAN"}[step.operator]
    options = writer.schema.ReducerOptionsT(keepDims=True)
    writer.put_of(step, code, options, [writer.as_float(step.inputs[0]), axes])


def _softmax(writer: TfliteWriter, step: Step) -> None:
    writer.plain.add(step.output)
    writer.put(step, "SOFTMAX", writer.schema.SoftmaxOptionsT(beta=1.0))


def _depth_to_space(writer: TfliteWriter, step: Step) -> None:
    block = step.attributes["blocksize"]
    writer.put(step, "DEPTH_TO_SPACE", writer.schema.DepthToSpaceOptionsT(blockSize=block))


def _unary(code: str) -> Callable[[TfliteWriter, Step], None]:
    def add(writer: TfliteWriter, step: Step) -> None:
        if step.inputs[0] in writer.plain:
            writer.plain.add(step.output)
        writer.put(step, code, None)

    return add


_OPERATORS: dict[str, Callable[[TfliteWriter, Step], None]] = {
    "Conv": _convolution,
    "LeakyRelu": _leaky,
    "Resize": _resize,
    "Concat": _concat,
    **dict.fromkeys(("Mul", "Sub", "Add", "Div"), _arithmetic),
    "PRelu": _slopes,
    "AveragePool": _pool,
    **dict.fromkeys(("Gemm", "MatMul"), _dense),
    **dict.fromkeys(("Reshape", "Flatten"), _reshape),
    "Transpose": _transpose,
    "Slice": _slice,
    "Split": _split,
    **dict.fromkeys(("ReduceSum", "ReduceMean"), _reduced),
    "Softmax": _softmax,
    "DepthToSpace": _depth_to_space,
    "Sigmoid": _unary("LOGISTIC"),
    "Tanh": _unary("TANH"),
    "Relu": _unary("RELU"),
    "Sqrt": _unary("SQRT"),
    "Exp": _unary("EXP"),
}
