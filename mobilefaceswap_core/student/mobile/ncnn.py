"""Files for ncnn: the baked graph through pnnx, ncnn's own converter, with blobs named as everywhere here.

Three files: ``NAME.param`` (the layers, as text), ``NAME.bin`` (the numbers) and ``NAME.json`` (what ONNX and LiteRT files keep
inside: the properties, the sizes of the outputs, and the SHA-256 of the other two). Of the per-frame network: input blob ``crop``,
``3 x S x S`` float32 RGB in [0, 1], channel planes; output blobs ``face`` and ``mask``.
"""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ...errors import BackendError, WeightsError
from ...files.digest import bytes_sha256, file_sha256
from ..exported import read_bounded
from ..identity_graph import LEAST_HALVED
from .steps import Array, Shape, inputs_of, outputs_of, shapes

# Before each kernel in a .bin file: what it is stored in. Source: ncnn `ModelBinFromDataReader::load`.
_IN_32_BITS, _IN_16_BITS = struct.pack("<I", 0), struct.pack("<I", 0x01306B47)
_CHANNELS = "0"  # parameter of convolutions and matrix products in a .param file
# Parameters whose product counts the numbers, and the one that says whether a bias follows.
_CONVOLUTION, _KERNELS = (("6",), "5"), {"InnerProduct": (("2",), "1"), "Gemm": (("8", "9"), "")}
_SAMPLES = ("12=", "13=")  # of a reshaping: axes of samples
_PLAIN = {"MemoryData": ("0", "1", "2"), "PReLU": ("0",)}  # layers of bare numbers, and the parameters that count them
_MOST_NUMBERS = 1 << 24  # of an output; the largest here has 413,056
_TIMEOUT_S = 600  # it takes a second; under a debugger or a translator of processors much longer


