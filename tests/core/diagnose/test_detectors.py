"""The comparison of detectors: the truth it draws, how it counts, and its command line."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.detect import DetectorInfo, load_detector
from mobilefaceswap_core.diagnose.collages import Crop, collages, landmark_error, match, read_crops
from mobilefaceswap_core.diagnose.detectors import main, measure_crops, measure_photo, photo_files, table
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.types import Face


@pytest.fixture(scope="module")
def crops(astronaut) -> list[Crop]:
    (face,) = load_detector("lite").detect(astronaut)
    return [Crop(astronaut[30:230, 120:330], face.landmarks - [120, 30])] * 3


def face_at(landmarks: np.ndarray) -> Face:
    return Face(np.concatenate([landmarks.min(0), landmarks.max(0)]), 1.0, np.zeros((5, 2)), landmarks)


class Perfect:
    """Answers with the truth it was given, for testing the measurement itself."""

    info = DetectorInfo("perfect", "", "", "")

    def __init__(self, answers):
        self.answers = answers

    def detect(self, image, *, order="left_to_right"):
        return self.answers(image)

    def landmarks(self, image, face):
        return face.landmarks


@pytest.mark.parametrize(("size", "tilt"), [(32, 0), (96, 30), (200, 45), (400, 0)])
def test_pasted_faces_are_where_and_as_large_as_the_truth_says(size, tilt, crops):
    detector = load_detector("lite")
    for canvas, truths, indices in collages(crops, size_px=size, tilt_deg=tilt, blur=0, seed=0):
        assert canvas.shape == (960, 1280, 3) and len(truths) == len(indices)
        faces = detector.detect(canvas)
        found = match(faces, truths)
        assert len(found) == len(truths) == len(faces)
        for place, chosen in found.items():
            eyes_px = np.linalg.norm(truths[place][36:42].mean(0) - truths[place][42:48].mean(0))
            assert landmark_error(faces[chosen].landmarks, truths[place], eyes_px=eyes_px) < 0.06


def test_the_same_seed_draws_the_same_canvases(crops):
    first, second, other = (next(collages(crops, size_px=96, tilt_deg=15, blur=0.03, seed=s))[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_each_detection_counts_for_one_face_only(crops):
    truth = crops[0].landmarks
    far, huge = truth + 500, (truth - truth.mean(0)) * 4 + truth.mean(0)
    assert match([face_at(truth)], [truth, truth + 1]) == {0: 0}
    assert match([face_at(far), face_at(truth)], [truth]) == {0: 1}
    assert match([face_at(far)], [truth]) == match([face_at(huge)], [truth]) == match([], [truth]) == {}


def test_a_detector_that_finds_nothing_and_one_that_invents_faces_are_told_apart(crops):
    blind = measure_crops([Perfect(lambda image: [])], crops, seed=0, sizes_px=[96, 400])
    assert {cell.recall for cell in blind} == {0.0} and {cell.false for cell in blind} == {0}
    assert all(np.isnan(cell.error) for cell in blind)
    corner = face_at(np.random.default_rng(0).uniform(0, 5, (68, 2)))
    inventing = measure_crops([Perfect(lambda image: [corner])], crops, seed=0, sizes_px=[96])
    assert {cell.recall for cell in inventing} == {0.0} and min(cell.false for cell in inventing) >= 1


def test_photos_are_compared_with_the_first_detector(astronaut):
    lite = load_detector("lite")
    (face,) = lite.detect(astronaut)
    shifted = Perfect(lambda image: [face_at(face.landmarks + np.array([3.0, 4.0]))])
    rows = measure_photo([lite, shifted], "photo", astronaut)
    assert [row["faces"] for row in rows] == [1, 1] and rows[0]["distance"] == 0
    assert rows[1]["distance"] == pytest.approx(5 / np.linalg.norm(face.five[1] - face.five[0]), rel=0.01)
    assert table(rows).count("\n") == 3 and table([]) == ""


@pytest.fixture
def pack(tmp_path, crops):
    stream = io.BytesIO()
    PillowImage.fromarray(crops[0].image).save(stream, "WEBP", lossless=True)
    data = np.frombuffer(stream.getvalue(), np.uint8)
    height, width = crops[0].image.shape[:2]
    landmarks = (crops[0].landmarks + 0.5) / [width, height]
    path = tmp_path / "pack.npz"
    np.savez(path, buf=data, off=np.array([0, len(data)]), lm=landmarks[None].astype(np.float16))
    return path


def test_packs_of_crops_are_read_back(pack, crops):
    (crop,) = read_crops(pack, count=10, seed=0)
    np.testing.assert_array_equal(crop.image, crops[0].image)
    np.testing.assert_allclose(crop.landmarks, crops[0].landmarks, atol=0.1)


def test_what_is_no_pack_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "text.npz").write_text("text")
    for name, why in (
        ("other.npz", "it has no buf, off, lm"),
        ("text.npz", "pack of face crops"),
        ("missing.npz", "not exist"),
    ):
        with pytest.raises(ImageError, match=why):
            read_crops(tmp_path / name, count=1, seed=0)


def test_the_command_line_prints_tables_or_one_object(pack, tmp_path, astronaut, capsys):
    photo = tmp_path / "photos" / "a.png"
    photo.parent.mkdir()
    PillowImage.fromarray(astronaut).save(photo)
    (photo.parent / "notes.txt").write_text("no photo")
    assert photo_files([photo.parent, pack]) == [photo, photo.parent / "notes.txt"]
    arguments = ["--images", str(photo.parent), str(pack), "--detectors", "lite", "--crops", "1", "--sizes", "96"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "| a.png | 512x512 | lite | 1 |" in printed.out and "pack.npz" in printed.out
    assert "left out" in printed.err and "notes.txt" in printed.err
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["photos"][0]["faces"] == 1
    assert {cell["detector"] for cell in result["crops"]["pack.npz"]} == {"lite"}
    assert main(["--images", str(tmp_path / "missing.npz"), "--detectors", "lite"]) == ImageError.exit_code
