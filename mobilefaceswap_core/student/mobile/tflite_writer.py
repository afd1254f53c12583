"""The pieces of a LiteRT file: tensors, their contents, operators, and how they are packed together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ..identity_graph import LEAST_HALVED
from .quantise import Ints, Quantisation
from .steps import Shape, Step, inputs_of, outputs_of, shapes

METADATA = "mobilefaceswap"  # name of the buffer that holds the properties
SIGNATURE = "serving_default"  # the one that LiteRT's tools expect
IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # bytes, of each buffer's content; `force_align` of the schema
# The first version of each operator that reads int8, or float16 (DEQUANTIZE); a runtime that is older refuses the file
# instead of misreading it. Source: `tensorflow/lite/tools/versioning/op_version.cc`.
_VERSION = 2
_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "DEQUANTIZE": 3, "QUANTIZE": 1}
Tensor = NDArray[Any]


class TfliteWriter:
    """Collects tensors, buffers and operators of one file.

    Attributes:
        schema: the module that describes the format.
        quantisation: what computes in 8 bits.
        sizes: of all values, in this format's order.
        plain: names of values whose numbers lie as ONNX has them; in all others with four sizes channels stand last.
    """

    def __init__(self, model: onnx.ModelProto, *, half: bool, quantisation: Quantisation | None) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.quantisation = quantisation
        self.plain: set[str] = set()
        self._half = half
        self._known = shapes(model)
        self._buffers: list[Any] = [schema.BufferT()]  # the first one is empty by convention: tensors without content
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._floats: dict[str, int] = {}  # tensors by the graph's names: as they are, and in 8 bits
        self._bytes: dict[str, int] = {}
        self._inputs, self._outputs = inputs_of(model), outputs_of(model)
        for name in self._inputs:
            self._floats[name] = self.tensor(name, self.shape(name), np.float32)

    def finish(self, properties: Mapping[str, str]) -> bytes:
        """The file's bytes."""
        import flatbuffers

        schema = self.schema
        ends = {name: self.as_float(name) for name in (*self._inputs, *self._outputs)}
        maps = {name: schema.TensorMapT(name=name, tensorIndex=index) for name, index in ends.items()}
        inputs, outputs = ([maps[name] for name in names] for names in (self._inputs, self._outputs))
        signature = schema.SignatureDefT(inputs=inputs, outputs=outputs, signatureKey=SIGNATURE)
        about = schema.MetadataT(name=METADATA, buffer=self._buffer(json.dumps(dict(properties)).encode()))
        graph = schema.SubGraphT(
            tensors=self._tensors,
            inputs=[ends[name] for name in self._inputs],
            outputs=[ends[name] for name in self._outputs],
            operators=self._operators,
            name="main",
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
        builder.Finish(content.Pack(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())

    def shape(self, name: str) -> Shape:
        """Sizes of a value in this format's order."""
        known = self._known[name]
        return known if name in self.plain or len(known) != 4 else (known[0], *known[2:], known[1])

    def last(self, name: str) -> bool:
        """Whether channels stand last in a value."""
        return len(self._known[name]) == 4 and name not in self.plain

    def known_shape(self, name: str) -> Shape:
        """Sizes of a value as ONNX has them."""
        return self._known[name]

    def alias(self, name: str, other: str) -> None:
        """Let a name stand for the tensor of another one."""
        self._floats[name] = self.as_float(other)

    def weights(self, name: str, kernel: Tensor) -> int:
        """A kernel in 32 bits, or in 16 with the operator that widens it when the file is loaded."""
        kernel = np.ascontiguousarray(kernel, np.float32)
        if not self._half or kernel.size < LEAST_HALVED:
            return self.constant(f"{name}.weight", kernel)
        stored = self.constant(f"{name}.half", kernel.astype(np.float16))
        widened = self.tensor(f"{name}.weight", kernel.shape, np.float32)
        self.operate("DEQUANTIZE", [stored], [widened], self.schema.DequantizeOptionsT())
        return widened

    def put(self, step: Step, code: str, options: Any, constants: Sequence[int] = (), *, version: int = 1) -> None:
        """An operator whose inputs and result are in 8 bits or not, as the quantisation says."""
        if self.quantisation is None or self.quantisation.of_step(step) is None:
            inputs = [self.as_float(name) for name in step.inputs]
            self.put_of(step, code, options, [*inputs, *constants], version=version)
            return
        inputs = [self._as_bytes(name) for name in step.inputs]
        result = self._bytes[step.output] = self._int8_tensor(step.output)
        self.operate(code, [*inputs, *constants], [result], options, version=version)

    def put_of(self, step: Step, code: str, options: Any, inputs: Sequence[int], *, version: int = 1) -> None:
        """An operator in 32 bits of these tensors; its results get the step's names."""
        results = []
        for name in step.outputs:
            self._floats[name] = self.tensor(name, self.shape(name), np.float32)
            results.append(self._floats[name])
        self.operate(code, list(inputs), results, options, version=version)

    def as_float(self, name: str) -> int:
        """The tensor of a value in 32 bits."""
        if name not in self._floats:
            self._floats[name] = self.tensor(f"{name}.float", self.shape(name), np.float32)
            self.operate("DEQUANTIZE", [self._bytes[name]], [self._floats[name]], self.schema.DequantizeOptionsT())
        return self._floats[name]

    def _as_bytes(self, name: str) -> int:
        if name not in self._bytes:
            self._bytes[name] = self._int8_tensor(name)
            self.operate("QUANTIZE", [self._floats[name]], [self._bytes[name]], self.schema.QuantizeOptionsT())
        return self._bytes[name]

    def _int8_tensor(self, name: str) -> int:
        assert self.quantisation is not None
        ints: Ints = self.quantisation.ints[name]
        return self.tensor(f"{name}.int8", self.shape(name), np.int8, scales=np.array([ints.scale]), zero=ints.zero)

    def operate(self, name: str, inputs: list[int], outputs: list[int], options: Any, *, version: int = 1) -> None:
        """Add an operator of these tensors.

        Args:
            name: as the schema has it.
            version: the first one that knows what the options say, in 32 bits.
        """
        index = self._codes.setdefault(name, len(self._codes))
        self._versions[name] = max(version, self._versions.get(name, 1))
        kind = 0 if options is None else getattr(self.schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._operators.append(
            self.schema.OperatorT(
                opcodeIndex=index, inputs=inputs, outputs=outputs, builtinOptionsType=kind, builtinOptions=options
            )
        )

    def _code(self, name: str) -> Any:
        version = self._versions[name]
        if self.quantisation or (self._half and name == "DEQUANTIZE"):
            version = max(version, _VERSIONS.get(name, _VERSION))
        number = getattr(self.schema.BuiltinOperator, name)
        return self.schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=min(number, 127), version=version)

    def constant(self, name: str, value: Tensor, *, scales: Tensor | None = None, axis: int = 0) -> int:
        """A tensor of known numbers; in 8 bits with the scale of each place along an axis."""
        value = np.ascontiguousarray(value)
        return self.tensor(name, value.shape, value.dtype.type, content=value, scales=scales, axis=axis)

    def tensor(
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
        """A tensor; without content what an operator gives."""
        schema = self.schema
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
        self._buffers.append(_AlignedBuffer(self.schema, data))
        return len(self._buffers) - 1


class _AlignedBuffer:
    """A buffer whose content begins at a multiple of :data:`_ALIGNMENT`; the generated writer of the schema forgets that."""

    def __init__(self, schema: Any, data: bytes) -> None:
        self.schema, self._data = schema, data

    def Pack(self, builder: Any) -> int:  # the name that the schema's code calls
        builder.StartVector(1, len(self._data), _ALIGNMENT)
        head = builder.head = builder.Head() - len(self._data)
        builder.Bytes[head : head + len(self._data)] = self._data
        content = builder.EndVector()
        self.schema.BufferStart(builder)
        self.schema.BufferAddData(builder, content)
        return int(self.schema.BufferEnd(builder))
