"""A program for ExecuTorch (``.pte``): the graph as a PyTorch module, exported and handed to XNNPACK, which runs on Arm and x86.

Method ``forward`` reads and gives channel planes in the graph's order; method ``properties`` gives what the file says of itself, as
JSON. What XNNPACK does not take, ExecuTorch's own portable operators compute.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import WeightsError
from .steps import Array, Call, Step, inputs_of, outputs_of, shapes, steps

_PROPERTIES = "properties"  # method of a program
_ENDS = ("inputs", "outputs")  # among what it says: names of what is read and given, in order


def executorch_bytes(model: onnx.ModelProto, properties: Mapping[str, str]) -> bytes:
    """The program.

    Args:
        model: a graph of known sizes.
        properties: what the file says of itself.
    """
    sizes, ends = shapes(model), (inputs_of(model), outputs_of(model))
    about = dict(properties) | {name: json.dumps(values) for name, values in zip(_ENDS, ends, strict=True)}
    trial = tuple(torch.zeros(sizes[name]) for name in ends[0])
    with _quiet():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        with torch.no_grad():
            exported = torch.export.export(_GraphModule(model).eval(), trial)
            lowered = to_edge_transform_and_lower(
                exported, partitioner=[XnnpackPartitioner()], constant_methods={_PROPERTIES: json.dumps(about)}
            )
            return bytes(lowered.to_executorch().buffer)


def executorch_call(data: bytes, path: Path) -> tuple[dict[str, str], Call]:
    """What a program says of itself, and its network; ExecuTorch chooses the number of threads.

    Raises:
        WeightsError: it is no program of ours.
    """
    try:
        with _quiet():
            from executorch.runtime import Runtime

            program = Runtime.get().load_program(data)
            (text,) = program.load_method(_PROPERTIES).execute([])
            properties = {str(key): str(value) for key, value in json.loads(text).items()}
            inputs, outputs = (list(map(str, json.loads(properties[name]))) for name in _ENDS)
            method = program.load_method("forward")
    except Exception as error:  # whatever a damaged file makes the library raise
        raise WeightsError(
            f"{path} is not a program of ExecuTorch made by export ({error}). Export it again."
        ) from error
    return properties, _Method(data, program, method, inputs, outputs)


class _Method:
    """A method of a program as a function. It reads bytes and program as long as it lives, and keeps neither itself."""

    def __init__(self, data: bytes, program: Any, method: Any, inputs: list[str], outputs: list[str]) -> None:
        self._kept = data, program
        self._method, self._inputs, self._outputs = method, inputs, outputs
        self._lock = threading.Lock()

    def __call__(self, given: Mapping[str, Array]) -> dict[str, Array]:
        with self._lock:  # a method has one set of buffers
            found = self._method.execute([torch.from_numpy(np.ascontiguousarray(given[name])) for name in self._inputs])
            return {name: value.numpy().copy() for name, value in zip(self._outputs, found, strict=True)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's notes about what it could not load and what it deprecates."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


class _GraphModule(nn.Module):
    """A graph as a module that can be exported: its constants are buffers, its operators PyTorch's."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self._steps = list(steps(model))
        self._inputs, self._outputs, self._sizes = inputs_of(model), outputs_of(model), shapes(model)
        for number, step in enumerate(self._steps):
            for place, operand in enumerate(step.operands):
                if not isinstance(operand, str) and np.issubdtype(operand.dtype, np.floating):
                    self.register_buffer(f"c{number}_{place}", torch.from_numpy(np.array(operand, np.float32)))

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Tensor] = dict(zip(self._inputs, given, strict=True))
        for number, step in enumerate(self._steps):
            read = [
                values[operand] if isinstance(operand, str) else getattr(self, f"c{number}_{place}", operand)
                for place, operand in enumerate(step.operands)
            ]
            found = _COMPUTED[step.operator](step, read, self._sizes[step.output])
            values.update(zip(step.outputs, found if isinstance(found, tuple) else (found,), strict=True))
        return tuple(values[name] for name in self._outputs)


def _convolution(step: Step, x: list[Any], _: Any) -> Tensor:
    a = step.attributes
    bias = x[2] if len(x) > 2 else None
    pad, dilation = a["pads"][0], a.get("dilations", [1])[0]
    return F.conv2d(x[0], x[1], bias, a["strides"][0], pad, dilation, a.get("group", 1))


def _resized(step: Step, x: list[Any], size: Any) -> Tensor:
    corners = step.attributes["coordinate_transformation_mode"] == b"align_corners"
    return F.interpolate(x[0], size=list(size[2:]), mode="bilinear", align_corners=corners)


def _sliced(step: Step, x: list[Any], _: Any) -> Tensor:
    starts, ends, axes = (np.asarray(values).tolist() for values in step.constants[:3])
    places: list[slice] = [slice(None)] * x[0].ndim
    for start, end, axis in zip(starts, ends, axes, strict=True):
        places[axis] = slice(start, min(end, x[0].shape[axis]))
    return x[0][tuple(places)]  # type: ignore[no-any-return]


# What each operator of the graph is in PyTorch: the step, what it reads, and the size of its result.
_COMPUTED: dict[str, Callable[[Step, list[Any], Any], Any]] = {
    "Conv": _convolution,
    "Resize": _resized,
    "Slice": _sliced,
    "LeakyRelu": lambda step, x, _: F.leaky_relu(x[0], step.attributes["alpha"]),
    "Relu": lambda _, x, __: F.relu(x[0]),
    "PRelu": lambda _, x, __: F.prelu(x[0], x[1].flatten()),
    "Concat": lambda step, x, _: torch.cat(x, step.attributes["axis"]),
    "Mul": lambda _, x, __: x[0] * x[1],
    "Sub": lambda _, x, __: x[0] - x[1],
    "Add": lambda _, x, __: x[0] + x[1],
    "Div": lambda _, x, __: x[0] / x[1],
    "Sigmoid": lambda _, x, __: torch.sigmoid(x[0]),
    "Tanh": lambda _, x, __: torch.tanh(x[0]),
    "Sqrt": lambda _, x, __: torch.sqrt(x[0]),
    "Exp": lambda _, x, __: torch.exp(x[0]),
    "Softmax": lambda step, x, _: torch.softmax(x[0], step.attributes["axis"]),
    "AveragePool": lambda step, x, _: F.avg_pool2d(x[0], step.attributes["kernel_shape"]),
    "Gemm": lambda _, x, __: F.linear(*x),
    "MatMul": lambda _, x, __: x[0] @ x[1],
    "Reshape": lambda _, x, size: x[0].reshape(size),
    "Flatten": lambda _, x, size: x[0].reshape(size),
    "Transpose": lambda step, x, _: x[0].permute(*step.attributes["perm"]),
    "ReduceSum": lambda _, x, __: x[0].sum(1, keepdim=True),
    "ReduceMean": lambda _, x, __: x[0].mean(1, keepdim=True),
    "Split": lambda step, x, _: torch.split(x[0], step.constants[0].tolist()),
    "DepthToSpace": lambda step, x, _: F.pixel_shuffle(x[0], step.attributes["blocksize"]),  # of one channel: one order
}
