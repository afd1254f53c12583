"""Glasses of a source are left out before its identity is read; everything else stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.occlusion import OcclusionModel
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.files.packs import pack_from_crops
from mobilefaceswap_core.identity.covered import average_face, with_average_eyes
from mobilefaceswap_core.identity.filled import filled_share, left_by_glasses
from mobilefaceswap_core.identity.glasses import fill_in, find_glasses, glasses_notes, leave_out_glasses
from mobilefaceswap_core.options import SwapOptions, swap_options
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.training.data import average, filled_glasses
from mobilefaceswap_core.types import AlignedFace, CropSpec
from tests.fakes.page_golden import SIDE, glasses_hidden
from tests.fakes.training_faces import schematic_face

EYES = template_points(CropSpec())[:2]
SKIN = np.full((SIDE, SIDE, 3), (180, 140, 120), np.uint8)


def with_glasses() -> np.ndarray:
    """Skin with dark rims where :func:`glasses_hidden` has them."""
    picture = SKIN.copy()
    picture[(glasses_hidden() > 0.5) & (np.arange(SIDE) >= 30)] = 20
    return picture


def test_rims_are_filled_with_the_skin_around_them() -> None:
    seen = find_glasses(glasses_hidden(), EYES)
    assert seen.rims is not None and seen.covered is None
    picture = with_glasses()
    filled = fill_in(picture, seen.rims, EYES)
    assert np.abs(filled[:, 40:].astype(int) - SKIN[:, 40:]).max() <= 1
    assert (filled[:, :30] == picture[:, :30]).all()  # hair beside the face
    assert (picture == with_glasses()).all()


@pytest.mark.parametrize("shift", [(-6, 5), (4, -8), (9, 9)])
def test_glasses_need_not_sit_straight(shift) -> None:
    hidden = np.roll(glasses_hidden(), shift, (0, 1))
    assert find_glasses(hidden, EYES).rims is not None


def test_nothing_thin_between_the_eyes_is_no_glasses() -> None:
    for hidden in (np.zeros((SIDE, SIDE), np.float32), glasses_hidden(bridge=False), glasses_hidden() * 0.2):
        assert find_glasses(hidden, EYES) == (None, None)


def test_rims_as_thin_as_wire_are_seen_in_parts() -> None:
    hidden = glasses_hidden()
    hidden[:, 64:76] = hidden[:, 90:104] = hidden[:, 120:126] = 0
    seen = find_glasses(hidden, EYES)
    assert seen.rims is not None and seen.rims[104, 52] and not seen.rims[104, 70]
    hidden[:, 112:] = 0
    assert find_glasses(hidden, EYES) == (None, None), "a strand of hair on one side"


def test_where_eyes_are_covered_average_ones_stand_in() -> None:
    hidden, picture = glasses_hidden(lens=True), with_glasses()
    picture[hidden == np.float32(0.8)] = 30
    rims, covered = find_glasses(hidden, EYES)
    assert rims is None and covered is not None and covered[104, 76] and covered[104, 148]
    result = with_average_eyes(picture, covered, hidden, EYES)
    far = cv2.dilate(covered.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
    np.testing.assert_array_equal(result[far], picture[far])
    cheek, eye = result[126, 76].astype(int), result[104, 76].astype(int)
    assert np.abs(cheek - SKIN[0, 0]).max() < 25 and eye.mean() < cheek.mean() - 40, (
        "as light as the skin, with an eye in it"
    )


def test_of_one_covered_eye_the_other_is_left() -> None:
    hidden = glasses_hidden(lens=True)
    hidden[:, 112:] = 0
    _, covered = find_glasses(hidden, EYES)
    assert covered is not None and covered[104, 76] and not covered[:, 120:].any()


def test_a_face_that_is_hidden_whole_gives_a_picture_all_the_same() -> None:
    hidden = np.ones((SIDE, SIDE), np.float32)
    _, covered = find_glasses(hidden, EYES)
    assert covered is not None
    assert with_average_eyes(SKIN, covered, hidden, EYES).shape == SKIN.shape


def test_the_average_face_is_made_of_faces_without_glasses(monkeypatch: pytest.MonkeyPatch) -> None:
    light, dark = np.full((SIDE, SIDE, 3), 200, np.uint8), with_glasses()
    pack = pack_from_crops("three", [light, dark, light - 40], np.zeros((3, 68, 2)), ["a", "b", "c"])
    monkeypatch.setattr(average, "read_pack", lambda path: pack)
    monkeypatch.setattr(
        average,
        "load_occlusion",
        lambda: lambda face: glasses_hidden() if face.min() < 100 else np.zeros((SIDE, SIDE), np.float32),
    )
    mean, count = average.average_face(Path("pack.npz"))
    assert count == 2 and mean.shape == average_face().shape and np.abs(mean.astype(int) - 180).max() <= 2


def test_what_filled_glasses_leave_is_measured_on_faces_that_wear_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [np.zeros((SIDE, SIDE), np.float32), glasses_hidden()]  # of a face, and of the same with glasses drawn on
    answers = iter([*seen, seen[1], *seen])  # the second face wears some already
    faces, points = [SKIN, SKIN, SKIN - 40], np.stack([schematic_face()] * 3)
    pack = pack_from_crops("three", faces, points, ["a", "b", "c"])
    monkeypatch.setattr(filled_glasses, "read_pack", lambda path: pack)
    monkeypatch.setattr(filled_glasses, "load_occlusion", lambda: lambda face: next(answers))
    monkeypatch.setattr(filled_glasses, "worn", lambda face, landmarks, rng: with_glasses())
    left, count = filled_glasses.left_behind(Path("pack.npz"))
    assert count == 2 and left.shape == left_by_glasses().shape and 0 < np.abs(left).max() < 5


def test_drawn_glasses_are_clear_or_none() -> None:
    made = [filled_glasses.worn(SKIN, schematic_face() * SIDE, np.random.default_rng(seed)) for seed in range(12)]
    clear = [face for face in made if face is not None]
    assert 4 <= len(clear) < 12
    for face in clear:
        assert (face != SKIN).any() and np.median(face[100:110, 80:90].mean(2)) > 100  # an eye's place is not dark


def test_what_filled_glasses_leave_ships_for_the_recogniser_that_ships() -> None:
    left = left_by_glasses()
    assert (
        left.shape == (512, 7, 7)
        and not left.flags.writeable
        and np.isfinite(left).all()
        and 0 < np.abs(left).max() < 1
    )
    rows = np.abs(left).sum((0, 2))
    assert rows[2:4].mean() > rows[[0, 6]].mean()  # most of it where the eyes are


def test_crops_of_another_size_are_alike() -> None:
    double = np.kron(glasses_hidden(), np.ones((2, 2), np.float32))
    rims = find_glasses(double, 2 * EYES).rims
    assert rims is not None
    small = find_glasses(glasses_hidden(), EYES).rims
    assert small is not None and abs(rims.mean() - small.mean()) < 0.01


def test_of_several_photos_each_is_looked_at() -> None:
    faces = [AlignedFace(with_glasses(), np.eye(2, 3)), AlignedFace(SKIN, np.eye(2, 3))]
    read, said = leave_out_glasses(
        faces, EYES, lambda face: glasses_hidden() if face is faces[0] else np.zeros((SIDE, SIDE), np.float32)
    )
    assert said == "left out" and read[1] is faces[1]
    assert read[0].image[104].std() < faces[0].image[104].std()
    assert [face.glasses_filled for face in read] == [True, False] and filled_share(read) == 0.5
    _, said = leave_out_glasses(
        faces, EYES, lambda face: glasses_hidden(lens=True) if face is faces[1] else glasses_hidden()
    )
    assert said == "covered"  # the one that somebody can do something about
    assert len(glasses_notes(["", "left out", "covered"])) == 2 and glasses_notes([""]) == []


class Reader:
    """A swapper that keeps what it is given."""

    def __init__(self, *, leaves: bool) -> None:
        from mobilefaceswap_core.swapper import SwapperInfo

        self.info = SwapperInfo("reader", "", CropSpec(), "none", "", leave_glasses=leaves)

    def condition(self, sources):
        return [face.image for face in sources]

    def swap(self, targets, conditions):
        raise AssertionError


class Nobody:
    """A detector that is never asked."""


@pytest.mark.parametrize(("leaves", "kept"), [(True, False), (True, True), (False, False)])
def test_a_pipeline_leaves_them_out_for_swappers_that_want_it(leaves, kept) -> None:
    sees = OcclusionModel(lambda crops: glasses_hidden()[None, None], label="painted")
    pipeline = Pipeline(Reader(leaves=leaves), Nobody(), occlusion=sees)  # type: ignore[arg-type]
    face = AlignedFace(with_glasses(), np.eye(2, 3))
    source = pipeline.source_of([face], options=SwapOptions(source_glasses=kept))
    is_left_out = leaves and not kept
    assert source.glasses == ("left out" if is_left_out else "")
    assert (source.condition[0] == face.image).all() != is_left_out
    assert (source.thumbnails[0] == face.image).all()  # shown as the photo is


def test_it_can_be_chosen_away() -> None:
    assert swap_options({"source_glasses": True}).source_glasses
    assert replace(SwapOptions(), source_glasses=False) == SwapOptions()
