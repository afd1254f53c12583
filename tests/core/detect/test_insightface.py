"""The insightface backend: the installed package's real loaders and decoders on tiny networks of the packs' shapes.

The networks of a real pack may not be shipped. Those built here have the same inputs and outputs and give constant
answers, so that everything around them (pack lookup, loading, decoding, colour order, coordinates) is the real thing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.detect import available_detectors, load_detector
from mobilefaceswap_core.detect import insightface_scrfd as backend
from mobilefaceswap_core.errors import BackendError, ImageError, WeightsError
from mobilefaceswap_core.faces.geometry import five_from_68
from mobilefaceswap_core.types import Face

pytest.importorskip("insightface")
onnx = pytest.importorskip("onnx")

STRIDE, COLUMN, ROW = 16, 20, 12  # the anchor that answers, on the detector's 640 x 640 input
BOX_IN_INPUT = np.array([COLUMN * STRIDE - 40, ROW * STRIDE - 50, COLUMN * STRIDE + 40, ROW * STRIDE + 60], float)
ANCHOR = np.array([COLUMN, ROW], float) * STRIDE
FIVE_IN_INPUT = ANCHOR + np.array([[-20, -20], [20, -20], [0, 0], [-15, 20], [15, 20]])


def save_constant(path: Path, shape: list[int], outputs: list[np.ndarray]) -> None:
    """An ONNX file that ignores its input and returns the arrays."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    names = [f"out{index}" for index in range(len(outputs))]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
        for name, array in zip(names, outputs, strict=True)
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("input.1", onnx.TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, array.shape)
            for name, array in zip(names, outputs, strict=True)
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), path)


def save_detector(path: Path, *, score: float = 0.9) -> None:
    """An SCRFD with landmarks: scores, boxes and points for strides 8, 16, 32 with two anchors per place."""
    scores, boxes, points = [], [], []
    for stride in (8, 16, 32):
        count = (640 // stride) ** 2 * 2
        scores.append(np.zeros((count, 1), np.float32))
        boxes.append(np.zeros((count, 4), np.float32))
        points.append(np.zeros((count, 10), np.float32))
    anchor = (ROW * (640 // STRIDE) + COLUMN) * 2
    scores[1][anchor] = score
    boxes[1][anchor] = np.array([40, 50, 40, 60]) / STRIDE  # distances to the four sides
    points[1][anchor] = ((FIVE_IN_INPUT - ANCHOR) / STRIDE).ravel()
    save_constant(path, [1, 3, 640, 640], [*scores, *boxes, *points])


def save_landmarks(path: Path) -> np.ndarray:
    """A network like 1k3d68; returns its 68 points as fractions of the crop."""
    fractions = np.random.default_rng(0).uniform(0.2, 0.8, (68, 2))
    points = np.zeros((1103, 3), np.float32)
    points[-68:, :2] = fractions * 2 - 1
    save_constant(path, [1, 3, 192, 192], [points.reshape(1, 3309)])
    return fractions


@pytest.fixture
def pack(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path))
    folder = tmp_path / "models" / "buffalo_l"
    folder.mkdir(parents=True)
    save_detector(folder / "det_10g.onnx")
    return folder


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1280, 960, 3), dtype=np.uint8)


def test_a_pack_on_disk_is_taken_automatically_and_its_licence_is_said(pack):
    info = load_detector("auto", device="cpu").info
    assert available_detectors()["insightface"] == ""
    assert info.name == "insightface" and "pack is on disk" in info.reason
    assert "buffalo_l" in info.licence and "non-commercial" in info.licence
    assert set(info.files) == {"det_10g.onnx", "landmarks_68.onnx"} and info.device.startswith("cpu")


def test_a_pack_in_a_folder_of_its_own_name_is_found(tmp_path):
    nested = tmp_path / "models" / "antelopev2" / "antelopev2"
    nested.mkdir(parents=True)
    assert backend.find_pack(tmp_path) is None
    save_detector(nested / "scrfd_10g_bnkps.onnx")
    assert backend.find_pack(tmp_path) == nested


