"""A Core ML package, built operator by operator from the baked graph.

It runs on Apple's systems alone. Here the operators and constants that the converter left are computed by PyTorch, in 32 bits, and
compared; what Core ML makes of them is for a Mac to say: ``coremltools.models.MLModel(path).predict({"crop": crop})``.

Input ``crop (1, 3, S, S)`` float32 RGB in [0, 1], outputs ``face`` and ``mask`` in the same layout.
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
from numpy.typing import NDArray

from ...errors import BackendError
from ..backends import IdnRunner
from .baked import OUTPUTS, Step, shapes, steps

Array = NDArray[np.float32]
# Core ML's names of the graph's operators that are one operator there too.
_SIMPLE = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Mul": "mul", "Sub": "sub", "Add": "add"}


def coreml_package(model: onnx.ModelProto, properties: Mapping[str, str], *, half: bool) -> Any:
    """The package, a ``coremltools.models.MLModel`` to be saved.

    Args:
        model: of :func:`~.baked.baked_graph`.
        properties: become its metadata.
        half: store and compute in 16 bits, as the Neural Engine does.
    """
    with contextlib.redirect_stderr(io.StringIO()):  # bars of progress, and that Core ML itself is not on this system
        import coremltools
        from coremltools.converters.mil import Builder

        target = coremltools.target.iOS16

        @Builder.program(input_specs=[Builder.TensorSpec(shape=shapes(model)["crop"])], opset_version=target)
        def program(crop: Any) -> Any:
            values = {"crop": crop}
            for step in steps(model):
                values[step.output] = _operator(Builder, step, [values[name] for name in step.inputs])
            return tuple(values[name] for name in OUTPUTS)

        package = coremltools.convert(
            program,
            convert_to="mlprogram",
            compute_precision=coremltools.precision.FLOAT16 if half else coremltools.precision.FLOAT32,
            minimum_deployment_target=target,
            skip_model_load=True,
        )
    package.short_description = "MobileFaceSwap with one source inside"
    package.license = properties["licence"]
    package.version = properties["version"]
    for key, value in properties.items():
        package.user_defined_metadata[key] = value
    return package


def coreml_runner(package: Any) -> IdnRunner:
    """What a package computes, as a function of crops: its operators and constants, in PyTorch and in 32 bits.

    Raises:
        BackendError: it has an operator that the graph has not, or other ends.
    """
    function = package._mil_program.functions["main"]
    operations = [operation for operation in function.operations if operation.op_type != "const"]
    outputs = [value.name for value in function.outputs]
    unknown = {operation.op_type for operation in operations} - set(_COMPUTED)
    if unknown or sorted(outputs) != sorted(OUTPUTS) or list(function.inputs) != ["crop"]:
        raise BackendError(
            f"coremltools wrote the operators {sorted(unknown)} between {list(function.inputs)} and {outputs}; wanted those of "
            "the graph between crop and face, mask. Nothing was written. Try another version of coremltools."
        )

    def run(crops: Array) -> tuple[Array, Array]:
        values = {"crop": torch.from_numpy(crops)}

        def read(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [read(one) for one in value]
            if value is None or value.val is None:
                return None if value is None else values[value.name]
            known = value.val
            floating = isinstance(known, (np.ndarray, np.floating)) and np.issubdtype(known.dtype, np.floating)
            return torch.as_tensor(np.asarray(known, np.float32)) if floating else known

        with torch.inference_mode():
            for operation in operations:
                given = {name: read(value) for name, value in operation.inputs.items()}
                values[operation.outputs[0].name] = _COMPUTED[operation.op_type](given)
        face, mask = (values[name].numpy() for name in OUTPUTS)
        return face, mask

    return run


# What each operator of Core ML means, from its reference; by the names of its inputs.
_COMPUTED: dict[str, Callable[[dict[str, Any]], torch.Tensor]] = {
    "conv": lambda i: F.conv2d(
        F.pad(i["x"], (int(i["pad"][2]), int(i["pad"][3]), int(i["pad"][0]), int(i["pad"][1]))),
        i["weight"], i.get("bias"), stride=[int(stride) for stride in i["strides"]], groups=int(i["groups"]),
    ),
    "leaky_relu": lambda i: F.leaky_relu(i["x"], float(i["alpha"])),
    "upsample_bilinear": lambda i: F.interpolate(
        i["x"], scale_factor=float(i["scale_factor_width"]), mode="bilinear", align_corners=bool(i["align_corners"])
    ),
    "concat": lambda i: torch.cat(i["values"], int(i["axis"])),
    "sigmoid": lambda i: torch.sigmoid(i["x"]),
    "tanh": lambda i: torch.tanh(i["x"]),
    "mul": lambda i: i["x"] * i["y"],
    "sub": lambda i: i["x"] - i["y"],
    "add": lambda i: i["x"] + i["y"],
    "cast": lambda i: i["x"],
}  # fmt: skip


def _operator(builder: Any, step: Step, inputs: list[Any]) -> Any:
    name = re.sub(r"\W", "_", step.output) if step.output not in OUTPUTS else step.output
    if step.operator == "Conv":
        kernel, *bias = step.constants
        padding = step.attributes["pads"][0]
        more = {"bias": bias[0]} if bias else {}
        return builder.conv(
            x=inputs[0],
            weight=kernel,
            strides=[int(stride) for stride in step.attributes["strides"]],
            pad_type="custom",
            pad=[padding] * 4,
            groups=step.attributes["group"],
            name=name,
            **more,
        )
    if step.operator == "LeakyRelu":
        return builder.leaky_relu(x=inputs[0], alpha=np.float32(step.attributes["alpha"]), name=name)
    if step.operator == "Resize":
        return builder.upsample_bilinear(
            x=inputs[0], scale_factor_height=2.0, scale_factor_width=2.0, align_corners=True, name=name
        )
    if step.operator == "Concat":
        return builder.concat(values=inputs, axis=1, name=name)
    if step.operator in ("Mul", "Sub", "Add"):
        operands = [*inputs, *(np.float32(value) for value in step.constants)]
        return getattr(builder, _SIMPLE[step.operator])(x=operands[0], y=operands[1], name=name)
    if step.operator in _SIMPLE:
        return getattr(builder, _SIMPLE[step.operator])(x=inputs[0], name=name)
    raise ValueError(f"No Core ML operator for {step.operator} ({step.output}).")