def ncnn_files(model: onnx.ModelProto, properties: Mapping[str, str], *, half: bool) -> tuple[bytes, bytes, bytes]:
    """Content of the three files, ``.param``, ``.bin`` and ``.json``.

    Args:
        model: a graph of known sizes, one crop at a time.
        properties: kept in the JSON file.
        half: store the kernels in 16 bits.

    Raises:
        BackendError: pnnx could not convert the graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        onnx.save(_for_pnnx(model), place / "net.onnx")
        said = _run_pnnx(place)
        param, numbers = place / "net.ncnn.param", place / "net.ncnn.bin"
        if not (param.is_file() and numbers.is_file()):
            raise BackendError(f"pnnx wrote no network: {said[-300:]} Try another version of pnnx.")
        layers = _renamed(param.read_text(encoding="ascii"), inputs_of(model), outputs_of(model)).encode()
        weights = numbers.read_bytes()
    if half:
        weights = _halved(layers.decode(), weights)
    sizes = shapes(model)
    about = dict(properties) | {"outputs": json.dumps({name: sizes[name] for name in outputs_of(model)})}
    about |= {"param_sha256": bytes_sha256(layers), "bin_sha256": bytes_sha256(weights)}
    return layers, weights, (json.dumps(about, indent=1) + "\n").encode()


def read_properties(path: Path) -> dict[str, str]:
    """What the files of a network say of themselves.

    Args:
        path: of the ``.param`` file.

    Raises:
        WeightsError: one of the three is missing, damaged, or not the one that was written with the others.
    """
    beside = path.with_suffix(".json")
    try:
        found = json.loads(read_bounded(beside))
        properties = {str(key): str(value) for key, value in found.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{beside} does not describe a network ({error}). Export it again.") from error
    for suffix in (".param", ".bin"):
        part = path.with_suffix(suffix)
        read_bounded(part)
        if file_sha256(part) != properties.get(f"{suffix[1:]}_sha256"):
            raise WeightsError(
                f"{part} is not the file that {beside.name} describes. Export all three again, together."
            )
    return properties


def stated_outputs(properties: Mapping[str, str], path: Path) -> dict[str, Shape]:
    """Sizes of a network's outputs by name; ncnn itself drops the first one of each.

    Raises:
        WeightsError: the properties do not state them.
    """
    try:
        found = {str(name): tuple(map(int, sizes)) for name, sizes in json.loads(properties["outputs"]).items()}
        if all(0 < np.prod(sizes) <= _MOST_NUMBERS for sizes in found.values()):
            return found
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise WeightsError(f"{path.with_suffix('.json')} does not say what the network gives. Export it again.")


def load_net(path: Path, *, threads: int) -> Any:
    """The network, ready to run in 32 bits; see :func:`read_properties` for what must be checked before.

    Raises:
        WeightsError: ncnn cannot read it.
    """
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, name, False)
    if net.load_param(str(path)) != 0 or net.load_model(str(path.with_suffix(".bin"))) != 0:
        raise WeightsError(f"{path} is not a network that ncnn can load. Export it again.")
    return net


def _run_pnnx(folder: Path) -> str:
    import pnnx

    command = [pnnx.EXEC_PATH, "net.onnx", "fp16=0"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(f"pnnx could not be run ({error}). Install it again with `pip install pnnx`.") from error
    return " ".join((done.stdout + done.stderr).split())


def _halved(param: str, numbers: bytes) -> bytes:
    """The same kernels, the large ones in 16 bits; pnnx would take the small ones too, and with those 3/4 of the error.

    Raises:
        BackendError: the numbers are not laid out as the layers say.
    """
    parts, place = [], 0
    for line in param.splitlines():
        kind, *words = line.split()
        known = dict(word.split("=", 1) for word in words if "=" in word)
        if kind in _PLAIN:  # numbers without a tag before them
            length = 4 * int(np.prod([int(known.get(key, 1)) for key in _PLAIN[kind]]))
            parts.append(numbers[place : place + length])
            place += length
            continue
        if kind not in _KERNELS and not kind.startswith("Convolution"):
            continue
        counts, has_bias = _KERNELS.get(kind, _CONVOLUTION)
        size = int(np.prod([int(known[key]) for key in counts]))
        channels = int(known[_CHANNELS]) * int(known.get(has_bias, 0)) if has_bias else 0
        tag, kernel = numbers[place : place + 4], numbers[place + 4 : place + 4 + 4 * size]
        if tag != _IN_32_BITS or len(kernel) != 4 * size:
            raise BackendError(f"pnnx wrote a kernel of {known} in another form. Try another version of pnnx.")
        place += 4 + 4 * size
        if size >= LEAST_HALVED and size % 2 == 0:  # so that the next part begins at a whole word
            tag, kernel = _IN_16_BITS, np.frombuffer(kernel, "<f4").astype("<f2").tobytes()
        parts += [tag, kernel, numbers[place : place + 4 * channels]]
        place += 4 * channels
    if place != len(numbers):
        raise BackendError(f"pnnx wrote {len(numbers)} bytes of kernels, wanted {place}. Try another version of pnnx.")
    return b"".join(parts)


def _for_pnnx(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without what pnnx or ncnn misreads in matrices; the function stays the same.

    pnnx takes rows for samples and forgets a sum over them: it becomes a product with a column of ones. ncnn lays a row over a
    square matrix as a column: products of a square and a row, and what they are multiplied with, become one constant.
    """
    changed, sizes = onnx.ModelProto(), shapes(model)
    changed.CopyFrom(model)
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    rows: dict[str, tuple[str, Array]] = {}  # products of a square constant with a row: its name, and the square
    kept = []
    for node in changed.graph.node:
        size = sizes.get(node.input[0], ()) if node.op_type == "ReduceSum" else ()
        square = known.get(node.input[0]) if node.op_type == "Mul" else None
        if len(size) == 2 and size[0] > 1:
            ones = _constant(changed, f"{node.output[0]}.ones", np.ones((size[1], 1), np.float32))
            node = helper.make_node("MatMul", [node.input[0], ones], [node.output[0]], name=node.output[0])
        elif (
            square is not None and square.ndim == 2 and sizes[node.input[1]] == (1, len(square)) == (1, square.shape[1])
        ):
            rows[node.output[0]] = node.input[1], square
            continue
        elif node.op_type == "MatMul" and node.input[0] in rows:
            kept += _product_of_row(changed, node, *rows[node.input[0]], known[node.input[1]])
            continue
        kept.append(node)
    kept = [
        onnx.NodeProto.FromString(node.SerializeToString()) for node in kept
    ]  # their own: the graph lets go of its nodes
    del changed.graph.node[:]
    changed.graph.node.extend(kept)
    return changed


def _product_of_row(
    model: onnx.ModelProto, node: onnx.NodeProto, row: str, left: Array, right: Array
) -> list[onnx.NodeProto]:
    """``(left * row) @ right``, with what belongs to each number of the row multiplied beforehand."""
    output = node.output[0]
    joined = np.einsum("or,ri->roi", left, right).reshape(len(right), -1)
    size = numpy_helper.from_array(np.array([len(left), right.shape[1]], np.int64), f"{output}.size")
    model.graph.initializer.append(size)
    return [
        helper.make_node("MatMul", [row, _constant(model, f"{output}.joined", joined)], [f"{output}.flat"]),
        helper.make_node("Reshape", [f"{output}.flat", size.name], [output]),
    ]


def _constant(model: onnx.ModelProto, name: str, value: Array) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
    return name


def _renamed(param: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> str:
    """The layers with our names for what is read and given; a blob's name is a word of its own."""
    names = {f"in{i}": name for i, name in enumerate(inputs)} | {f"out{i}": name for i, name in enumerate(outputs)}
    magic, counts, *layers = param.splitlines()
    lines = [" ".join(names.get(word, word) for word in _unbatched(line.split())) for line in layers]
    return "\n".join([magic, counts, *lines]) + "\n"


def _unbatched(words: list[str]) -> list[str]:
    """A layer without pnnx's guess which axis of a matrix holds samples: there is one sample everywhere."""
    return [word for word in words if words[0] != "Reshape" or not word.startswith(_SAMPLES)]
