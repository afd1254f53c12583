"""Write ``faceres.onnx``, a recogniser that has nothing to do with dlib's, from the npm package ``@vladmandic/human``.

    npm pack @vladmandic/human
    python -m eval.judges.make_faceres vladmandic-human-3.3.6.tgz --out faceres.onnx

The network is a MobileNet that A. Savchenko trained on VGGFace2 (HSE_FaceRec_tf, Apache-2.0); the package (MIT) holds it as a
graph of TensorFlow.js with weights in half precision. Here its layers up to the pooled features become ONNX, as they are: the
heads for age and gender are left out. The file states its licence and how it reads pixels, so ``--judges onnx:faceres.onnx``
is all that a run needs.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.files.atomic import write_bytes

GRAPH, WEIGHTS = "package/models/faceres.json", "package/models/faceres.bin"
DESCRIPTOR = "global_pooling/Mean"  # what the package gives as a face's descriptor, 1,024 numbers
_MOST_BYTES = 64 << 20
_OPSET = 17
# What eval.judges.onnx_file reads from a file: HSE_FaceRec_tf subtracts the means of ImageNet, blue first.
CONTRACT = "size=224&mean=103.939:116.779:123.68&std=1&order=bgr"
LICENCE = "Apache-2.0 (network, HSE_FaceRec_tf), MIT (package @vladmandic/human); trained on VGGFace2"


def convert(graph: dict[str, Any], weights: bytes) -> onnx.ModelProto:
    """The graph up to :data:`DESCRIPTOR` as ONNX.

    Args:
        graph: ``model.json`` of a TensorFlow.js graph model.
        weights: its one file of weights.

    Returns:
        Input ``image`` ``(N, 3, 224, 224)``, output ``descriptor`` ``(N, 1024)``.

    Raises:
        WeightsError: another graph, or weights of another length.
    """
    try:
        nodes = {node["name"]: node for node in graph["modelTopology"]["node"]}
        constants = _constants(graph["weightsManifest"], weights)
        side = int(graph["signature"]["inputs"]["input_1"]["tensorShape"]["dim"][1]["size"])
        made = _Graph(nodes, constants)
        made.add(DESCRIPTOR)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(
            f"This is not the faceres network that is converted here ({type(error).__name__}: {error}); take it from "
            "@vladmandic/human 3.3.6."
        ) from error
    model = helper.make_model(
        helper.make_graph(
            made.made, "faceres",
            [helper.make_tensor_value_info("input_1", TensorProto.FLOAT, ["n", 3, side, side])],
            [helper.make_tensor_value_info(DESCRIPTOR, TensorProto.FLOAT, ["n", made.channels])],
            initializer=[numpy_helper.from_array(value, name) for name, value in made.used.items()],
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="eval.judges.make_faceres", ir_version=8,
    )  # fmt: skip
    title = "MobileNet of HSE_FaceRec_tf (VGGFace2, 1024-d)"
    helper.set_model_props(model, {"title": title, "licence": LICENCE, "contract": CONTRACT})
    onnx.checker.check_model(model)
    return model


def _constants(manifest: list[dict[str, Any]], weights: bytes) -> dict[str, NDArray[Any]]:
    """Weights by name: half precision widened to float32, whole numbers as they are."""
    found, at = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = np.dtype(entry["quantization"]["dtype"] if "quantization" in entry else entry["dtype"])
        if stored not in (np.float16, np.float32, np.int32):
            raise ValueError(f"weights of the kind {stored}")
        size = int(np.prod(entry["shape"])) * stored.itemsize
        values = np.frombuffer(weights[at : at + size], stored.newbyteorder("<")).reshape(entry["shape"])
        found[entry["name"]] = values.astype(entry["dtype"])
        at += size
    if at != len(weights):
        raise ValueError(f"{len(weights)} bytes of weights, wanted {at}")
    return found


class _Graph:
    """ONNX nodes in the order in which they are computed; TensorFlow's channels come last, ONNX's second."""

    def __init__(self, nodes: dict[str, Any], constants: dict[str, NDArray[Any]]) -> None:
        self._nodes, self._constants = nodes, constants
        self.made: list[onnx.NodeProto] = []
        self.used: dict[str, NDArray[np.float32]] = {}
        self.channels = 0
        self._done = {"input_1"}

    def add(self, name: str) -> None:
        """A node and all that it reads."""
        if name in self._done:
            return
        self._done.add(name)
        node = self._nodes[name]
        first, *others = node["input"]
        self.add(first)
        getattr(self, f"_{node['op'].lower()}", self._unknown)(name, node, first, others)

    def _unknown(self, name: str, node: dict[str, Any], first: str, others: list[str]) -> None:
        raise ValueError(f"the operator {node['op']} of {name}")

    def _keep(self, name: str, value: NDArray[Any]) -> str:
        self.used[name] = np.ascontiguousarray(value, np.float32)
        return name

    def _node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> None:
        self.made.append(helper.make_node(kind, inputs, [name], name=name, **attributes))

    def _elementwise(self, name: str, node: dict[str, Any], first: str, others: list[str]) -> None:
        """With a constant for each channel, or one number."""
        value = self._constants[others[0]].reshape(1, -1, 1, 1)
        kind = {"Minimum": "Min", "Maximum": "Max"}.get(node["op"], node["op"])
        self._node(kind, [first, self._keep(others[0], value)], name)

    _add = _mul = _minimum = _maximum = _elementwise

    def _relu(self, name: str, node: dict[str, Any], first: str, others: list[str]) -> None:
        self._node("Relu", [first], name)

    def _conv2d(self, name: str, node: dict[str, Any], first: str, others: list[str]) -> None:
        kernel = self._constants[others[0]].transpose(3, 2, 0, 1)  # height, width, in, out
        self._convolve(name, node, first, others[0], kernel, 1)

    def _depthwiseconv2dnative(self, name: str, node: dict[str, Any], first: str, others: list[str]) -> None:
        kernel = self._constants[others[0]]  # height, width, channels, 1
        self._convolve(name, node, first, others[0], kernel.transpose(2, 3, 0, 1), kernel.shape[2])

    def _convolve(
        self, name: str, node: dict[str, Any], first: str, key: str, kernel: NDArray[Any], groups: int
    ) -> None:
        attributes = node["attr"]
        padding = base64.b64decode(attributes["padding"]["s"]).decode()
        strides = [int(step) for step in attributes["strides"]["list"]["i"][1:3]]
        self.channels = kernel.shape[0]
        self._node(
            "Conv", [first, self._keep(key, kernel)], name, group=groups, strides=strides,
            auto_pad={"SAME": "SAME_UPPER", "VALID": "VALID"}[padding],
        )  # fmt: skip

    def _mean(self, name: str, node: dict[str, Any], first: str, others: list[str]) -> None:
        if self._constants[others[0]].tolist() != [1, 2]:
            raise ValueError(f"{name} is not the mean over the picture")
        self._node("ReduceMean", [first], name, axes=[2, 3], keepdims=0)


def read_package(path: Path) -> tuple[dict[str, Any], bytes]:
    """Graph and weights of the network in what ``npm pack`` wrote.

    Raises:
        WeightsError: no such archive, or one without the network.
    """
    try:
        with tarfile.open(path) as archive:
            parts = [_member(archive, name) for name in (GRAPH, WEIGHTS)]
        return json.load(io.BytesIO(parts[0])), parts[1]
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} does not hold {GRAPH} and {WEIGHTS} ({error}); wanted what `npm pack @vladmandic/human` writes."
        ) from error


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.getmember(name)
    stream = archive.extractfile(member)
    if stream is None or member.size > _MOST_BYTES:
        raise ValueError(f"{name} is no file of at most {_MOST_BYTES} bytes")
    return stream.read()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("package", type=Path, help="the .tgz that npm pack wrote")
    parser.add_argument("--out", type=Path, default=Path("faceres.onnx"))
    given = parser.parse_args()
    write_bytes(given.out, convert(*read_package(given.package)).SerializeToString())
    print(f"{given.out}: judge with --judges dlib,onnx:{given.out}")


if __name__ == "__main__":
    main()
