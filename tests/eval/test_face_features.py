"""Features of the face's crop beside those of the whole picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eval import panel
from eval.features import FACES, REAL, WHOLE, feature_file, read_features, store_features
from eval.images import ImageReader, write_png
from eval.judges.base import JudgeInfo
from eval.metrics.frechet import frechet_distance
from eval.panel import JudgeOptions, Panel
from eval.records import write_json
from eval.summary import summarise
from mobilefaceswap_core import detect
from mobilefaceswap_core.detect import DetectorInfo
from mobilefaceswap_core.types import Face
from tests.fakes.made_runs import made_run
from tests.fakes.pooled_network import pooled_network

RANDOM = np.random.default_rng(0)
FIVE = np.array([[50.0, 50], [70, 50], [60, 62], [52, 74], [68, 74]])


class OneFace:
    """A detector that sees the same face in every picture."""

    info = DetectorInfo("one", "one face", "cpu", "none")

    def detect(self, image, *, order="left_to_right"):
        return [Face(np.array([40.0, 40, 80, 90]), 1.0, FIVE, np.repeat(FIVE, [14, 14, 14, 13, 13], axis=0))]


class MeanColour:
    """A recogniser whose vector is the mean colour."""

    info = JudgeInfo("colour", "recogniser", "mean colour", "1")

    def measure(self, image, face):
        return image.reshape(-1, 3).mean(0)


@pytest.fixture
def look(tmp_path, monkeypatch):
    monkeypatch.setattr(detect, "load_detector", lambda name, device: OneFace())
    monkeypatch.setattr(panel, "load_judges", lambda names, device: [MeanColour()])
    pooled_network(tmp_path / "net.onnx", [8])
    write_png(tmp_path / "t.png", RANDOM.integers(0, 256, (120, 120, 3), np.uint8))

    def made(features: str) -> Panel:
        return Panel(ImageReader(tmp_path), JudgeOptions((), fid_features=features.format(tmp_path)))

    return made


def test_a_changed_background_moves_the_whole_picture_alone_and_a_changed_face_both(look) -> None:
    judges = look("{}/net.onnx")
    assert judges.cards()["face_features"]
    target = judges.target("t.png")
    assert set(target.features) == {WHOLE, FACES} and len(target.features[FACES]) == 8
    background, face = target.image.copy(), target.image.copy()
    background[:, :15] = 0
    face[45:80, 45:75] = 255
    for image, face_moves in ((background, False), (face, True)):
        seen = judges.swapped(image, target).features
        assert seen[WHOLE] != target.features[WHOLE] and (seen[FACES] != target.features[FACES]) == face_moves


def test_embeddings_are_of_faces_anyway(look) -> None:
    judges = look("recogniser")
    assert not judges.cards()["face_features"] and set(judges.target("t.png").features) == {WHOLE}


def test_the_columns_of_faces_stand_beside_the_others_where_a_network_was_named(tmp_path) -> None:
    run = made_run(tmp_path / "run", {"x": {"pose_error@pnp": np.ones(24)}})
    rows = {(name, kind): RANDOM.normal(size=(24, 3)) for name in ("x", REAL) for kind in (WHOLE, FACES)}
    for pair in range(24):
        for name in ("x", REAL):
            store_features(run, name, pair, 24, {kind: rows[name, kind][pair].tolist() for kind in (WHOLE, FACES)})
    assert read_features(feature_file(run, "x", FACES), 23, np.arange(23)) is None, "of another list"
    assert not {"frechet_faces", "kernel_faces"} & {column.key for column in summarise(run).columns}
    judges = json.loads((run / "judges.json").read_text())
    write_json(run / "judges.json", judges | {"face_features": True, "frechet_features": "net.onnx, whole frame"})
    summary = summarise(run)
    for key, kind in (("frechet", WHOLE), ("frechet_faces", FACES)):
        wanted = frechet_distance(rows["x", kind].astype(np.float32), rows[REAL, kind].astype(np.float32))
        assert summary.cell("x", key)["mean"] == pytest.approx(wanted, rel=1e-6)
    assert summary.cell("x", "kernel_faces")["n"] == 24
