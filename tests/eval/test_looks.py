"""What several methods and judges ask of the same picture is found out once."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np
import pytest

from eval import images
from eval.images import ImageReader, write_png
from eval.judges.dlib_resnet import SIDE_PX, load_resnet
from eval.looks import OneLook
from eval.metrics.patches import lab_of
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import WeightsError


def test_a_photo_is_decoded_and_searched_once_and_only_the_last_are_kept(tmp_path, astronaut, monkeypatch) -> None:
    write_png(tmp_path / "0.png", astronaut[:360, 40:400])
    for number in range(1, images.KEPT_IMAGES + 1):
        write_png(tmp_path / f"{number}.png", np.full((40, 40, 3), number, np.uint8))
    reader, look = ImageReader(tmp_path), OneLook("lite", device="cpu")
    first = reader.read("0.png")
    found = look.detect_closely(first)
    found.clear()  # a list of the caller's own
    asked = []
    monkeypatch.setattr(type(load_detector("lite")), "detect_closely", lambda self, image: asked.append(1) or [])
    assert reader.read("0.png") is first and len(look.detect_closely(first)) == 1 and not asked
    assert [int(reader.read(f"{n}.png")[0, 0, 0]) for n in range(1, images.KEPT_IMAGES + 1)] == [1, 2, 3, 4]
    again = reader.read("0.png")
    assert again is not first and np.array_equal(again, first)
    assert look.detect_closely(again) == [] and asked == [1]
    monkeypatch.setattr(images, "MOST_KEPT_PIXELS", 100)
    assert ImageReader(tmp_path).read("1.png").shape == (40, 40, 3)


def resnet_file() -> Path:
    place = importlib.resources.files("face_recognition_models")
    return Path(str(place)) / "models" / "dlib_face_recognition_resnet_model_v1.dat"


def test_dlibs_network_says_in_onnx_runtime_what_it_says_in_dlib(astronaut, tmp_path) -> None:
    import dlib

    chips = [astronaut[40:190, 150:300], np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8)]
    theirs, ours = dlib.face_recognition_model_v1(str(resnet_file())), load_resnet(resnet_file())
    for chip in map(np.ascontiguousarray, chips):
        assert np.allclose(ours(chip), np.array(theirs.compute_face_descriptor(chip, 0)), atol=2e-6)
    cut = tmp_path / "cut.dat"
    cut.write_bytes(resnet_file().read_bytes()[:-4000])
    with pytest.raises(WeightsError, match=r"cut\.dat has no 256 x 128 numbers"):
        load_resnet(cut)


def test_lab_is_that_of_scikit_image() -> None:
    from skimage.color import rgb2lab

    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    image[:8] = np.arange(64, dtype=np.uint8)[None, :, None] // 8  # the dark end, which is linear
    assert np.abs(lab_of(image) - rgb2lab(image)).max() < 1e-11
