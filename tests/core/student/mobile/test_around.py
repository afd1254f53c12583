"""The networks around the per-frame one, and the one whose kernels come from outside: a phone reads a photo by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.blend.paste import paste_back
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import BackendError, OptionError, WeightsError
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.files.images import write_image
from mobilefaceswap_core.models import load_swapper
from mobilefaceswap_core.student.contract import PART_FORMAT
from mobilefaceswap_core.student.export import HALF_TOLERANCE, TOLERANCE
from mobilefaceswap_core.student.mobile import around
from mobilefaceswap_core.student.mobile.around import PARTS, part_named
from mobilefaceswap_core.student.mobile.export import export_part, export_source_outside
from mobilefaceswap_core.student.mobile.formats import FORMATS, check_dynamic, format_named
from mobilefaceswap_core.student.mobile.runners import open_part
from mobilefaceswap_core.student.mobile.vectors import make_part_vectors, write_part_vectors
from mobilefaceswap_core.types import CropSpec

SAMPLES = Path(__file__).parents[4] / "docs" / "how-to" / "phone"
NAMES = [part.name for part in PARTS]
# Every network in LiteRT and each once elsewhere: every operator of every writer.
TRIED = [
    *((name, "tflite", "float16") for name in NAMES),
    *((name, "ncnn", "float16") for name in ("detector", "identity")),
    ("landmarks", "ncnn", "float32"), ("landmarks", "onnx", "float16"), ("occlusion", "ncnn", "float32"),
]  # fmt: skip


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A file by network, format and precision; the test is skipped where the converter is not installed."""
    folder, done = tmp_path_factory.mktemp("around"), {}

    def write(name: str, format: str = "tflite", precision: str = "float16") -> Path:
        entry = format_named(format)
        for module in (*entry.writes, *entry.runs):
            pytest.importorskip(module)
        if (name, format, precision) not in done:
            place = folder / f"{format}-{precision}"
            place.mkdir(exist_ok=True)
            report = export_part(name, place / f"{name}{entry.suffix}", precision=precision)  # type: ignore[arg-type]
            assert report.kind == name and report.max_difference <= {"float32": TOLERANCE}.get(
                precision, HALF_TOLERANCE
            )
            done[name, format, precision] = report.paths[0]
        return done[name, format, precision]

    return write


@pytest.fixture(scope="session")
def outside(student, condition, blue_eyes, tmp_path_factory):
    """A network with its source outside, by format."""
    folder, done = tmp_path_factory.mktemp("outside"), {}

    def write(format: str) -> Path:
        entry = format_named(format)
        for module in (*entry.writes, *entry.runs):
            pytest.importorskip(module)
        if format not in done:
            path = folder / f"network{entry.suffix}"
            report = export_source_outside(
                student, condition, path, weights_path=path.with_suffix(".npz"), blue_eyes=blue_eyes
            )
            assert report.kind == "dynamic" and report.max_difference <= TOLERANCE
            done[format] = path
        return done[format]

    return write


@pytest.mark.parametrize(("name", "format", "precision"), TRIED)
def test_a_part_read_back_sees_in_a_photo_what_ours_sees(name, format, precision, written, astronaut) -> None:
    part, path = part_named(name), written(name, format, precision)
    properties, call = open_part(path, threads=1)
    assert properties["format"] == PART_FORMAT and properties["kind"] == name and properties["precision"] == precision
    assert properties["input"].startswith(f"{part.input}: ") and "swapped" in properties["marking"]
    assert properties["licence"] and properties["weights_sha256"].count(":") >= 1
    vectors = make_part_vectors(part, astronaut, load_detector("lite", device="cpu").detect(astronaut)[0])
    got, rim = call({part.input: vectors[part.input]}), part.rim_px
    for output, value in got.items():
        want = vectors[output]
        apart = np.abs(value - want)
        assert value.shape == want.shape and np.ptp(want) > 0.1
        assert (apart[..., rim:-rim, rim:-rim] if rim else apart).max() <= HALF_TOLERANCE
    with pytest.raises(WeightsError, match=f"is the {name} network"):
        load_swapper(str(path))


def test_vectors_of_a_part_say_what_is_read_and_given(astronaut, tmp_path) -> None:
    part = part_named("detector")
    vectors = make_part_vectors(part, astronaut, load_detector("lite", device="cpu").detect(astronaut)[0])
    files = write_part_vectors(tmp_path / "v", vectors, part)
    assert {file.name for file in files} == {
        "frame.npy", "input_from_frame.npy", "picture.npy", "scores.npy", "boxes.npy", "vectors.json",
    }  # fmt: skip
    best = vectors["scores"][0, :, 1].argmax()
    box = vectors["boxes"][0, best] * [320, 240, 320, 240] / vectors["input_from_frame"][0, 0]
    found = load_detector("lite", device="cpu").detect(astronaut)[0].box
    assert np.abs(box - found).max() < 0.2 * np.ptp(found)