def test_places_are_in_pixels_of_the_photo(pack, photo):
    # insightface fits a 960 x 1280 photo into 480 x 640, so its pixels are twice as large.
    (face,) = load_detector("insightface").detect(photo)
    np.testing.assert_allclose(face.box, BOX_IN_INPUT * 2, atol=1e-3)
    np.testing.assert_allclose(face.five, FIVE_IN_INPUT * 2, atol=1e-3)
    assert face.score == pytest.approx(0.9)
    assert face.landmarks.shape == (68, 2)  # by the lite network, there being no 1k3d68


def test_the_packs_own_landmarks_are_used_when_it_has_them(pack, photo):
    fractions = save_landmarks(pack / "1k3d68.onnx")
    detector = load_detector("insightface")
    (face,) = detector.detect(photo)
    # insightface cuts out 1.5 times the longer side of the box.
    side = 1.5 * (face.box[2:] - face.box[:2]).max()
    expected = (face.box[:2] + face.box[2:]) / 2 + (fractions - 0.5) * side
    np.testing.assert_allclose(face.landmarks, expected, atol=0.02 * side)
    assert "1k3d68.onnx" in detector.info.files
    again = detector.landmarks(photo, face)
    assert again.shape == (68, 2) and np.isfinite(again).all()


def test_the_network_is_given_bgr_and_nothing_is_written_to_the_image(pack, photo, monkeypatch):
    detector = load_detector("insightface")
    seen = []
    real = detector._detector.detect
    monkeypatch.setattr(
        detector._detector, "detect", lambda image, **options: seen.append(image.copy()) or real(image, **options)
    )
    before = photo.copy()
    detector.detect(photo)
    np.testing.assert_array_equal(seen[0], photo[..., ::-1])
    np.testing.assert_array_equal(photo, before)


def test_known_landmarks_are_refined_without_searching(pack, astronaut, monkeypatch):
    detector, lite = load_detector("insightface"), load_detector("lite")
    (face,) = lite.detect(astronaut)
    np.testing.assert_array_equal(detector.landmarks(astronaut, face), lite.landmarks(astronaut, face))
    boxed = Face(face.box, face.score, face.five)
    assert np.abs(five_from_68(detector.landmarks(astronaut, boxed)) - face.five).max() < 2.0


def test_a_photo_without_a_face_gives_an_empty_list_after_a_look_for_close_ups(pack, photo, monkeypatch):
    save_detector(pack / "det_10g.onnx", score=0.1)
    detector = load_detector("insightface")
    sizes = []
    real = detector._detector.detect
    monkeypatch.setattr(
        detector._detector,
        "detect",
        lambda image, input_size: sizes.append(input_size) or real(image, input_size=input_size),
    )
    assert detector.detect(photo) == []
    assert sizes == [(640, 640), (160, 160)]


def test_without_a_pack_the_remedy_is_named_and_nothing_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path))
    monkeypatch.setattr(backend, "fetch_file", lambda *_, **__: pytest.fail("no download was asked for"))
    with pytest.raises(BackendError, match=r"wanted buffalo_l.*fetch buffalo_l"):
        load_detector("insightface")


def test_a_download_that_was_asked_for_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path))
    asked = []

    def fetch(item, *, progress):
        asked.append(item.file)
        raise WeightsError("no network")

    monkeypatch.setattr(backend, "fetch_file", fetch)
    with pytest.raises(WeightsError, match="no network"):
        load_detector("insightface", download=True)
    assert asked == ["buffalo_l.zip"]


def test_a_damaged_or_foreign_network_is_refused(pack):
    (pack / "det_10g.onnx").write_bytes(b"not a network")
    with pytest.raises(WeightsError, match=r"cannot load .*det_10g.onnx.*Download the pack again"):
        load_detector("insightface")
    save_constant(pack / "det_10g.onnx", [1, 3, 192, 192], [np.zeros((1, 212), np.float32)])
    with pytest.raises(WeightsError, match="wanted detection"):
        load_detector("insightface")


def test_a_missing_package_is_named_with_its_remedy(pack, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "insightface.model_zoo", None)
    with pytest.raises(BackendError, match="pip install insightface"):
        load_detector("insightface")


def test_what_is_no_picture_is_refused(pack):
    with pytest.raises(ImageError, match="got shape"):
        load_detector("insightface").detect(np.zeros((4, 4), np.uint8))
