"""A Core ML package, built operator by operator from the baked graph.

It runs on Apple's systems alone. Here its structure is read back and compared with the graph; that it computes the same is
for a Mac to say: ``coremltools.models.MLModel(path).predict({"crop": crop})``.

Input ``crop (1, 3, S, S)`` float32 RGB in [0, 1], outputs ``face`` and ``mask`` in the same layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ...errors import BackendError
from .baked import OUTPUTS, Step, shapes, steps

# Core ML's names of the graph's operators that are one operator there too.
_SIMPLE = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Mul": "mul", "Sub": "sub", "Add": "add"}


def write_coreml(model: onnx.ModelProto, properties: Mapping[str, str], folder: Path, *, half: bool) -> None:
    """Write the package.

    Args:
        model: of :func:`~.baked.baked_graph`.
        properties: become its metadata.
        folder: the ``.mlpackage`` to be.
        half: store and compute in 16 bits, as the Neural Engine does.

    Raises:
        BackendError: what was written has other operators or constants than the graph.
    """
    import coremltools
    from coremltools.converters.mil import Builder

    side = shapes(model)["crop"]
    target = coremltools.target.iOS16

    @Builder.program(input_specs=[Builder.TensorSpec(shape=side)], opset_version=target)
    def program(crop: Any) -> Any:
        values = {"crop": crop}
        for step in steps(model):
            values[step.output] = _operator(Builder, step, [values[name] for name in step.inputs])
        return tuple(values[name] for name in OUTPUTS)

    precision = coremltools.precision.FLOAT16 if half else coremltools.precision.FLOAT32
    package = coremltools.convert(
        program,
        convert_to="mlprogram",
        compute_precision=precision,
        minimum_deployment_target=target,
        skip_model_load=True,
        # The converter's own simplifications stay, but no constant may be rounded besides what `half` asks for.
    )
    _check(package, model)
    package.short_description = "MobileFaceSwap with one source inside"
    package.license = properties["licence"]
    package.version = properties["version"]
    for key, value in properties.items():
        package.user_defined_metadata[key] = value
    package.save(str(folder))


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


def _check(package: Any, model: onnx.ModelProto) -> None:
    """Raises :class:`BackendError` unless the package convolves as often as the graph, between the same ends."""
    spec = package.get_spec()
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    wanted = sum(step.operator == "Conv" for step in steps(model))
    found = sum(operation.type == "conv" for operation in block.operations)
    ends = [value.name for value in (*spec.description.input, *spec.description.output)]
    if found != wanted or ends != ["crop", *OUTPUTS]:
        raise BackendError(
            f"coremltools wrote {found} convolutions between {', '.join(ends)}; wanted {wanted} between crop, face, mask. "
            "Nothing was written. Try another version of coremltools."
        )
