"""Exported networks compute what PyTorch computes, and swap when they are read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from mobilefaceswap_core.errors import BackendError, OptionError, OutputError, WeightsError
from mobilefaceswap_core.models import load_swapper
from mobilefaceswap_core.student.contract import BLUE_EYES
from mobilefaceswap_core.student.export import TOLERANCE, export_baked, export_dynamic
from mobilefaceswap_core.student.exported import load_conditioned_onnx
from mobilefaceswap_core.student.swapper import load_student
from mobilefaceswap_core.types import AlignedFace, CropSpec


def face_of(seed: int) -> AlignedFace:
    image = np.random.default_rng(seed).integers(0, 256, (224, 224, 3), np.uint8)
    return AlignedFace(image, np.eye(2, 3))


@pytest.fixture(scope="module")
def student():
    return load_student(backend="torch")


@pytest.fixture(scope="module")
def condition(student):
    return student.condition([face_of(0)])


@pytest.fixture(scope="module")
def wanted(student, condition):
    return student.swap([face_of(1), face_of(2)], [condition])


@pytest.mark.parametrize("dynamic", [False, True])
def test_an_exported_file_read_back_swaps_like_the_student(dynamic, student, condition, wanted, tmp_path) -> None:
    path = tmp_path / "person.onnx"
    if dynamic:
        report = export_dynamic(student, condition, path, weights_path=tmp_path / "person.npz")
    else:
        report = export_baked(student, condition, path)
    assert report.max_difference <= TOLERANCE
    assert all(written.is_file() for written in report.paths)
    swapper = load_swapper(str(path))
    assert swapper.info.crop == CropSpec(224, "arcface", "similarity")
    assert swapper.info.licence == student.info.licence
    got = swapper.swap([face_of(1), face_of(2)], [swapper.condition(())])
    for have, want in zip(got, wanted, strict=True):
        assert np.abs(have.image.astype(int) - want.image).max() <= 1  # a value at .5 may round the other way
        assert np.abs(have.mask - want.mask).max() < 1e-5


def export_and_change(
    dynamic: bool, student, condition, folder: Path, change: Callable[[dict[str, Any]], object]
) -> Path:
    """A file of somebody whose eyes are a quarter blue, where one says so changed by hand."""
    path, beside = folder / "person.onnx", folder / "person.npz"
    if dynamic:
        export_dynamic(student, condition, path, weights_path=beside, blue_eyes=0.25)
        arrays = dict(np.load(beside))
        change(arrays)
        np.savez(beside, **arrays)
        return path
    export_baked(student, condition, path, half=True, blue_eyes=0.25)
    model = onnx.load(path)
    said = {entry.key: entry.value for entry in model.metadata_props}
    change(said)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {key: str(value) for key, value in said.items()})
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    ("change", "wanted"),
    [(dict, 0.25), (lambda said: said.pop(BLUE_EYES), 1.0), (lambda said: said.update({BLUE_EYES: 0}), 0.0)],
    ids=["as written", "of an older version", "not blue"],
)
def test_every_crop_of_an_exported_file_knows_whether_its_persons_eyes_are_blue(
    dynamic, change, wanted, student, condition, tmp_path
) -> None:
    swapper = load_swapper(str(export_and_change(dynamic, student, condition, tmp_path, change)))
    assert [crop.blue_eyes for crop in swapper.swap([face_of(1), face_of(2)], [])] == [wanted, wanted]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("stated", [1.5, -0.1, float("nan"), "blue", ""])
def test_a_file_that_states_no_share_of_blue_is_refused(dynamic, stated, student, condition, tmp_path) -> None:
    path = export_and_change(dynamic, student, condition, tmp_path, lambda said: said.update({BLUE_EYES: stated}))
    with pytest.raises(WeightsError, match=r"states blue_eyes as .*; wanted 0 to 1"):
        load_swapper(str(path))


def test_the_blended_output_is_the_face_and_the_target_weighted_by_the_mask(student, condition, tmp_path) -> None:
    import onnxruntime

    export_baked(student, condition, tmp_path / "p.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "p.onnx"), providers=["CPUExecutionProvider"])
    crop = np.random.default_rng(3).random((1, 3, 224, 224), np.float32)
    swapped, mask, face = session.run(["swapped", "mask", "face"], {"crop": crop})
    assert np.abs(swapped - (face * mask + crop * (1 - mask))).max() < 1e-6


def test_a_graph_that_computes_something_else_is_not_written(student, condition, tmp_path, monkeypatch) -> None:
    other = student.condition([face_of(9)])
    from mobilefaceswap_core.student import graph as onnx_graph

    genuine = onnx_graph.idn_graph
    monkeypatch.setattr(onnx_graph, "idn_graph", lambda idn, _: genuine(idn, other.weights))
    with pytest.raises(BackendError, match="differs from PyTorch"):
        export_baked(student, condition, tmp_path / "p.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_its_source_takes_no_other(student, condition, tmp_path) -> None:
    export_baked(student, condition, tmp_path / "p.onnx")
    swapper = load_conditioned_onnx(tmp_path / "p.onnx")
    with pytest.raises(OptionError, match="already holds its source"):
        swapper.condition([face_of(1)])
    with pytest.raises(OptionError, match="another swapper"):
        swapper.swap([face_of(1)], [condition])


def test_foreign_and_damaged_files_are_refused(student, condition, tmp_path) -> None:
    path = tmp_path / "p.onnx"
    with pytest.raises(WeightsError, match="no file"):
        load_conditioned_onnx(path)
    path.write_bytes(b"not a graph")
    with pytest.raises(WeightsError, match="not a network"):
        load_conditioned_onnx(path)
    export_baked(student, condition, path)
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(WeightsError, match="not written by this package"):
        load_conditioned_onnx(path)


def test_a_dynamic_graph_without_its_inputs_says_what_is_missing(student, condition, tmp_path) -> None:
    export_dynamic(student, condition, tmp_path / "p.onnx")
    with pytest.raises(WeightsError, match=r"p\.npz is not there"):
        load_conditioned_onnx(tmp_path / "p.onnx")
    np.savez(tmp_path / "p.npz", wrong=np.zeros(3, np.float32))
    with pytest.raises(WeightsError, match="does not hold the inputs"):
        load_conditioned_onnx(tmp_path / "p.onnx")
    (tmp_path / "p.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(WeightsError, match="not a readable"):
        load_conditioned_onnx(tmp_path / "p.onnx")


def test_other_extensions_are_refused(student, condition, tmp_path) -> None:
    with pytest.raises(OutputError, match="onnx"):
        export_baked(student, condition, tmp_path / "p.pt")
    with pytest.raises(OutputError, match="npz"):
        export_dynamic(student, condition, tmp_path / "p.onnx", weights_path=tmp_path / "p.bin")
    assert list(tmp_path.iterdir()) == []
