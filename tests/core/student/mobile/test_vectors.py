"""Test vectors hold one swap step by step, and the samples that are copied from the guide meet them."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.blend.occlusion import CERTAINLY_HIDDEN, CERTAINLY_VISIBLE
from mobilefaceswap_core.blend.occlusion_graph import RIM_PX
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import OutputError, WeightsError
from mobilefaceswap_core.faces.geometry import crop_from_frame_matrix, template_points
from mobilefaceswap_core.student.mobile.vectors import ARRAYS, INDEX, make_vectors, read_vectors, write_vectors

SAMPLES = Path(__file__).parents[4] / "docs" / "how-to" / "phone"
LIBRARY = os.environ.get("NCNN_HOME", "/usr")  # where `cmake --install` put ncnn's headers and library


@pytest.fixture(scope="session")
def folder(student, condition, astronaut, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("vectors") / "vectors"
    found = load_detector("lite", device="cpu").detect(astronaut)[0]
    write_vectors(place, make_vectors(student, condition, astronaut, found), student)
    return place


def test_vectors_hold_a_swap_step_by_step(folder, student, condition, astronaut) -> None:
    arrays = read_vectors(folder)
    about = json.loads((folder / INDEX).read_text())
    assert list(arrays) == list(ARRAYS) == list(about["arrays"])
    for name, array in arrays.items():
        assert about["arrays"][name]["shape"] == list(array.shape) and about["arrays"][name]["type"] == str(array.dtype)
    assert np.array_equal(arrays["frame"], astronaut)
    assert np.allclose(arrays["crop_from_frame"], crop_from_frame_matrix(arrays["five"], student.info.crop))
    assert np.allclose(about["template"], template_points(student.info.crop))
    assert np.array_equal(arrays["weight"], refine_mask(arrays["mask"]))
    changed = np.abs(arrays["pasted"].astype(int) - arrays["frame"]).max(-1) > 0
    assert changed.any() and not changed[0].any() and not changed[:, 0].any()  # the face, and nothing but the face
    from mobilefaceswap_core.types import AlignedFace

    (crop,) = student.swap([AlignedFace(arrays["crop"], arrays["crop_from_frame"])], [condition])
    assert np.abs(crop.image - arrays["face"].transpose(1, 2, 0) * 255).max() <= 0.51


def test_a_folder_with_other_files_is_left_alone_and_damage_is_told(folder, student, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="files in it"):
        write_vectors(tmp_path, read_vectors(folder), student)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(WeightsError, match="no test vectors"):
        read_vectors(tmp_path)


def test_the_sample_in_python_meets_the_vectors(folder, exported) -> None:
    path = exported("tflite").paths[0]
    done = subprocess.run(
        [sys.executable, SAMPLES / "swap_litert.py", path, folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.count("differs by at most") == 6, done.stdout + done.stderr


@pytest.fixture(scope="session")
def checker(tmp_path_factory) -> Path:
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler (g++)")
    program = tmp_path_factory.mktemp("cpp") / "check_face"
    subprocess.run(
        ["g++", "-O1", "-std=c++17", "-Wall", "-Werror", SAMPLES / "check_face.cpp", "-o", program], check=True
    )
    return program


def test_alignment_and_paste_back_in_cpp_meet_the_vectors(folder, checker) -> None:
    done = subprocess.run([checker, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("differs by at most") == 4, done.stdout + done.stderr


def test_a_wrong_step_in_cpp_is_told(folder, checker, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "moved")
    five = np.load(folder / "five.npy")
    np.save(tmp_path / "moved" / "five.npy", np.add(five, [3.0, 0.0]))
    assert subprocess.run([checker, tmp_path / "moved"], capture_output=True, check=False).returncode == 1


def test_the_sample_with_ncnn_in_cpp_meets_the_vectors(folder, exported, tmp_path) -> None:
    if shutil.which("g++") is None or not Path(LIBRARY, "include", "ncnn", "net.h").is_file():
        pytest.skip("no C++ compiler or no ncnn with headers; NCNN_HOME says where it is")
    program = tmp_path / "swap_ncnn"
    libraries = [f"-L{LIBRARY}/lib", "-lncnn", "-fopenmp"]
    command = ["g++", "-O1", "-std=c++17", SAMPLES / "swap_ncnn.cpp", f"-I{LIBRARY}/include", *libraries, "-o", program]
    subprocess.run(command, check=True)
    for precision in ("float32", "float16"):
        path = exported("ncnn", precision).paths[0]
        done = subprocess.run([program, path, folder], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stdout.count("differs by at most") == 6, done.stdout + done.stderr


def test_the_samples_hold_the_numbers_of_the_core(folder) -> None:
    """Constants are typed out in three languages; each must be that of `vectors.json`."""
    import re

    about = json.loads((folder / INDEX).read_text())
    points = np.array(about["template"]).ravel() * 112 / about["crop"]["size_px"]
    names = {"close": "close", "erode": "erode", "blur": "blur", "border": "border", "border_blur": "borderBlur"}
    for name in ("face.hpp", "FaceSwapper.kt", "FaceSwapper.swift"):
        text = (SAMPLES / name).read_text(encoding="utf-8")
        numbers = [float(number) for number in re.findall(r"\d+\.\d{4,}", text.partition("THRESHOLD")[0])][:10]
        assert np.allclose(numbers, points, atol=1e-4), name
        if name.endswith("swift"):
            found = re.search(r"let \((.*)\) = \((.*)\)", text)
            assert found is not None
            lengths = dict(zip(found[1].split(", "), map(int, found[2].split(", ")), strict=True))
            assert lengths == {names[key]: about["mask"][key] for key in names}
        else:
            lengths = {key: int(re.search(rf"\b{key.upper()} = (\d+)", text)[1]) for key in names}  # type: ignore[index]
            assert lengths == {key: about["mask"][key] for key in names}
        assert float(re.search(r"threshold\w*(?:: Float)? = ([\d.]+)", text, re.I)[1]) == about["mask"]["threshold"]  # type: ignore[index]
    spec = importlib.util.spec_from_file_location("whole_litert", SAMPLES / "whole_litert.py")
    assert spec is not None and spec.loader is not None
    pytest.importorskip("ai_edge_litert")
    whole = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SAMPLES))
    try:
        spec.loader.exec_module(whole)
    finally:
        sys.path.remove(str(SAMPLES))
    assert np.allclose(whole.TEMPLATE, about["template"], atol=1e-3) and about["mask"] == whole.MASK
    assert (whole.VISIBLE, whole.HIDDEN, whole.RIM) == (CERTAINLY_VISIBLE, CERTAINLY_HIDDEN, RIM_PX)
