"""Where a detector looks, and how places in smaller pictures lead back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.detect.detector import averaged, enlarge_points, keep_best, shrink
from mobilefaceswap_core.detect.windows import looks
from mobilefaceswap_core.weights import weights_path


def test_suppression_keeps_the_best_of_overlapping_boxes():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [22, 22, 26, 26], [20, 20, 30, 30]], float)
    scores = np.array([0.8, 0.9, 0.7, 0.6, 0.7])
    assert keep_best(boxes, scores, overlap=0.35) == [1, 2, 3]
    assert keep_best(boxes, scores, overlap=0.35, inside=0.65) == [1, 2]
    assert keep_best(np.zeros((0, 4)), np.zeros(0), overlap=0.35) == []


def test_points_of_a_shrunk_picture_map_back_to_pixel_centres():
    image = np.zeros((300, 400, 3), np.uint8)
    image[90:100, 200:210] = 255
    small, ratio = shrink(image, 40)
    y, x = np.argwhere(small[..., 0] == 255)[0]
    np.testing.assert_allclose(enlarge_points(np.array([[x, y]], float), ratio), [[204.5, 94.5]])
    assert shrink(image, 400)[0] is image


def test_a_large_photo_is_brought_to_the_size_of_its_looks_and_to_no_larger_one(lite, group, monkeypatch):
    large, made = cv2.resize(group, (3200, 2400)), list[tuple[int, int]]()
    resize = cv2.resize
    monkeypatch.setattr(
        "mobilefaceswap_core.detect.detector.cv2.resize",
        lambda image, size, **how: made.append(size) or resize(image, size, **how),
    )
    found, looked = lite.detect(large), next(looks(2560, 1920, 0)).size_px
    monkeypatch.undo()
    assert len(found) == len(lite.detect(group)) and looked in made
    largest = max(look.size_px[0] for look in looks(2560, 1920, 2))
    assert max(width for width, _ in made) <= 2 * largest < 2560


def test_averages_of_many_pixels_are_those_of_their_halves():
    image = np.random.default_rng(0).integers(0, 256, (80, 160, 3), np.uint8)
    at_once = image.reshape(10, 8, 20, 8, 3).mean((1, 3))
    np.testing.assert_allclose(
        averaged(image, (20, 10)), at_once, atol=1.5
    )  # three halvings, each rounds by up to a half


def test_the_network_of_any_size_is_the_file_that_ships_at_its_own_size(group):
    import onnxruntime

    from mobilefaceswap_core.detect.ultraface import HEIGHT, WIDTH, UltraFace

    path = weights_path("detector_ultraface_rfb320")
    picture = cv2.resize(group, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    tensor = ((picture.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    scores, boxes = session.run(["scores", "boxes"], {"input": tensor})
    own_boxes, own_scores = UltraFace(path).find(picture)
    np.testing.assert_allclose(own_scores, scores[0, :, 1], atol=1e-5)
    np.testing.assert_allclose(own_boxes, boxes[0] * [WIDTH, HEIGHT, WIDTH, HEIGHT], atol=1e-2)


@pytest.mark.parametrize("size", [(1280, 960), (4000, 3000), (300, 200)])
def test_each_look_shows_the_whole_picture_as_large_as_a_window_of_its_level_shows_a_part(size):
    shown = list(looks(*size, 2))
    assert {look.window for look in shown} == {(0, 0, *size)}
    whole = min(320 / size[0], 240 / size[1])
    shares = [share for share in (1, 0.58, 0.58 * 0.55) if share == 1 or share * max(size) >= 480]
    assert [look.size_px[0] / size[0] for look in shown] == pytest.approx([whole / share for share in shares], abs=2e-3)


def test_certain_faces_that_are_known_keep_their_points_and_no_landmarks_are_looked_for(lite, group, monkeypatch):
    from dataclasses import replace

    from mobilefaceswap_core.detect.few import LargestFaces
    from mobilefaceswap_core.detect.landmarks import LandmarkNetwork

    found = lite.detect(group)
    certain = [face for face in found if face.score >= 0.99]
    looked: list[object] = []
    look = LandmarkNetwork.from_box
    monkeypatch.setattr(LandmarkNetwork, "from_box", lambda self, *a, **k: looked.append(a) or look(self, *a, **k))
    lite.detect(group)
    before = len(looked)
    known = [replace(face, landmarks=face.landmarks + 0.5, five=face.five + 0.5) for face in found]
    again = lite.detect_again(group, known)
    assert len(certain) >= 3 and len(looked) - before == before - len(certain)
    assert [face.box.tolist() for face in again] == [face.box.tolist() for face in found]
    for own, one, other in zip(again, known, found, strict=True):
        kept = other.score >= 0.99
        np.testing.assert_array_equal(own.landmarks, one.landmarks if kept else other.landmarks)
    assert len(LargestFaces(lite, 2).detect_again(group, known)) == 2
    strangers = [replace(face, landmarks=face.landmarks + 400, five=face.five + 400) for face in found]
    np.testing.assert_array_equal(lite.detect_again(group, strangers)[0].landmarks, found[0].landmarks)
