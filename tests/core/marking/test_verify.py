"""From a photo to a verdict: mark, save, handle roughly, find the face again, and report every layer."""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.detect import Detector, load_detector
from mobilefaceswap_core.faces.geometry import crop_from_frame_matrix
from mobilefaceswap_core.marking import MarkOptions, apply_pixels, save_image, verify_file
from mobilefaceswap_core.marking.carriers import FORMATS, MARK_CROP
from mobilefaceswap_core.marking.watermark import payload_for


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("lite")


@pytest.fixture(scope="module")
def photo(astronaut: np.ndarray) -> np.ndarray:
    """A portrait of 600 x 600 with a face about 200 px wide."""
    return cv2.resize(astronaut[:300, 80:380], (600, 600), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def marked(photo: np.ndarray, detector: Detector) -> np.ndarray:
    face = detector.detect(photo, order="size")[0]
    return apply_pixels(photo, [crop_from_frame_matrix(face.five, MARK_CROP)], model="student")


@pytest.fixture(autouse=True)
def _own_config(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_CONFIG", str(tmp_path_factory.getbasetemp() / "config"))


def test_a_saved_result_is_marked_in_every_layer(tmp_path: Path, marked: np.ndarray, detector: Detector) -> None:
    path = tmp_path / "result.png"
    save_image(path, marked, model="student")
    report = verify_file(path, detector=detector)
    assert report.marked and report.metadata.found and report.watermark.found
    assert report.watermark.model == report.metadata.model == "student"
    assert report.watermark.payload in {payload_for("student", form) for form in FORMATS}
    assert report.watermark.confidence > 0.999999
    assert json.loads(json.dumps(report.to_json()))["watermark"]["found"] is True
    assert len(report.lines()) == 4


@pytest.mark.parametrize("handling", ["jpeg", "crop", "half"])
def test_the_watermark_alone_survives_handling_that_strips_the_file(
    tmp_path: Path, marked: np.ndarray, detector: Detector, handling: str
) -> None:
    path = tmp_path / "again.jpg"
    image = marked
    if handling == "crop":
        image = marked[20:-40, 40:-20]
    elif handling == "half":
        image = cv2.resize(marked, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    PillowImage.fromarray(image).save(path, quality=75 if handling == "jpeg" else 92)
    report = verify_file(path, detector=detector)
    assert report.marked and report.watermark.found and not report.metadata.found
    assert report.credentials.state in ("absent", "unavailable")


def test_the_photo_before_marking_is_not_marked(tmp_path: Path, photo: np.ndarray, detector: Detector) -> None:
    PillowImage.fromarray(photo).save(tmp_path / "photo.png")
    report = verify_file(tmp_path / "photo.png", detector=detector)
    assert not report.marked and report.watermark.faces >= 1 and report.watermark.score < 0.6


def test_pixels_outside_the_face_are_bit_identical(photo: np.ndarray, marked: np.ndarray, detector: Detector) -> None:
    changed = (photo != marked).any(-1)
    left, top, right, bottom = detector.detect(photo, order="size")[0].box
    grow = 0.35 * max(right - left, bottom - top)
    rows, columns = np.nonzero(changed)
    assert rows.min() > top - grow and rows.max() < bottom + grow
    assert columns.min() > left - grow and columns.max() < right + grow
    assert changed.mean() < 0.3


def test_switching_the_watermark_off_leaves_the_pixels_alone(astronaut: np.ndarray) -> None:
    matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    done = apply_pixels(astronaut, [matrix], MarkOptions(watermark=False), model="student")
    np.testing.assert_array_equal(done, astronaut)


def test_frames_of_a_clip_are_read_together(tmp_path: Path, photo: np.ndarray, detector: Detector) -> None:
    face = detector.detect(photo, order="size")[0]
    marked = apply_pixels(photo, [crop_from_frame_matrix(face.five, MARK_CROP)], model="student", moving=True)
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("libx264", rate=25, options={"crf": "28"})
        stream.width, stream.height, stream.pix_fmt = 480, 480, "yuv420p"
        for shift in range(4):
            frame = np.ascontiguousarray(marked[20:500, 60 + shift : 540 + shift])
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        clip.mux(stream.encode())
    report = verify_file(path, detector=detector)
    assert report.watermark.found and report.watermark.model == "student"
    assert report.watermark.frames >= 3


def test_an_animation_is_verified_by_its_first_frame(tmp_path: Path, marked: np.ndarray, detector: Detector) -> None:
    buffer = io.BytesIO()
    frames = [PillowImage.fromarray(marked)] * 2
    frames[0].save(buffer, "WEBP", save_all=True, append_images=[frames[1].rotate(90)], quality=90)
    (tmp_path / "a.webp").write_bytes(buffer.getvalue())
    assert verify_file(tmp_path / "a.webp", detector=detector).watermark.found


def test_every_model_that_can_mark_is_named_when_found() -> None:
    from mobilefaceswap_core.marking.verify import KNOWN_MODELS
    from mobilefaceswap_core.models import entries

    assert set(KNOWN_MODELS) == set(entries())
    assert len({payload_for(name) for name in KNOWN_MODELS}) == len(KNOWN_MODELS)


def test_a_still_avif_is_verified_as_a_photo(tmp_path: Path, marked: np.ndarray, detector: Detector) -> None:
    path = tmp_path / "result.avif"
    PillowImage.fromarray(marked).save(path, quality=95)
    report = verify_file(path, detector=detector)
    assert report.watermark.found and report.watermark.frames == 1
    assert report.credentials.state == "absent" and not report.metadata.found
