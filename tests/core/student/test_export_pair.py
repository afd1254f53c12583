"""The two files that swap without Python: photo to kernels, kernels and crop to swapped crop."""

from __future__ import annotations

import gzip
from dataclasses import replace

import numpy as np
import onnx
import pytest

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.runtime.sessions import open_session
from mobilefaceswap_core.student.export import HALF_TOLERANCE, TOLERANCE, export_baked
from mobilefaceswap_core.student.export_pair import SOURCE_FILE, export_pair
from mobilefaceswap_core.student.exported import load_conditioned_onnx
from mobilefaceswap_core.student.graph import source_constants
from mobilefaceswap_core.student.identity_graph import flat_kernels, roughen
from mobilefaceswap_core.student.swapper import Student, load_student
from mobilefaceswap_core.types import AlignedFace


def photos(count: int) -> list[AlignedFace]:
    rng = np.random.default_rng(5)
    return [AlignedFace(rng.integers(0, 256, (224, 224, 3), np.uint8), np.eye(2, 3)) for _ in range(count)]


@pytest.fixture(scope="module")
def student() -> Student:
    return load_student(backend="torch")


@pytest.fixture(scope="module")
def folder(student, tmp_path_factory):
    made = tmp_path_factory.mktemp("pair")
    assert export_pair(student, made).max_difference <= TOLERANCE
    return made


@pytest.mark.parametrize("count", [1, 3])
def test_the_identity_graph_predicts_what_the_student_predicts(count, student, folder) -> None:
    import onnxruntime

    faces = photos(count)
    condition = student.condition(faces)
    batch = np.stack([face.image for face in faces]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    session = onnxruntime.InferenceSession(str(folder / "identity.onnx"), providers=["CPUExecutionProvider"])
    kernels, embedding = session.run(None, {"photos": batch})
    np.testing.assert_allclose(kernels, flat_kernels(condition.weights), atol=1e-5)
    np.testing.assert_allclose(embedding[0], condition.embedding, atol=1e-5)


def test_what_filled_glasses_leave_is_taken_off_by_graph_and_both_students_alike(student, tmp_path) -> None:
    plain = photos(2)
    faces = [plain[0], replace(plain[1], glasses_filled=True)]
    export_pair(student, tmp_path, glasses=True)
    batch = np.stack([face.image for face in faces]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    given = {"photos": batch, "glasses": np.array([0.5], np.float32)}
    kernels = open_session(tmp_path / "identity.onnx").run(["kernels"], given)[0]
    wanted = flat_kernels(student.condition(faces).weights)
    np.testing.assert_allclose(kernels, wanted, atol=1e-5)
    light = load_student(backend="onnxruntime")
    np.testing.assert_allclose(flat_kernels(light.condition(faces).weights), wanted, atol=1e-5)
    assert np.abs(flat_kernels(student.condition(plain).weights) - wanted).max() > 1e-3
    np.testing.assert_array_equal(light.condition(faces).embedding, light.condition(plain).embedding)


def test_the_external_file_holds_every_source_constant_once_in_order(student, folder) -> None:
    condition = student.condition(photos(1))
    model = onnx.load(folder / "student.onnx", load_external_data=False)
    outside = [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    places = [{entry.key: entry.value for entry in tensor.external_data} for tensor in outside]
    wanted = source_constants(condition.weights)
    assert [tensor.name for tensor in outside] == list(wanted)
    ends = np.cumsum([array.nbytes for array in wanted.values()])
    assert [int(p["offset"]) + int(p["length"]) for p in places] == ends.tolist()
    assert {p["location"] for p in places} == {SOURCE_FILE}


def test_in_8_bits_the_identity_graph_is_a_third_smaller_and_swaps_within_two_levels(student, folder) -> None:
    exact = onnx.load(folder / "identity.onnx")
    rough = roughen(exact)
    onnx.checker.check_model(rough)
    sizes = [len(gzip.compress(model.SerializeToString(), 1)) for model in (rough, exact)]
    assert sizes[0] < 0.66 * sizes[1]
    batch = np.stack([face.image for face in photos(1)]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    swapped = []
    for model in (rough, exact):
        (kernels,) = open_session(model.SerializeToString(), threads=1).run(["kernels"], {"photos": batch})
        data = {SOURCE_FILE: np.ascontiguousarray(kernels, "<f4").tobytes()}
        network = open_session((folder / "student.onnx").read_bytes(), threads=1, external=data)
        swapped.append(network.run(["swapped"], {"crop": batch})[0])
    assert 0 < np.abs(swapped[0] - swapped[1]).max() < 2.5 / 255  # two levels once rounded


def test_another_layout_is_refused(student, folder) -> None:
    from mobilefaceswap_core.student.network import MobileFaceSwapNet

    other = Student(MobileFaceSwapNet.official(), student.encoder, student.info, backend="torch")
    with pytest.raises(OptionError, match="another layout"):
        export_pair(other, folder)


def test_constants_in_16_bits_halve_the_file_and_change_less_than_a_level(student, tmp_path) -> None:
    condition = student.condition(photos(1))
    full = export_baked(student, condition, tmp_path / "full.onnx")
    half = export_baked(student, condition, tmp_path / "half.onnx", half=True)
    assert half.paths[0].stat().st_size < 0.56 * full.paths[0].stat().st_size < 1.2e6
    assert full.max_difference < half.max_difference <= HALF_TOLERANCE
    swappers = [load_conditioned_onnx(report.paths[0]) for report in (full, half)]
    one, other = (s.swap(photos(1), [s.condition(())])[0].image.astype(int) for s in swappers)
    assert np.abs(one - other).max() <= 1
