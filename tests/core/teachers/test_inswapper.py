"""inswapper: an ONNX file by its contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.teachers import inswapper
from mobilefaceswap_core.types import AlignedFace, CropSpec

pytestmark = pytest.mark.usefixtures("empty_folder")
EYE = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def write_inswapper(path: Path, *, emap: np.ndarray, side: int = 128) -> None:
    """target * mean(latent ** 2) * 512: with inswapper's inputs and its matrix as the last initialiser."""
    inputs = [
        helper.make_tensor_value_info("target", TensorProto.FLOAT, [1, 3, side, side]),
        helper.make_tensor_value_info("source", TensorProto.FLOAT, [1, 512]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, side, side])]
    nodes = [
        helper.make_node("ReduceSumSquare", ["source"], ["length"], keepdims=0),
        helper.make_node("Mul", ["target", "length"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(emap.astype(np.float32), "emap")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)


def write_recogniser(path: Path) -> None:
    """Sums of pixel products: an embedding that depends on every pixel of the 112 crop."""
    weight = np.random.default_rng(0).normal(size=(3 * 112 * 112, 512)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, 112, 112])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 512])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)


def test_inswapper_runs_an_onnx_file_with_its_contract(tmp_path):
    network, recogniser = tmp_path / "inswapper_128.onnx", tmp_path / "w600k_r50.onnx"
    write_inswapper(network, emap=np.eye(512) * 3)
    write_recogniser(recogniser)
    swapper = inswapper.load(path=network, recogniser_path=recogniser)
    faces = [
        AlignedFace(np.random.default_rng(i).integers(0, 256, (128, 128, 3), dtype=np.uint8), EYE) for i in range(2)
    ]
    crops = swapper.swap(faces, [swapper.condition(faces[:1])])
    for face, crop in zip(faces, crops, strict=True):  # the latent has unit length after the matrix, so the file copies
        np.testing.assert_array_equal(crop.image, face.image)


def test_inswapper_refuses_other_networks(tmp_path):
    recogniser = tmp_path / "w600k_r50.onnx"
    write_recogniser(recogniser)
    other = tmp_path / "other.onnx"
    write_inswapper(other, emap=np.eye(512), side=256)
    with pytest.raises(WeightsError, match="not inswapper_128"):
        inswapper.load(path=other, recogniser_path=recogniser)
    write_inswapper(other, emap=np.eye(4))
    with pytest.raises(WeightsError, match="identity matrix"):
        inswapper.load(path=other, recogniser_path=recogniser)
    other.write_bytes(b"not onnx")
    with pytest.raises(WeightsError, match="is not a network"):
        inswapper.load(path=other, recogniser_path=recogniser)


def test_the_112_crop_lies_inside_the_128_crop():
    inside = template_points(CropSpec(128, "arcface_128")) - [8, 0]
    np.testing.assert_allclose(inside, template_points(CropSpec(112, "arcface")), atol=1e-9)
