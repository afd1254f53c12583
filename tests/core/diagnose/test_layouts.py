"""The pictures on which recall is measured: grids, edges and selfies are what their rows say."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap_core.detect import DetectorInfo, load_detector
from mobilefaceswap_core.diagnose import layouts
from mobilefaceswap_core.diagnose.collages import Crop, crop_of_photo, match
from mobilefaceswap_core.diagnose.layouts import edges, grids, measure_layouts, selfies, with_close_looks
from mobilefaceswap_core.errors import NoFaceError


@pytest.fixture(scope="module")
def crop(astronaut) -> Crop:
    return crop_of_photo(astronaut, load_detector("lite"))


class Nobody:
    info = DetectorInfo("nobody", "", "", "")

    def detect(self, image, *, order="left_to_right"):
        return []

    def landmarks(self, image, face):
        return face.landmarks


def test_a_photo_is_cut_around_its_largest_face(crop, astronaut):
    (face,) = load_detector("lite").detect(crop.image)
    assert np.linalg.norm(face.landmarks - crop.landmarks, axis=1).mean() < 0.05 * crop.size_px
    with pytest.raises(NoFaceError, match="cannot be pasted"):
        crop_of_photo(astronaut, Nobody())


@pytest.mark.parametrize(("shape", "size_px"), [((640, 480), 40), ((300, 2000), 100), ((1500, 250), 200)])
def test_faces_of_a_grid_have_their_size_and_lie_whole_in_the_picture(crop, shape, size_px):
    pictures = list(grids([crop] * 9, shape, size_px, seed=0))
    assert sum(len(truths) for _, truths in pictures) == 9
    for canvas, truths in pictures:
        assert canvas.shape == (shape[1], shape[0], 3)
        for truth in truths:
            assert np.ptp(truth[:, 0]) == pytest.approx(size_px)
            assert (truth >= 0).all() and (truth < shape).all()


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_an_edge_leaves_the_share_of_a_face_that_is_said(crop, share):
    ((canvas, truths),) = edges([crop] * 4, share, seed=0)
    size = np.array([canvas.shape[1], canvas.shape[0]])
    for edge, truth in enumerate(truths):
        low, high = truth.min(0), truth.max(0)
        inside = (np.minimum(high, size) - np.maximum(low, 0)) / (high - low)
        assert inside[edge % 2] == pytest.approx(share) and inside[1 - edge % 2] == pytest.approx(1)
        assert (low < -0.5, high > size + 0.5)[edge // 2][edge % 2] == (share < 1)


def test_a_selfie_shows_seven_people_of_seven_sizes_two_of_them_cut(crop, monkeypatch):
    monkeypatch.setattr(layouts, "SELFIE", (1000, 750))
    monkeypatch.setattr(layouts, "SELFIE_PEOPLE", [(x, y, size / 4) for x, y, size in layouts.SELFIE_PEOPLE])
    ((canvas, truths),) = selfies([crop], seed=0, count=1)
    assert [round(4 * np.ptp(truth[:, 0])) for truth in truths] == [900, 520, 480, 330, 260, 300, 220]
    cut = [bool((truth < 0).any() or (truth > [1000, 750]).any()) for truth in truths]
    assert cut == [False] * 5 + [True] * 2
    faces = load_detector("lite").detect(canvas)
    assert {0, 1, 2} <= match(faces, truths).keys()


def test_every_kind_of_picture_has_a_row_for_each_detector_and_each_way_to_look(crop, monkeypatch):
    monkeypatch.setattr(layouts, "SIZES_PX", (80,))
    monkeypatch.setattr(layouts, "FULL_HD", (400, 300))
    monkeypatch.setattr(layouts, "SHAPES", ((320, 240),))
    monkeypatch.setattr(layouts, "SHARES", (1.0,))
    monkeypatch.setattr(layouts, "SELFIE", (400, 300))
    monkeypatch.setattr(layouts, "SELFIE_PEOPLE", ((0.5, 0.5, 100),))
    looks = with_close_looks([load_detector("lite", fast=True), Nobody()])
    assert [look.info.name for look in looks] == ["lite", "lite closely", "nobody"]
    rows = measure_layouts(looks, [crop], seed=0)
    assert [row.picture for row in rows[::3]] == [
        "80 px, 1920 x 1080", "320 x 240, 37 px", "320 x 240, 80 px", "edge, 100% visible", "group selfie",
    ]  # fmt: skip
    nobody = [row for row in rows if row.detector == "nobody"]
    assert all(row.found == 0 and np.isnan(row.error_five) and row.faces in (1, 4) for row in nobody)
    assert all(
        row.found == row.faces and row.error_five < 0.1 for row in rows if "80 px" in row.picture and row not in nobody
    )