@pytest.mark.parametrize("format", ["tflite", "ncnn"])
def test_kernels_from_the_identity_network_swap_in_a_network_without_a_source(
    format, written, outside, student, condition, face, blue_eyes
) -> None:
    _, identity = open_part(written("identity"), threads=1)
    photos = face.image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    kernels = identity({"photos": photos})["kernels"]
    path = outside(format)
    kept = np.load(path.with_suffix(".npz"))
    assert list(kept) == ["kernels", "blue_eyes"] and np.abs(kept["kernels"] - kernels).max() < 1e-4
    (got,), (want,) = load_swapper(str(path), threads=1).swap([face], []), student.swap([face], [condition])
    assert np.abs(got.image.astype(int) - want.image).max() <= 1 and np.abs(got.mask - want.mask).max() < 1e-3
    assert got.blue_eyes == blue_eyes


def test_a_network_without_its_source_says_what_is_missing(outside, tmp_path) -> None:
    path = outside("tflite")
    other = tmp_path / path.name
    other.write_bytes(path.read_bytes())
    with pytest.raises(WeightsError, match=r"network\.npz is not there"):
        load_swapper(str(other))
    np.savez(other.with_suffix(".npz"), kernels=np.zeros(7, np.float32))
    with pytest.raises(WeightsError, match="does not hold the input"):
        load_swapper(str(other))


def test_the_sample_swaps_from_two_photos_as_the_core_does(
    written, outside, student, condition, astronaut, tmp_path
) -> None:
    cv2 = pytest.importorskip("cv2")
    for path in (*(written(name) for name in NAMES), outside("tflite")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    turned = np.ascontiguousarray(astronaut[:, ::-1])
    write_image(tmp_path / "source.png", astronaut)
    write_image(tmp_path / "target.png", turned)
    names = [tmp_path / name for name in ("source.png", "target.png", "swapped.png")]
    done = subprocess.run(
        [sys.executable, SAMPLES / "whole_litert.py", tmp_path, *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    aligned = align_face(turned, load_detector("lite", device="cpu").detect(turned)[0], CropSpec())
    (swapped,) = student.swap([aligned], [condition])
    want = paste_back(turned, swapped.image, refine_mask(swapped.mask), aligned.crop_from_frame)
    got = cv2.imread(str(names[2]))[:, :, ::-1].astype(int)
    face = np.abs(want.astype(int) - turned).max(-1) > 8
    face[:40] = False  # the sample's label
    assert face.sum() > 1000 and np.abs(got - want)[face].mean() < 4 < np.abs(turned.astype(int) - want)[face].mean()


@pytest.mark.parametrize("name", ["coreml", "executorch"])
def test_a_format_without_kernels_as_inputs_says_why(name, student, condition, tmp_path, monkeypatch) -> None:
    entry = format_named(name)
    with pytest.raises(OptionError, match=rf"{entry.title} has no file with kernels as inputs: .*\.tflite"):
        check_dynamic(entry, "float32")
    with pytest.raises(OptionError, match="from outside in 32 bits"):
        check_dynamic(format_named("tflite"), "float16")
    assert {other.name for other in FORMATS if not other.no_dynamic} == {"onnx", "tflite", "ncnn"}


def test_a_part_that_computes_something_else_is_not_written(tmp_path, monkeypatch) -> None:
    genuine = around._landmarks_graph

    def wrong() -> onnx.ModelProto:
        model = genuine()
        bias = next(t for t in model.graph.initializer if t.name == "output_layer.linear.bias")
        bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.01), bias.name))
        return model

    part = part_named("landmarks")
    monkeypatch.setattr(
        around,
        "PARTS",
        (around.PhonePart(**{**{n: getattr(part, n) for n in part.__dataclass_fields__}, "graph": wrong}),),
    )
    with pytest.raises(BackendError, match="landmarks network differs from ours"):
        export_part("landmarks", tmp_path / "l.onnx")
    with pytest.raises(OptionError, match="what 8 bits do to it"):
        export_part("landmarks", tmp_path / "l.onnx", precision="int8")
    with pytest.raises(OptionError, match="Unknown part 'mouth'"):
        export_part("mouth", tmp_path / "l.onnx")
    assert list(tmp_path.iterdir()) == []


def test_core_ml_packages_of_the_parts_hold_operators_that_are_known(tmp_path) -> None:
    pytest.importorskip("coremltools")
    report = export_part("detector", tmp_path / "d.mlpackage")
    assert report.max_difference <= TOLERANCE and (tmp_path / "d.mlpackage" / "Manifest.json").is_file()
