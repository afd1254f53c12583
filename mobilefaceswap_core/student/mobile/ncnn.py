"""Files for ncnn: the baked graph through pnnx, ncnn's own converter, with blobs named as everywhere here.

Three files: ``NAME.param`` (the layers, as text), ``NAME.bin`` (the numbers) and ``NAME.json`` (what ONNX and LiteRT files keep
inside: the properties, and the SHA-256 of the other two). Input blob ``crop``, ``3 x S x S`` float32 RGB in [0, 1], channel
planes; output blobs ``face`` and ``mask``.
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

from ...errors import BackendError, WeightsError
from ...files.digest import bytes_sha256, file_sha256
from ..exported import read_bounded
from ..identity_graph import LEAST_HALVED
from .baked import OUTPUTS

_BLOBS = {"in0": "crop", **{f"out{i}": name for i, name in enumerate(OUTPUTS)}}  # pnnx's names and ours
# Before each kernel in a .bin file: what it is stored in. Source: ncnn `ModelBinFromDataReader::load`.
_IN_32_BITS, _IN_16_BITS = struct.pack("<I", 0), struct.pack("<I", 0x01306B47)
_SIZE, _HAS_BIAS, _CHANNELS = "6", "5", "0"  # parameters of convolutions in a .param file
_TIMEOUT_S = 600  # it takes a second; under a debugger or a translator of processors much longer


def ncnn_files(model: onnx.ModelProto, properties: Mapping[str, str], *, half: bool) -> tuple[bytes, bytes, bytes]:
    """Content of the three files, ``.param``, ``.bin`` and ``.json``.

    Args:
        model: of :func:`~.baked.baked_graph`.
        properties: kept in the JSON file.
        half: store the kernels in 16 bits.

    Raises:
        BackendError: pnnx could not convert the graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        onnx.save(model, place / "net.onnx")
        said = _run_pnnx(place)
        param, numbers = place / "net.ncnn.param", place / "net.ncnn.bin"
        if not (param.is_file() and numbers.is_file()):
            raise BackendError(f"pnnx wrote no network: {said[-300:]} Try another version of pnnx.")
        layers, weights = _renamed(param.read_text(encoding="ascii")).encode(), numbers.read_bytes()
    if half:
        weights = _halved(layers.decode(), weights)
    about = dict(properties) | {"param_sha256": bytes_sha256(layers), "bin_sha256": bytes_sha256(weights)}
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
        if not kind.startswith("Convolution"):
            continue
        known = dict(word.split("=", 1) for word in words if "=" in word)
        size, channels = int(known[_SIZE]), int(known[_CHANNELS]) * int(known.get(_HAS_BIAS, 0))
        tag, kernel = numbers[place : place + 4], numbers[place + 4 : place + 4 + 4 * size]
        if tag != _IN_32_BITS or len(kernel) != 4 * size:
            raise BackendError(f"pnnx wrote a kernel of {known} in another form. Try another version of pnnx.")
        place += 4 + 4 * size
        if size >= LEAST_HALVED:  # an even number of values, so that the next part begins at a whole word
            tag, kernel = _IN_16_BITS, np.frombuffer(kernel, "<f4").astype("<f2").tobytes()
        parts += [tag, kernel, numbers[place : place + 4 * channels]]
        place += 4 * channels
    if place != len(numbers):
        raise BackendError(f"pnnx wrote {len(numbers)} bytes of kernels, wanted {place}. Try another version of pnnx.")
    return b"".join(parts)


def _renamed(param: str) -> str:
    """The layers with our names for input and outputs; a blob's name is a word of its own."""
    magic, counts, *layers = param.splitlines()
    lines = [" ".join(_BLOBS.get(word, word) for word in line.split()) for line in layers]
    return "\n".join([magic, counts, *lines]) + "\n"
