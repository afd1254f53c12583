"""Every phone file computes what PyTorch computes, says what it is, and swaps when it is read back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.errors import BackendError, OptionError, OutputError, SwapError, WeightsError
from mobilefaceswap_core.models import holds_source, load_swapper
from mobilefaceswap_core.student.contract import FORMAT, MARKING_DUTY
from mobilefaceswap_core.student.export import HALF_TOLERANCE, TOLERANCE
from mobilefaceswap_core.student.mobile import baked, formats, ncnn
from mobilefaceswap_core.student.mobile.export import INT8_TOLERANCE, export_as
from mobilefaceswap_core.student.mobile.formats import EXTRA, FORMATS, check_precision, choose_format
from mobilefaceswap_core.types import AlignedFace

RUNNABLE = [
    pytest.param(entry.name, precision, marks=[pytest.mark.slow] if entry.name == "executorch" else [])
    for entry in FORMATS
    if entry.runs
    for precision in entry.precisions
]
LEVELS = {"float32": 1, "float16": 2, "int8": 40}  # of 255, of any pixel of a face


@pytest.mark.parametrize(("name", "precision"), RUNNABLE)
def test_a_file_read_back_swaps_like_the_student_it_was_made_of(
    name, precision, exported, student, condition, face, blue_eyes
) -> None:
    report = exported(name, precision)
    assert all(path.is_file() for path in report.paths)
    if precision == "int8":
        assert report.mean_difference is not None and report.mean_difference <= INT8_TOLERANCE
    else:
        assert report.max_difference <= {"float32": TOLERANCE, "float16": HALF_TOLERANCE}[precision]
    path = str(report.paths[0])
    assert holds_source(path)
    swapper = load_swapper(path, threads=1)
    assert swapper.info.crop == student.info.crop and swapper.info.licence == student.info.licence
    assert swapper.info.weights_sha256 == student.info.weights_sha256 and swapper.info.match_detail
    turned = AlignedFace(np.ascontiguousarray(face.image[:, ::-1]), face.crop_from_frame)
    targets = [face, turned]
    for got, want in zip(
        swapper.swap(targets, [swapper.condition(())]), student.swap(targets, [condition]), strict=True
    ):
        apart = np.abs(got.image.astype(int) - want.image)
        assert apart.max() <= LEVELS[precision] and apart.mean() < 2
        assert got.blue_eyes == blue_eyes
        assert got.mask.shape == want.mask.shape and np.abs(got.mask - want.mask).mean() < 0.01
    with pytest.raises(OptionError, match="already holds its source"):
        swapper.condition([face])


def test_smaller_precisions_make_smaller_files(exported) -> None:
    for name in ("onnx", "tflite"):
        full, half, small = (exported(name, p).paths[0].stat().st_size for p in ("float32", "float16", "int8"))
        assert half < 0.6 * full and small < 0.37 * full and small < 700_000


def test_two_runtimes_agree_about_eight_bits(exported, face) -> None:
    """ONNX Runtime and LiteRT share the numbers and nothing else: each was written and is computed by other code."""
    one, other = (
        load_swapper(str(exported(name, "int8").paths[0]), threads=1).swap([face], [])[0] for name in ("onnx", "tflite")
    )
    assert np.abs(one.image.astype(int) - other.image).mean() < 2.5  # kernels of 7 and 8 bits
    assert np.abs(one.mask - other.mask).mean() < 0.01


@pytest.mark.parametrize("name", ["tflite", "ncnn"])
def test_a_file_states_its_contract_and_the_duty_to_mark(name, exported) -> None:
    report = exported(name)
    if name == "tflite":
        from mobilefaceswap_core.student.mobile.tflite import read_properties

        properties = read_properties(report.paths[0].read_bytes(), report.paths[0])
        assert properties["input"].startswith("crop: (1, S, S, 3)")
    else:
        properties = ncnn.read_properties(report.paths[0])
        assert properties["input"].startswith("crop: (1, 3, S, S)")
    assert properties["format"] == FORMAT and properties["kind"] == "baked"
    assert properties["marking"] == MARKING_DUTY and "IPTC" in MARKING_DUTY


def test_contents_of_a_litert_file_begin_where_processors_can_read_them_at_once(exported) -> None:
    from ai_edge_litert import schema_py_generated as schema

    data = exported("tflite").paths[0].read_bytes()
    model = schema.Model.GetRootAs(data, 0)
    offsets = []
    for number in range(model.BuffersLength()):
        buffer = model.Buffers(number)
        if not buffer.DataIsNone():
            offsets.append(buffer._tab.Vector(buffer._tab.Offset(4)))
    assert len(offsets) > 30 and all(offset % 16 == 0 for offset in offsets)


@pytest.mark.parametrize("name", ["tflite", "ncnn"])
def test_a_network_that_computes_something_else_is_not_written(
    name, student, condition, tmp_path, monkeypatch, exported
) -> None:
    exported(name)  # skips where it cannot be written anyway
    image = np.random.default_rng(9).integers(0, 256, (224, 224, 3), np.uint8)
    other = student.condition([AlignedFace(image, np.eye(2, 3))])
    genuine = baked.idn_graph
    monkeypatch.setattr(baked, "idn_graph", lambda idn, _, **more: genuine(idn, other.weights, **more))
    with pytest.raises(BackendError, match="differs from PyTorch"):
        export_as(student, condition, tmp_path / f"p{formats.format_named(name).suffix}")
    assert list(tmp_path.iterdir()) == []


def test_damaged_and_foreign_litert_files_are_refused(exported, tmp_path) -> None:
    data = exported("tflite").paths[0].read_bytes()
    path = tmp_path / "p.tflite"
    with pytest.raises(WeightsError, match="no file"):
        load_swapper(str(path))
    marked = data.replace(FORMAT.encode(), b"x" * len(FORMAT))
    for content, message in (
        (b"", "not a LiteRT file"),
        (b"\x1c\0\0\0TFL3" + b"\xff" * 64, "not a LiteRT file"),
        (data[: len(data) // 2], "LiteRT"),
        (marked, "not written by this package"),
    ):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=message):
            load_swapper(str(path))


def test_ncnn_files_that_do_not_belong_together_are_refused(exported, tmp_path) -> None:
    report = exported("ncnn")
    for path in report.paths:
        shutil.copy(path, tmp_path / path.name)
    param = tmp_path / report.paths[0].name
    numbers, about = param.with_suffix(".bin"), param.with_suffix(".json")
    data = numbers.read_bytes()
    numbers.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(WeightsError, match=r"\.bin is not the file that"):
        load_swapper(str(param))
    numbers.write_bytes(data)
    known = json.loads(about.read_text())
    about.write_text(json.dumps(known | {"format": "other"}))
    with pytest.raises(WeightsError, match="not written by this package"):
        load_swapper(str(param))
    for stated in ("[]", '{"face": [1e9]}', "{"):
        about.write_text(json.dumps(known | {"outputs": stated}))
        with pytest.raises(WeightsError, match="does not say what the network gives"):
            load_swapper(str(param))
    about.write_text("[1]")
    with pytest.raises(WeightsError, match="does not describe"):
        load_swapper(str(param))
    about.unlink()
    with pytest.raises(WeightsError, match="no file"):
        load_swapper(str(param))


def test_core_ml_is_built_with_every_operator_of_the_graph_and_its_metadata(exported) -> None:
    coremltools = pytest.importorskip("coremltools")
    report = exported("coreml", "float16")
    assert report.max_difference <= HALF_TOLERANCE  # of its operators and constants, computed by PyTorch
    path = str(report.paths[0])
    package = coremltools.models.MLModel(path, skip_model_load=True)
    described = package.get_spec().description
    assert [value.name for value in described.input] == ["crop"]
    assert [value.name for value in described.output] == ["face", "mask"]
    assert list(described.input[0].type.multiArrayType.shape) == [1, 3, 224, 224]
    assert package.user_defined_metadata["marking"] == MARKING_DUTY
    with pytest.raises(OptionError, match="cannot be run here"):
        load_swapper(path)


def test_a_folder_that_is_no_package_is_not_replaced_by_one(student, condition, tmp_path, monkeypatch) -> None:
    from mobilefaceswap_core.student.mobile import coreml, export

    class Package:
        def save(self, path: str) -> None:
            Path(path).mkdir()
            (Path(path) / "Manifest.json").write_text("{}")

    monkeypatch.setattr(formats, "find_spec", lambda module: True)
    monkeypatch.setattr(coreml, "coreml_package", lambda *_, **__: Package())
    monkeypatch.setattr(coreml, "coreml_call", lambda *_: None)
    monkeypatch.setattr(export, "_differences", lambda *_: export.Differences(0.0, None, TOLERANCE))
    out = tmp_path / "me.mlpackage"
    for _ in range(2):  # the second replaces the first
        export_as(student, condition, out)
    (out / "Manifest.json").rename(out / "notes.txt")
    with pytest.raises(OutputError, match="files in it"):
        export_as(student, condition, out)
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("path", "name", "wanted"),
    [
        ("me.onnx", None, "onnx"),
        ("me.TFLITE", None, "tflite"),
        ("me.ncnn.param", "ncnn", "ncnn"),
        ("me.mlpackage", None, "coreml"),
        ("me.tflite", "onnx", "ends in .onnx"),
        ("me.pt", None, "choose one of .onnx"),
        ("me.onnx", "torch", "Unknown format"),
    ],
)
def test_the_extension_says_the_format_and_must_agree_with_it(path, name, wanted) -> None:
    if " " not in wanted:
        assert choose_format(Path(path), name).name == wanted
        return
    with pytest.raises((OptionError, OutputError), match=wanted):
        choose_format(Path(path), name)


def test_what_cannot_be_written_says_what_is_missing_and_how_to_get_it(
    student, condition, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda module: None)
    with pytest.raises(BackendError, match=rf"needs ai_edge_litert.*mobilefaceswap\[{EXTRA}\]"):
        export_as(student, condition, tmp_path / "me.tflite")
    (tmp_path / "me.tflite").write_bytes(b"any")
    with pytest.raises(BackendError, match="To run LiteRT"):
        load_swapper(str(tmp_path / "me.tflite"))
    with pytest.raises(OptionError, match="ncnn files are written in float32, float16, got 'int8'"):
        check_precision(formats.format_named("ncnn"), "int8")
    with pytest.raises(SwapError, match="need faces"):
        export_as(student, condition, tmp_path / "me.onnx", precision="int8")


def test_several_files_of_one_network_are_named_after_the_first() -> None:
    paths = formats.format_named("ncnn").paths(Path("folder/anna.v2.param"))
    assert [path.name for path in paths] == ["anna.v2.param", "anna.v2.bin", "anna.v2.json"]
