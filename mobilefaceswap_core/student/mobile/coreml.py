"""A Core ML package, built operator by operator from a graph.

It runs on Apple's systems alone. Here the operators and constants that the converter left are computed by PyTorch, in 32 bits, and
compared; what Core ML makes of them is for a Mac to say: ``coremltools.models.MLModel(path).predict({"crop": crop})``.

Inputs and outputs are those of the graph, in its order; of the per-frame network input ``crop (1, 3, S, S)`` float32 RGB in [0, 1],
outputs ``face`` and ``mask`` in the same layout.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F

from ...errors import BackendError
from .steps import Array, Call, Step, inputs_of, outputs_of, shapes, steps


def coreml_package(model: onnx.ModelProto, properties: Mapping[str, str], *, half: bool) -> Any:
    """The package, a ``coremltools.models.MLModel`` to be saved.

    Args:
        model: a graph of known sizes with one input.
        properties: become its metadata.
        half: store and compute in 16 bits, as the Neural Engine does.
    """
    (name,), sizes = inputs_of(model), shapes(model)
    with contextlib.redirect_stderr(io.StringIO()):  # bars of progress, and that Core ML itself is not on this system
        import coremltools
        from coremltools.converters.mil.mil import Builder, Function, Program

        target, program = coremltools.target.iOS16, Program()
        with Function({name: Builder.placeholder(shape=sizes[name])}, opset_version=target) as function:
            values = {name: function.inputs[name]}
            for step in steps(model):
                operands = [values[operand] if isinstance(operand, str) else operand for operand in step.operands]
                values[step.output] = _operator(Builder, step, operands, sizes[step.output])
            function.set_outputs([values[output] for output in outputs_of(model)])
        program.add_function("main", function)
        package = coremltools.convert(
            program,
            convert_to="mlprogram",
            compute_precision=coremltools.precision.FLOAT16 if half else coremltools.precision.FLOAT32,
            minimum_deployment_target=target,
            skip_model_load=True,
        )
    package.short_description = f"MobileFaceSwap, {properties['kind']}"
    package.license = properties["licence"]
    package.version = properties["version"]
    for key, value in properties.items():
        package.user_defined_metadata[key] = value
    return package


def coreml_call(package: Any, model: onnx.ModelProto) -> Call:
    """What a package computes: its operators and constants, in PyTorch and in 32 bits.

    Args:
        package: of :func:`coreml_package`.
        model: the graph it was made of.

    Raises:
        BackendError: it has an operator that is not known here, or other ends.
    """
    function = package._mil_program.functions["main"]
    operations = [operation for operation in function.operations if operation.op_type != "const"]
    outputs = [value.name for value in function.outputs]
    unknown = {operation.op_type for operation in operations} - set(_COMPUTED)
    if unknown or sorted(outputs) != sorted(outputs_of(model)) or tuple(function.inputs) != inputs_of(model):
        raise BackendError(
            f"coremltools wrote the operators {sorted(unknown)} between {list(function.inputs)} and {outputs}; wanted those of "
            f"the graph between {list(inputs_of(model))} and {list(outputs_of(model))}. Nothing was written. Try another version "
            "of coremltools."
        )

    def call(given: Mapping[str, Array]) -> dict[str, Array]:
        values = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in given.items()}

        def read(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [read(one) for one in value]
            if value is None or value.val is None:
                return None if value is None else values[value.name]
            known = value.val
            floating = isinstance(known, (np.ndarray, np.floating)) and np.issubdtype(known.dtype, np.floating)
            return torch.from_numpy(np.array(known, np.float32)) if floating else known

        with torch.inference_mode():
            for operation in operations:
                inputs = {name: read(value) for name, value in operation.inputs.items()}
                values[operation.outputs[0].name] = _COMPUTED[operation.op_type](inputs)
        return {name: values[name].numpy() for name in outputs}

    return call


def _padded(i: dict[str, Any]) -> torch.Tensor:
    """What a convolution reads. ``pad`` is that of a custom padding: top, bottom, left, right."""
    pad = [0, 0, 0, 0] if i.get("pad") is None else [int(size) for size in i["pad"]]
    return F.pad(i["x"], (pad[2], pad[3], pad[0], pad[1]))


def _sliced(i: dict[str, Any]) -> torch.Tensor:
    count = len(i["begin"])
    masks = [[False] * count if i.get(name) is None else i[name] for name in ("begin_mask", "end_mask")]
    places = [
        slice(None if from_first else int(begin), None if to_last else int(end))
        for begin, end, from_first, to_last in zip(i["begin"], i["end"], *masks, strict=True)
    ]
    return i["x"][tuple(places)]  # type: ignore[no-any-return]


def _product(i: dict[str, Any]) -> torch.Tensor:
    x = i["x"].transpose(-1, -2) if i.get("transpose_x") else i["x"]
    return x @ (i["y"].transpose(-1, -2) if i.get("transpose_y") else i["y"])  # type: ignore[no-any-return]


# What each operator of Core ML means, from its reference; by the names of its inputs.
_COMPUTED: dict[str, Callable[[dict[str, Any]], torch.Tensor]] = {
    "conv": lambda i: F.conv2d(
        _padded(i), i["weight"], i.get("bias"), stride=[int(stride) for stride in i["strides"]],
        dilation=[int(dilation) for dilation in i["dilations"]], groups=int(i["groups"]),
    ),
    "leaky_relu": lambda i: F.leaky_relu(i["x"], float(i["alpha"])),
    "relu": lambda i: F.relu(i["x"]),
    "prelu": lambda i: F.prelu(i["x"], i["alpha"]),
    "upsample_bilinear": lambda i: F.interpolate(
        i["x"], scale_factor=float(i["scale_factor_width"]), mode="bilinear", align_corners=bool(i["align_corners"])
    ),
    "avg_pool": lambda i: F.avg_pool2d(i["x"], [int(size) for size in i["kernel_sizes"]], [int(s) for s in i["strides"]]),
    "pixel_shuffle": lambda i: F.pixel_shuffle(i["x"], int(i["upscale_factor"])),
    "concat": lambda i: torch.cat(i["values"], int(i["axis"])),
    "slice_by_index": _sliced,
    "reshape": lambda i: i["x"].reshape([int(size) for size in i["shape"]]),
    "transpose": lambda i: i["x"].permute([int(axis) for axis in i["perm"]]),
    "linear": lambda i: F.linear(i["x"], i["weight"], i.get("bias")),
    "matmul": _product,
    "reduce_sum": lambda i: i["x"].sum([int(axis) for axis in i["axes"]], keepdim=bool(i["keep_dims"])),
    "reduce_mean": lambda i: i["x"].mean([int(axis) for axis in i["axes"]], keepdim=bool(i["keep_dims"])),
    "softmax": lambda i: torch.softmax(i["x"], int(i["axis"])),
    "sigmoid": lambda i: torch.sigmoid(i["x"]),
    "tanh": lambda i: torch.tanh(i["x"]),
    "exp": lambda i: torch.exp(i["x"]),
    "sqrt": lambda i: torch.sqrt(i["x"]),
    "mul": lambda i: i["x"] * i["y"],
    "sub": lambda i: i["x"] - i["y"],
    "add": lambda i: i["x"] + i["y"],
    "real_div": lambda i: i["x"] / i["y"],
    "layer_norm": lambda i: F.layer_norm(
        i["x"], [i["x"].shape[-1]], i.get("gamma"), i.get("beta"), float(i["epsilon"])
    ),
    "cast": lambda i: i["x"],
}  # fmt: skip
# Core ML's names of the graph's operators that are one operator there too.
_ONE = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "Sqrt": "sqrt", "Exp": "exp"}
_TWO = {"Mul": "mul", "Sub": "sub", "Add": "add", "Div": "real_div"}
_REDUCED = {"ReduceSum": "reduce_sum", "ReduceMean": "reduce_mean"}


def _operator(builder: Any, step: Step, x: list[Any], size: tuple[int, ...]) -> Any:
    """One operator of the graph in Core ML's.

    Args:
        builder: of coremltools.
        step: the operator.
        x: what it reads: values and constants, in order.
        size: of its result.

    Raises:
        ValueError: none is known.
    """
    attributes, kind = step.attributes, step.operator
    name = step.output if step.output.isidentifier() else "v_" + re.sub(r"\W", "_", step.output)
    if kind == "Conv":
        return _convolution(builder, step, x, name)
    if kind in _ONE:
        return getattr(builder, _ONE[kind])(x=x[0], name=name)
    if kind in _TWO:
        one, other = (np.float32(v) if isinstance(v, np.ndarray) else v for v in x)
        return getattr(builder, _TWO[kind])(x=one, y=other, name=name)
    if kind in _REDUCED:  # over the last axis of a matrix
        return getattr(builder, _REDUCED[kind])(x=x[0], axes=[1], keep_dims=True, name=name)
    if kind == "LeakyRelu":
        return builder.leaky_relu(x=x[0], alpha=np.float32(attributes["alpha"]), name=name)
    if kind == "PRelu":
        return builder.prelu(x=x[0], alpha=x[1].ravel().astype(np.float32), name=name)
    if kind == "Resize":
        corners = attributes["coordinate_transformation_mode"] == b"align_corners"
        scale = {"scale_factor_height": 2.0, "scale_factor_width": 2.0}
        return builder.upsample_bilinear(x=x[0], **scale, align_corners=corners, name=name)
    if kind == "Concat":
        return builder.concat(values=x, axis=attributes["axis"], name=name)
    if kind == "AveragePool":
        sides = attributes["kernel_shape"]
        return builder.avg_pool(x=x[0], kernel_sizes=sides, strides=attributes["strides"], pad_type="valid", name=name)
    if kind == "DepthToSpace":  # of one channel, where both orders are one
        return builder.pixel_shuffle(x=x[0], upscale_factor=attributes["blocksize"], name=name)
    if kind in ("Gemm", "MatMul"):
        weight = np.ascontiguousarray(x[1] if kind == "Gemm" else x[1].T, np.float32)
        more = {"bias": x[2]} if len(x) > 2 else {}
        return builder.linear(x=x[0], weight=weight, name=name, **more)
    if kind in ("Reshape", "Flatten"):
        return builder.reshape(x=x[0], shape=list(size), name=name)
    if kind == "Transpose":
        return builder.transpose(x=x[0], perm=list(attributes["perm"]), name=name)
    if kind == "Softmax":
        return builder.softmax(x=x[0], axis=attributes["axis"], name=name)
    if kind == "Slice":
        return _slice(builder, x, size, name)
    raise ValueError(f"No Core ML operator for {kind} ({step.output}).")


def _convolution(builder: Any, step: Step, x: list[Any], name: str) -> Any:
    attributes = step.attributes
    more = {"bias": x[2]} if len(x) > 2 else {}
    dilation = int(attributes.get("dilations", [1])[0])
    return builder.conv(
        x=x[0],
        weight=x[1],
        strides=[int(stride) for stride in attributes["strides"]],
        pad_type="custom",
        pad=[attributes["pads"][0]] * 4,
        dilations=[dilation] * 2,
        groups=attributes.get("group", 1),
        name=name,
        **more,
    )


def _slice(builder: Any, x: list[Any], size: tuple[int, ...], name: str) -> Any:
    begin = np.zeros(len(size), np.int32)
    begin[np.asarray(x[3])] = x[1]
    return builder.slice_by_index(x=x[0], begin=begin, end=(begin + np.array(size)).astype(np.int32), name=name)
