"""``export``: what it refuses before anything is loaded, and one network written, told about and run from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from mobilefaceswap_core.cli.app import app
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.diagnose.bench import aligned_target
from mobilefaceswap_core.files.images import write_image
from mobilefaceswap_core.models import load_swapper
from mobilefaceswap_core.student.mobile.around import PARTS
from mobilefaceswap_core.student.mobile.formats import FORMATS, FormatName, Precision
from mobilefaceswap_core.student.mobile.vectors import ARRAYS
from tests.fakes.built_page import with_glasses


def run_json(*words: object) -> tuple[int, dict]:
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def photo(astronaut, tmp_path) -> Path:
    write_image(tmp_path / "me.png", astronaut)
    return tmp_path / "me.png"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--out", "me.pt"), 7, "choose one of .onnx"),
        (("--out", "me.onnx", "--format", "tflite"), 7, "ends in .tflite"),
        (("--out", "me.onnx", "--calibrate", "faces"), 2, "--precision int8"),
        (("--out", "me.onnx", "--target", "group.png"), 2, "--vectors"),
        (("--out", "me.onnx", "--dynamic", "--precision", "float16"), 2, "from outside in 32 bits"),
        (("--out", "me.mlpackage", "--dynamic"), 2, "no file with kernels as inputs"),
        (("--out", "d.tflite", "--part", "detector"), 2, "holds nobody"),
        (("--out", "me.onnx", "--weights-out", "me.npz"), 2, "needs --dynamic"),
        (("--out", "me.param", "--precision", "int8"), 2, "float32, float16"),
        (("--out", "me.param", "--source", "me.json"), 2, "one of the inputs"),
        (("--out", "nowhere/me.onnx"), 7, "does not exist"),
        (("--out", "me.onnx", "--vectors", "nowhere/vectors"), 7, "does not exist"),
        (("--out", "me.onnx", "--vectors", "."), 7, "is there already"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_loaded(words, code, said, photo, monkeypatch) -> None:
    monkeypatch.chdir(photo.parent)
    (photo.parent / "me.json").write_bytes(photo.read_bytes())
    monkeypatch.setattr("mobilefaceswap_core.student.mobile.formats.find_spec", lambda module: True)
    monkeypatch.setattr("mobilefaceswap_core.pipeline.Pipeline.load", None)
    got, report = run_json("export", "--source", photo.name, *words, "--i-have-consent")
    assert got == code and said in report["error"]["message"], report
    assert sorted(path.name for path in photo.parent.iterdir()) == ["me.json", "me.png"]


@pytest.mark.parametrize(("out", "more"), [("me.onnx", ()), ("net.onnx", ("--dynamic", "--weights-out", "net.npz"))])
def test_a_file_is_told_how_blue_the_sources_eyes_are(out, more, photo, monkeypatch) -> None:
    monkeypatch.chdir(photo.parent)
    monkeypatch.setattr("mobilefaceswap_core.pipeline.blueness_of_eyes", lambda image, landmarks: 0.75)
    words = ("export", "--source", photo.name, "--out", out, *more, "--detector", "lite", "--i-have-consent")
    code, report = run_json(*words)
    assert code == 0, report
    assert load_swapper(out).swap([aligned_target()], [])[0].blue_eyes == 0.75


def test_what_was_done_about_the_sources_glasses_is_said(astronaut, tmp_path) -> None:
    (face,) = load_detector("lite", device="cpu").detect(astronaut)
    write_image(tmp_path / "me.png", with_glasses(astronaut, face.landmarks))
    words = ("export", "--source", tmp_path / "me.png", "--detector", "lite", "--i-have-consent")
    code, report = run_json(*words, "--out", tmp_path / "me.onnx")
    assert code == 0 and "glasses were left out" in report["notes"][0]


def test_a_network_and_its_vectors_are_written_and_run(photo, tmp_path) -> None:
    pytest.importorskip("ai_edge_litert")
    out, vectors = tmp_path / "me.tflite", tmp_path / "vectors"
    code, report = run_json(
        "export", "--source", photo, "--out", out, "--precision", "int8", "--vectors", vectors, "--target", photo,
        "--detector", "lite", "--i-have-consent",
    )  # fmt: skip
    assert code == 0, report
    assert (report["format"], report["precision"], report["kind"]) == ("tflite", "int8", "baked")
    assert 0 < report["mean_difference"] <= report["tolerance"] < report["max_difference"]
    assert report["files"] == [{"path": str(out), "bytes": out.stat().st_size}]
    assert {Path(path).stem for path in report["vectors"]} == {*ARRAYS, "vectors"}
    code, report = run_json(
        "image",
        "--model",
        out,
        "--target",
        photo,
        "--out",
        tmp_path / "s.png",
        "--detector",
        "lite",
        "--i-have-consent",
    )
    assert code == 0 and report["faces_swapped"] == 1 and report["device"] == "cpu / LiteRT"
    assert "watermark" in report["marks"]


def test_a_part_is_written_with_its_vectors_and_needs_neither_photo_nor_consent(photo, tmp_path) -> None:
    out, vectors = tmp_path / "landmarks.onnx", tmp_path / "vectors"
    words = ("export", "--part", "landmarks", "--out", out)
    code, report = run_json(*words, "--vectors", vectors, "--target", photo, "--detector", "lite")
    assert code == 0, report
    assert report["kind"] == report["model"] == "landmarks" and report["max_difference"] <= report["tolerance"]
    assert {Path(path).name for path in report["vectors"]} >= {"crop.npy", "points.npy", "vectors.json"}
    code, report = run_json("export", "--out", tmp_path / "me.onnx")
    assert code == 2 and "--source PHOTO" in report["error"]["message"]


def test_choices_are_those_of_the_table() -> None:
    from mobilefaceswap_core.cli.export import FormatOption, PartOption, PrecisionOption

    assert set(get_args(get_args(get_args(PartOption)[0])[0])) == {part.name for part in PARTS}

    names = get_args(get_args(FormatOption)[0])[0]
    assert set(get_args(names)) == set(get_args(FormatName)) == {entry.name for entry in FORMATS}
    assert set(get_args(get_args(PrecisionOption)[0])) == set(get_args(Precision))


def test_the_benchmark_of_runtimes_prints_a_row_for_each_and_says_what_is_missing(monkeypatch) -> None:
    from mobilefaceswap_core.diagnose import mobile

    kept = tuple(entry for entry in FORMATS if entry.name in ("onnx", "ncnn"))
    monkeypatch.setattr(mobile, "FORMATS", kept)
    monkeypatch.setattr(
        "mobilefaceswap_core.student.mobile.formats.find_spec", lambda module: None if module == "pnnx" else True
    )
    code, report = run_json("bench", "mobile", "--runs", "1", "--threads", "1")
    assert code == 0 and report["missing"]["ncnn"] == ["pnnx"] and report["threads"] == [1]
    rows = {(row["runtime"].split(" ")[0], row["precision"]): row for row in report["rows"]}
    assert {("ONNX", "float32"), ("ONNX", "float16"), ("ONNX", "int8")} <= rows.keys()
    for row in rows.values():
        assert row["ms"]["1"] > 0 and row["size_bytes"] > 500_000 and 0 <= row["mean_levels"] <= row["largest_levels"]
    assert rows["ONNX", "float32"]["largest_levels"] < 0.1 < rows["ONNX", "int8"]["mean_levels"] < 4
