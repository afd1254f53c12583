"""Multiply-adds and parameters of an ONNX file, without running it. Same convention as :mod:`.count`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.files.ordinary import check_ordinary

from .count import Cost

Shape = tuple[int, ...]
_COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# Move or describe values; they compute nothing.
_MOVES = frozenset({
    "Reshape", "Transpose", "Concat", "Split", "Slice", "Gather", "Squeeze", "Unsqueeze", "Flatten", "Identity",
    "Shape", "Constant", "ConstantOfShape", "Pad", "Expand", "Cast", "Dropout", "Tile", "DepthToSpace",
    "SpaceToDepth",
})  # fmt: skip


def count_onnx(model: Any, input_shapes: Mapping[str, Shape] | None = None) -> Cost:
    """Count one run of an ONNX network.

    Args:
        model: path of a file, or a loaded ``onnx.ModelProto``.
        input_shapes: sizes for inputs whose file leaves them open, by input name.

    Raises:
        WeightsError: the file is not ONNX.
        OptionError: a size stays unknown; give it in ``input_shapes``.
    """
    import onnx

    if isinstance(model, (str, Path)):
        check_ordinary(model, error=WeightsError, wanted="an ONNX file")
        try:
            model = onnx.load(str(model))
        except Exception as error:  # protobuf's error types differ between versions
            raise WeightsError(
                f"{model} is not a readable ONNX file ({type(error).__name__}); download it again."
            ) from error
    shapes = _shapes(model, dict(input_shapes or {}))
    by_operator: Counter[str] = Counter()
    uncounted: Counter[str] = Counter()
    for node in model.graph.node:
        out = shapes.get(node.output[0])
        if node.op_type in _COUNTED:
            if out is None:
                raise OptionError(
                    f"the shape of {node.output[0]!r} is unknown; name the sizes of the file's open inputs"
                )
            by_operator[node.op_type] += _multiply_adds(node, shapes)
        elif node.op_type not in _MOVES and out is not None:
            uncounted[node.op_type] += math.prod(out)
    # Every float constant that is not a scalar: what a trained file stores.
    parameters = sum(math.prod(t.dims) for t in model.graph.initializer if t.data_type in (1, 10, 16) and t.dims)
    return Cost(parameters, sum(by_operator.values()), dict(by_operator.most_common()), dict(uncounted.most_common()))


def _multiply_adds(node: Any, shapes: Mapping[str, Shape]) -> int:
    out, weight = shapes[node.output[0]], shapes[node.input[1]]
    if node.op_type == "Conv":  # each value: input channels of its group times the kernel
        return math.prod(out) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":  # each input value reaches the kernel of every output channel of its group
        return math.prod(shapes[node.input[0]]) * math.prod(weight[1:])
    if node.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return math.prod(out) * weight[1 if transposed else 0]
    return math.prod(out) * shapes[node.input[0]][-1]


def _shapes(model: Any, given: dict[str, Shape]) -> dict[str, Shape]:
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for item in fixed.graph.input:
        if item.name in given:
            for dim, size in zip(item.type.tensor_type.shape.dim, given[item.name], strict=True):
                dim.dim_value = size
    for item in fixed.graph.output:  # open sizes there would win over the inferred ones
        item.type.tensor_type.ClearField("shape")
    shapes = _known(onnx.shape_inference.infer_shapes(fixed, data_prop=True))
    if any(node.output[0] not in shapes for node in fixed.graph.node if node.op_type in _COUNTED):
        # onnx does not follow sizes through slices of computed length; ONNX Runtime's symbolic inference does.
        from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

        shapes |= _known(SymbolicShapeInference.infer_shapes(fixed, auto_merge=True))
    return shapes


def _known(model: Any) -> dict[str, Shape]:
    """Shapes without open sizes, by tensor name."""
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for item in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        dims = item.type.tensor_type.shape.dim
        if item.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            shapes[item.name] = tuple(d.dim_value for d in dims)
    return shapes
