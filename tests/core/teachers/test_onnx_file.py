"""An ONNX file is what its graph and metadata say, whatever it is called."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mobilefaceswap_core.errors import ImageError, OptionError, WeightsError
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.models import holds_source, load_swapper
from mobilefaceswap_core.student.export import export_baked, export_dynamic
from mobilefaceswap_core.student.export_pair import export_pair
from mobilefaceswap_core.student.swapper import load_student
from mobilefaceswap_core.teachers import inswapper
from mobilefaceswap_core.types import AlignedFace, CropSpec
from mobilefaceswap_core.weights.load import file_sha256, spec_of

OWN_ENCODER = spec_of("encoder_mobilefacenet").files[0].sha256
SIDE = 64


def write(
    path: Path, *, side: int | str = SIDE, length: int = 512, emap: bool = False, extra: bool = False, **metadata: str
) -> Path:
    """The target, darkened by the embedding's first number: a generator whose result tells which embedding it got."""
    inputs = [
        helper.make_tensor_value_info("target", TensorProto.FLOAT, [1, 3, side, side]),
        helper.make_tensor_value_info("source", TensorProto.FLOAT, [1, length]),
        *([helper.make_tensor_value_info("strength", TensorProto.FLOAT, [1])] if extra else []),
    ]
    nodes = [
        helper.make_node("Slice", ["source", "zero", "one", "one"], ["first"]),
        helper.make_node("Abs", ["first"], ["size"]),
        helper.make_node("Mul", ["target", "size"], ["output"]),
    ]
    constants = [numpy_helper.from_array(np.array([v]), name) for name, v in (("zero", 0), ("one", 1))]
    if emap:
        constants.append(numpy_helper.from_array(np.eye(512, dtype=np.float32), "emap"))
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, side, side])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def face_of(seed: int, side: int = SIDE) -> AlignedFace:
    return AlignedFace(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8), np.eye(2, 3))


@pytest.fixture(scope="module")
def student():
    return load_student(backend="torch")


@pytest.fixture(scope="module")
def condition(student):
    return student.condition([face_of(0, 224)])


@pytest.mark.parametrize("name", ["student.onnx", "inswapper_128.onnx", "encoder_mobilefacenet.onnx"])
def test_a_foreign_file_is_not_run_with_an_embedding_it_was_not_trained_for_whatever_its_name(tmp_path, name) -> None:
    with pytest.raises(WeightsError, match=r"does not say of which recogniser.*encoder_sha256"):
        load_swapper(str(write(tmp_path / name)))


def test_a_foreign_file_that_names_the_encoder_that_ships_gets_its_embedding(tmp_path) -> None:
    path = write(tmp_path / "mine.onnx", side=224, encoder_sha256=OWN_ENCODER)
    swapper = load_swapper(str(path))
    source, target = face_of(0, 224), face_of(1, 224)
    embedding = load_identity_encoder().embed([source.image])[0]
    (crop,) = swapper.swap([target], [swapper.condition([source])])
    assert np.abs(crop.image - target.image * abs(float(embedding[0]))).max() <= 1
    assert crop.mask.min() == 1 and swapper.info.crop == CropSpec(224) and not holds_source(str(path))
    assert swapper.info.weights_sha256 == {"mine.onnx": file_sha256(path)}
    with pytest.raises(ImageError, match="No source photo"):
        swapper.condition([])
    with pytest.raises(OptionError, match="2 conditions for 3 targets"):
        swapper.swap([target] * 3, [swapper.condition([source])] * 2)


def test_a_stated_crop_counts_and_must_fit_the_graph(tmp_path) -> None:
    crop = '{"size_px": 96, "template": "arcface", "fit": "affine"}'
    path = write(tmp_path / "open.onnx", side="side", encoder_sha256=OWN_ENCODER, crop=crop)
    assert load_swapper(str(path)).info.crop == CropSpec(96, "arcface", "affine")
    write(path, encoder_sha256=OWN_ENCODER, crop=crop)
    with pytest.raises(WeightsError, match=r"\(1, 3, 64, 64\), wanted 96 px"):
        load_swapper(str(path))


@pytest.mark.parametrize(
    "crop", ["", "[]", '{"size_px": "x"}', '{"size_px": 1e9}', '{"template": "no"}', '{"fit": "no"}']
)
def test_a_crop_that_nothing_can_cut_out_is_refused(tmp_path, crop) -> None:
    with pytest.raises(WeightsError, match="states the crop"):
        load_swapper(str(write(tmp_path / "a.onnx", encoder_sha256=OWN_ENCODER, crop=crop)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"encoder_sha256": "0" * 64}, "wants the recogniser with the SHA-256 0000"),
        ({"length": 256}, "embeddings of 256 numbers"),
        ({"extra": True}, r"no swapper that is known here: inputs target \(1, 3, 64, 64\).*strength.*Accepted are"),
    ],
)
def test_what_is_not_known_is_refused_with_what_was_found(tmp_path, values, said) -> None:
    with pytest.raises(WeightsError, match=said):
        load_swapper(str(write(tmp_path / "student.onnx", **values)))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
def test_what_is_no_network_is_refused(tmp_path, content) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"not a network|known here"):
        load_swapper(str(tmp_path / "a.onnx"))


def test_inswapper_is_known_by_its_hash_and_runs_with_its_own_recogniser(tmp_path, monkeypatch) -> None:
    path = write(tmp_path / "renamed.onnx", side=128, emap=True)
    file = dataclasses.replace(inswapper.GENERATOR_FILE, sha256=(file_sha256(path),))
    monkeypatch.setattr(inswapper, "GENERATOR_FILE", file)
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="w600k_r50"):  # its recogniser, never ours
        load_swapper(str(path))


@pytest.mark.parametrize("dynamic", [False, True])
def test_an_export_is_known_under_any_name(student, condition, tmp_path, dynamic) -> None:
    path = tmp_path / "inswapper_128.onnx"
    if dynamic:
        export_dynamic(student, condition, path, weights_path=path.with_suffix(".npz"))
    else:
        export_baked(student, condition, path)
    path.with_suffix(".toml").write_text("pairs = 8")  # somebody's options, no contract
    swapper = load_swapper(str(path))
    assert swapper.info.name == "student" and holds_source(str(path))
    properties = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert properties["encoder"] == "encoder_mobilefacenet" and properties["encoder_sha256"] == OWN_ENCODER


def test_half_of_a_pair_is_named_as_such(student, tmp_path) -> None:
    for path in export_pair(student, tmp_path).paths:
        with pytest.raises(WeightsError, match="one of two files of an exported pair"):
            load_swapper(str(path))
        assert not holds_source(str(path))


@pytest.mark.parametrize("key", ["model", "crop", "weights_sha256", "licence"])
def test_an_export_with_damaged_metadata_is_refused(student, condition, tmp_path, key) -> None:
    export_baked(student, condition, tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    properties = {p.key: p.value for p in model.metadata_props if p.key != key}
    del model.metadata_props[:]
    helper.set_model_props(model, properties)
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(WeightsError, match=r"a\.onnx"):
        load_swapper(str(tmp_path / "a.onnx"))


def test_metadata_that_do_not_fit_the_graph_are_refused(student, condition, tmp_path) -> None:
    export_baked(student, condition, tmp_path / "a.onnx")
    properties = {p.key: p.value for p in onnx.load(tmp_path / "a.onnx").metadata_props}
    write(tmp_path / "a.onnx", **properties)
    with pytest.raises(WeightsError, match=r"inputs \['source', 'target'\].*wanted crop"):
        load_swapper(str(tmp_path / "a.onnx"))
