"""Methods in ONNX files: the same files as ``--model``, read by the same resolver."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from eval.images import ImageReader, read_image, write_png
from eval.methods import load_method
from eval.options import RunOptions
from eval.run import judge_stage, prepare, render, swap_stage
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.models import load_swapper
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.student.export import export_baked
from mobilefaceswap_core.types import AlignedFace, CropSpec


def test_the_noise_floor_moves_every_judge_on_a_photo_that_is_a_jpeg_already(astronaut) -> None:
    """A JPEG alone finds its own blocks again and changes next to nothing."""
    from eval.face_region import find_faces, largest_face
    from eval.judges import DEFAULT_JUDGES, load_judges
    from eval.methods import shifted_jpeg

    def jpeg(image):
        return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR)

    photo = jpeg(np.ascontiguousarray(astronaut[:256, 96:352]))
    again, floor = jpeg(photo), shifted_jpeg(photo)
    face = largest_face(find_faces(load_detector("dlib"), photo))
    assert (
        floor.shape == photo.shape
        and np.abs(floor.astype(int) - photo).mean() > 3 * np.abs(again.astype(int) - photo).mean()
    )
    moved = largest_face(find_faces(load_detector("dlib"), floor))
    for judge in load_judges(DEFAULT_JUDGES):
        assert np.linalg.norm(judge.measure(floor, moved) - judge.measure(photo, face)) > 0.01, judge.info.name


def test_a_network_is_evaluated_in_float32_on_every_processor(monkeypatch) -> None:
    from mobilefaceswap_core.teachers import embedding_swapper

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert embedding_swapper.resolve_precision("auto", "cpu") is torch.bfloat16
    method = load_method("teacher", detector="lite", device="cpu", aligned=None, base=Path())
    assert method._pipeline.swapper._dtype is torch.float32


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    student = load_swapper("student", device="cpu", backend="torch")
    path = tmp_path_factory.mktemp("export") / "person.onnx"
    face = AlignedFace(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8), np.eye(2, 3))
    export_baked(student, student.condition([face]), path)
    return path


def test_a_run_compares_our_own_export_and_says_whom_it_swaps_in(exported, tmp_path) -> None:
    options = RunOptions(
        dataset="builtin", detector="lite", judge_detector="lite", pairs=2, judges=("dlib",), methods=(str(exported),)
    )
    run = tmp_path / "run"
    prepare(run, options, resume=False, say=lambda text: None)
    swap_stage(run, options)
    judge_stage(run, options)
    from eval.cost.columns import cost_stage, read_costs

    cost_stage(run, options.methods, "count")
    render(run)
    assert len(list((run / "swapped" / "person").glob("*.png"))) == 2
    rows = {r["metric"]: r for r in csv.DictReader((run / "table.csv").open())}
    assert float(rows["failed"]["mean"]) == 0
    assert "person swaps in the person inside its file" in (run / "table.md").read_text(encoding="utf-8")
    assert read_costs(run / "cost.json")["person"]["multiply-adds (G)"] == pytest.approx(0.3, abs=0.2)


def test_the_image_is_that_of_the_pipeline_with_the_same_file(exported, tmp_path, astronaut) -> None:
    write_png(tmp_path / "target.png", astronaut)
    from eval.pairs import Pair

    pair = Pair(0, "target.png", "target.png", "a", "b")
    method = load_method(str(exported), detector="lite", device="cpu", aligned=None, base=tmp_path)
    made = method.make(pair, ImageReader(tmp_path))
    assert (made != astronaut).any() and made.shape == astronaut.shape
    assert method.info.details["holds_source"] is True
    side = Pipeline.load("student", detector="lite", device="cpu").swapper.info.crop.size_px
    crop = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    write_png(tmp_path / "target.png", crop)
    aligned = load_method(str(exported), detector="lite", device="cpu", aligned=CropSpec(side), base=tmp_path)
    assert aligned.make(pair, ImageReader(tmp_path)).shape == read_image(tmp_path / "target.png").shape
