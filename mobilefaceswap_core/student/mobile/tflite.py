"""A LiteRT (TensorFlow Lite) file, written operator by operator from the baked graph.

Written and not converted, so that it needs nothing but the schema that comes with the runtime, and channels stand last from
the start: no transposition is left in the file. Convolutions pad as LiteRT's ``SAME`` does, since every one of them has a
padding of one at both sides.

Input ``crop (1, S, S, 3)`` float32 RGB in [0, 1], outputs ``face (1, S, S, 3)`` and ``mask (1, S, S, 1)``, also in the 8-bit
file, where they are quantised inside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ...errors import WeightsError
from ..identity_graph import LEAST_HALVED
from .baked import OUTPUTS, Step, shapes, steps
from .quantise import Ints, Quantisation, quantised_kernel

METADATA = "mobilefaceswap"  # name of the buffer that holds the properties
SIGNATURE = "serving_default"  # the one that LiteRT's tools expect
_IDENTIFIER = b"TFL3"
_MOST_METADATA = 100  # entries that are looked at; a damaged file may claim billions
_ALIGNMENT = 16  # bytes, of each buffer's content; `force_align` of the schema
# The first version of each operator that reads int8, or float16 (DEQUANTIZE); a runtime that is older refuses the file
# instead of misreading it. Source: `tensorflow/lite/tools/versioning/op_version.cc`.
_VERSION = 2
_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "DEQUANTIZE": 3, "QUANTIZE": 1}
Tensor = NDArray[Any]


def tflite_bytes(
    model: onnx.ModelProto,
    properties: Mapping[str, str],
    *,
    half: bool = False,
    quantisation: Quantisation | None = None,
) -> bytes:
    """The file.

    Args:
        model: of :func:`~.baked.baked_graph`.
        properties: kept as JSON in the metadata :data:`METADATA`.
        half: store the large constants in 16 bits; what runs it decides whether it computes with them.
        quantisation: compute in 8 bits where it says so.
    """
    return _Writer(model, half=half, quantisation=quantisation).finish(properties)


def read_properties(data: bytes, path: Path) -> dict[str, str]:
    """What a file says of itself.

    Raises:
        WeightsError: it is no LiteRT file, or says nothing.
    """
    from ai_edge_litert import schema_py_generated as schema

    found: dict[str, str] = {}
    try:
        if data[4:8] != _IDENTIFIER:
            raise ValueError("it does not begin as one")
        model = schema.Model.GetRootAs(data, 0)
        for number in range(min(model.MetadataLength(), _MOST_METADATA)):
            entry = model.Metadata(number)
            if entry.Name() == METADATA.encode():
                found = json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
        return {str(key): str(value) for key, value in found.items()}
    except Exception as error:  # a damaged file makes the reader fail in any way
        raise WeightsError(f"{path} is not a LiteRT file ({error}). Export it again.") from error


class _Writer:
    """Collects tensors, buffers and operators of one file."""

    def __init__(self, model: onnx.ModelProto, *, half: bool, quantisation: Quantisation | None) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._half = half
        self._quantisation = quantisation
        self._shapes = {name: _channels_last(shape) for name, shape in shapes(model).items()}
        self._buffers: list[Any] = [schema.BufferT()]  # the first one is empty by convention: tensors without content
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[str, int] = {}
        self._floats: dict[str, int] = {}  # tensors by the graph's names: as they are, and in 8 bits
        self._bytes: dict[str, int] = {}
        self._floats["crop"] = self._tensor("crop", self._shapes["crop"], np.float32)
        for step in steps(model):
            self._add(step)
        self._outputs = [self._as_float(name) for name in OUTPUTS]

    def finish(self, properties: Mapping[str, str]) -> bytes:
        """The file's bytes."""
        import flatbuffers

        schema = self._schema
        names = {"crop": self._floats["crop"], **dict(zip(OUTPUTS, self._outputs, strict=True))}
        maps = {name: schema.TensorMapT(name=name, tensorIndex=index) for name, index in names.items()}
        signature = schema.SignatureDefT(
            inputs=[maps["crop"]], outputs=[maps[name] for name in OUTPUTS], signatureKey=SIGNATURE
        )
        about = schema.MetadataT(name=METADATA, buffer=self._buffer(json.dumps(dict(properties)).encode()))
        graph = schema.SubGraphT(
            tensors=self._tensors, inputs=[names["crop"]], outputs=self._outputs, operators=self._operators, name="main"
        )
        content = schema.ModelT(
            version=3,
            operatorCodes=[self._code(name) for name in self._codes],
            subgraphs=[graph],
            description="mobilefaceswap",
            buffers=self._buffers,
            metadata=[about],
            signatureDefs=[signature],
        )
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(content.Pack(builder), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())

    def _add(self, step: Step) -> None:
        """One operator of the graph."""
        schema, operator = self._schema, step.operator
        if operator == "Conv":
            self._add_convolution(step)
        elif operator == "LeakyRelu":
            self._put(step, "LEAKY_RELU", schema.LeakyReluOptionsT(alpha=step.attributes["alpha"]))
        elif operator == "Resize":
            size = np.array(self._shapes[step.output][1:3], np.int32)
            self._put(
                step,
                "RESIZE_BILINEAR",
                schema.ResizeBilinearOptionsT(alignCorners=True),
                [self._constant("size", size)],
            )
        elif operator == "Concat":
            self._put(step, "CONCATENATION", schema.ConcatenationOptionsT(axis=3))
        elif operator in ("Sigmoid", "Tanh"):
            self._put(step, {"Sigmoid": "LOGISTIC", "Tanh": "TANH"}[operator], None)
        elif operator in ("Mul", "Sub", "Add"):
            numbers = [self._constant("number", np.asarray(value, np.float32)) for value in step.constants]
            self._put(step, operator.upper(), getattr(schema, f"{operator}OptionsT")(), numbers)
        else:
            raise ValueError(f"No LiteRT operator for {operator} ({step.output}).")

    def _add_convolution(self, step: Step) -> None:
        schema = self._schema
        stride, depthwise = step.attributes["strides"][0], step.depthwise
        options = {"padding": schema.Padding.SAME, "strideW": stride, "strideH": stride}
        if depthwise:
            options["depthMultiplier"] = 1
        kernel = step.constants[0].transpose(
            (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        )  # (1, k, k, C) or (O, k, k, I)
        bias = step.constants[1] if len(step.constants) > 1 else np.zeros(len(step.constants[0]), np.float32)
        place = self._quantisation.of_step(step) if self._quantisation else None
        if place is None:
            constants = [self._weights(step.output, kernel), self._constant(f"{step.output}.bias", bias)]
        else:
            axis = 3 if depthwise else 0
            ints = quantised_kernel(kernel, bias, axis, place.scale)
            constants = [
                self._constant(f"{step.output}.weight", ints.kernel, scales=ints.scales, axis=axis),
                self._constant(f"{step.output}.bias", ints.bias, scales=ints.scales * place.scale),
            ]
        code, kind = ("DEPTHWISE_CONV_2D", "DepthwiseConv2D") if depthwise else ("CONV_2D", "Conv2D")
        self._put(step, code, getattr(schema, f"{kind}OptionsT")(**options), constants)

    def _weights(self, name: str, kernel: Tensor) -> int:
        """A kernel in 32 bits, or in 16 with the operator that widens it when the file is loaded."""
        kernel = np.ascontiguousarray(kernel, np.float32)
        if not self._half or kernel.size < LEAST_HALVED:
            return self._constant(f"{name}.weight", kernel)
        stored = self._constant(f"{name}.half", kernel.astype(np.float16))
        widened = self._tensor(f"{name}.weight", kernel.shape, np.float32)
        self._operate("DEQUANTIZE", [stored], widened, self._schema.DequantizeOptionsT())
        return widened

    def _put(self, step: Step, code: str, options: Any, constants: Sequence[int] = ()) -> None:
        """An operator whose inputs and result are in 8 bits or not, as the quantisation says."""
        if self._quantisation is None or self._quantisation.of_step(step) is None:
            inputs = [self._as_float(name) for name in step.inputs]
            result = self._floats[step.output] = self._tensor(step.output, self._shapes[step.output], np.float32)
        else:
            inputs = [self._as_bytes(name) for name in step.inputs]
            result = self._bytes[step.output] = self._int8_tensor(step.output)
        self._operate(code, [*inputs, *constants], result, options)

    def _as_float(self, name: str) -> int:
        if name not in self._floats:
            self._floats[name] = self._tensor(f"{name}.float", self._shapes[name], np.float32)
            self._operate("DEQUANTIZE", [self._bytes[name]], self._floats[name], self._schema.DequantizeOptionsT())
        return self._floats[name]

    def _as_bytes(self, name: str) -> int:
        if name not in self._bytes:
            self._bytes[name] = self._int8_tensor(name)
            self._operate("QUANTIZE", [self._floats[name]], self._bytes[name], self._schema.QuantizeOptionsT())
        return self._bytes[name]

    def _int8_tensor(self, name: str) -> int:
        assert self._quantisation is not None
        ints: Ints = self._quantisation.ints[name]
        return self._tensor(f"{name}.int8", self._shapes[name], np.int8, scales=np.array([ints.scale]), zero=ints.zero)

    def _operate(self, name: str, inputs: list[int], output: int, options: Any) -> None:
        index = self._codes.setdefault(name, len(self._codes))
        kind = 0 if options is None else getattr(self._schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._operators.append(
            self._schema.OperatorT(
                opcodeIndex=index, inputs=inputs, outputs=[output], builtinOptionsType=kind, builtinOptions=options
            )
        )

    def _code(self, name: str) -> Any:
        version = _VERSIONS.get(name, _VERSION) if self._half or self._quantisation else 1
        number = getattr(self._schema.BuiltinOperator, name)
        return self._schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=min(number, 127), version=version)

    def _constant(self, name: str, value: Tensor, *, scales: Tensor | None = None, axis: int = 0) -> int:
        value = np.ascontiguousarray(value)
        return self._tensor(name, value.shape, value.dtype.type, content=value, scales=scales, axis=axis)

    def _tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: type,
        *,
        content: Tensor | None = None,
        scales: Tensor | None = None,
        zero: int = 0,
        axis: int = 0,
    ) -> int:
        schema = self._schema
        quantisation = None
        if scales is not None:
            zeros = [zero] * len(scales)
            quantisation = schema.QuantizationParametersT(
                scale=np.asarray(scales, np.float32).tolist(), zeroPoint=zeros, quantizedDimension=axis
            )
        types: dict[type, str] = {np.float32: "FLOAT32", np.float16: "FLOAT16", np.int8: "INT8", np.int32: "INT32"}
        self._tensors.append(
            schema.TensorT(
                shape=list(shape),
                type=getattr(schema.TensorType, types[dtype]),
                buffer=0 if content is None else self._buffer(content.tobytes()),
                name=name,
                quantization=quantisation,
                hasRank=True,
            )
        )
        return len(self._tensors) - 1

    def _buffer(self, data: bytes) -> int:
        self._buffers.append(_AlignedBuffer(self._schema, data))
        return len(self._buffers) - 1


class _AlignedBuffer:
    """A buffer whose content begins at a multiple of :data:`_ALIGNMENT`; the generated writer of the schema forgets that."""

    def __init__(self, schema: Any, data: bytes) -> None:
        self._schema, self._data = schema, data

    def Pack(self, builder: Any) -> int:  # the name that the schema's code calls
        builder.StartVector(1, len(self._data), _ALIGNMENT)
        head = builder.head = builder.Head() - len(self._data)
        builder.Bytes[head : head + len(self._data)] = self._data
        content = builder.EndVector()
        self._schema.BufferStart(builder)
        self._schema.BufferAddData(builder, content)
        return int(self._schema.BufferEnd(builder))


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape
