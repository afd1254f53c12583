"""Eyes that close and mouths that open: targets drawn for training, and what a teacher's output says about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.landmarks68 import INNER_LIPS, LEFT_EYE, RIGHT_EYE, eye_opening
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.training.data.faces import faces_from_packs
from mobilefaceswap_core.training.data.lids import close_eyes
from mobilefaceswap_core.training.data.pairs import choose_pairs, closed_eyes
from mobilefaceswap_core.training.student.cache import load_pairs, make_pairs
from mobilefaceswap_core.training.student.motion import mouth_share, with_target_motion
from mobilefaceswap_core.training.student.options import PairOptions
from tests.fakes.training_faces import LOOSE, Copier, noise_pack, schematic_face

torch.set_num_threads(1)
SIDE = 224
POINTS = schematic_face() * SIDE


def drawn() -> np.ndarray:
    """Skin with a white eye that has a dark pupil, at the schematic landmarks."""
    image = np.full((SIDE, SIDE, 3), (200, 150, 130), np.uint8)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    for eye in (LEFT_EYE, RIGHT_EYE):
        centre, width = POINTS[eye].mean(0), np.ptp(POINTS[eye][:, 0]) / 2
        height = np.ptp(POINTS[eye][:, 1]) / 2
        image[((x - centre[0]) / width) ** 2 + ((y - centre[1]) / height) ** 2 < 1] = 250
        image[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < (0.7 * height) ** 2] = 10
    return image


def white(image: np.ndarray, eye: slice) -> int:
    x, y = POINTS[eye].mean(0).astype(int)
    return int((image[y - 9 : y + 9, x - 16 : x + 16].min(2) > 220).sum())


def test_a_lid_that_comes_down_covers_the_eye_and_moves_the_landmarks() -> None:
    before = drawn()
    shut, points = close_eyes(before, POINTS, (1.0, 0.0))
    assert white(shut, LEFT_EYE) < 0.15 * white(before, LEFT_EYE)
    assert white(shut, RIGHT_EYE) == white(before, RIGHT_EYE)
    assert eye_opening(points, LEFT_EYE) < 0.01 and eye_opening(points, RIGHT_EYE) == eye_opening(POINTS, RIGHT_EYE)
    half, points = close_eyes(before, POINTS, (0.5, 0.5))
    assert white(shut, LEFT_EYE) < white(half, LEFT_EYE) < white(before, LEFT_EYE)
    assert eye_opening(points, RIGHT_EYE) == pytest.approx(eye_opening(POINTS, RIGHT_EYE) / 2, rel=0.01)


def test_far_from_the_eyes_nothing_changes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    shut, points = close_eyes(noise, POINTS, (1.0, 1.0))
    assert (shut[: int(POINTS[17:27, 1].min())] == noise[: int(POINTS[17:27, 1].min())]).all(), "above the brows"
    below = int(POINTS[LEFT_EYE][:, 1].max()) + 6
    assert (shut[below:] == noise[below:]).all()
    rest = np.setdiff1d(np.arange(68), np.r_[36:48])
    assert (points[rest] == POINTS[rest]).all()
    assert (close_eyes(noise, POINTS, (0, 0))[0] == noise).all()


def test_eyes_of_a_head_that_leans_close_along_its_own_upright() -> None:
    angle = np.radians(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    leaning = (POINTS - SIDE / 2) @ turn.T + SIDE / 2
    _, points = close_eyes(drawn(), leaning, (1.0, 1.0))
    upright = (points - SIDE / 2) @ turn + SIDE / 2
    assert upright[LEFT_EYE] == pytest.approx(close_eyes(drawn(), POINTS, (1.0, 1.0))[1][LEFT_EYE], abs=0.5)


def test_the_wanted_face_looks_where_the_target_looks_in_its_own_colours() -> None:
    target, wanted = drawn(), np.full((SIDE, SIDE, 3), (150, 100, 80), np.uint8)
    points = POINTS.copy()
    points[INNER_LIPS, 1] = 179  # a closed mouth
    result = with_target_motion(wanted, target, points)
    x, y = POINTS[LEFT_EYE].mean(0).astype(int)
    assert result[y, x].max() < 60 and result[y, x - 7].min() > 90, "pupil and white of the eye"
    outside = np.ones((SIDE, SIDE), bool)
    outside[y - 14 : y + 14] = False
    assert (result[outside] == wanted[outside]).all()


def test_an_open_mouths_inside_is_the_targets_and_a_closed_one_is_not() -> None:
    target, wanted = np.full((SIDE, SIDE, 3), 40, np.uint8), np.full((SIDE, SIDE, 3), 160, np.uint8)
    open_ = POINTS.copy()
    open_[INNER_LIPS, 1] = 178 + (open_[INNER_LIPS, 1] - 179) * 2
    closed = POINTS.copy()
    closed[INNER_LIPS, 1] = 179
    assert mouth_share(open_) == 1 and mouth_share(closed) == 0
    target[170:190, 100:124] = 230  # teeth
    x, y = 112, 179
    assert int(with_target_motion(wanted, target, open_)[y, x, 0]) - 160 > 20
    assert (with_target_motion(wanted, target, closed)[y, x] == 160).all()


def test_closed_eyes_are_targets_only_and_nobodys_source() -> None:
    points = np.stack([schematic_face(), schematic_face()] * 3)
    for k in (1, 3, 5):
        points[k, 36:48, 1] = 0.45
    assert closed_eyes(points).tolist() == [False, True] * 3
    pairs = choose_pairs(points, np.arange(6), np.ones(6), PairOptions(count=60), seed=0)
    assert set(pairs[:, 1]) == {0, 2, 4} and {1, 3, 5} <= set(pairs[:, 0])
    with pytest.raises(OptionError, match="closed eyes"):
        choose_pairs(points[1::2], np.arange(3), np.ones(3), PairOptions(count=4), seed=0)


def test_faces_with_drawn_lids_belong_to_their_people_and_are_told_by_the_fingerprint() -> None:
    pack = noise_pack([str(i) for i in range(8)])
    plain, more = (faces_from_packs([pack], [1.0], size_px=32, closed=share) for share in (0.0, 0.5))
    assert len(more) == 12 and more.fingerprint != plain.fingerprint
    assert torch.equal(more.crops[:8], plain.crops) and set(more.names[8:]) < set(plain.names)
    opening = [
        eye_opening(points.double().numpy(), LEFT_EYE) + eye_opening(points.double().numpy(), RIGHT_EYE)
        for points in more.landmarks
    ]
    assert max(opening[8:]) < min(opening[:8])
    again = faces_from_packs([pack], [1.0], size_px=32, closed=0.5)
    assert torch.equal(again.crops, more.crops)


def test_stored_outputs_take_the_targets_motion_when_asked(tmp_path) -> None:
    faces = faces_from_packs([noise_pack([str(i) for i in range(6)])], [1.0], size_px=32)
    encoder, changed = load_identity_encoder(), []
    for motion in (False, True):
        folder = tmp_path / str(motion)
        make_pairs(faces, [Copier("x")], encoder, folder, replace(LOOSE, motion=motion), hold_out=0.0, seed=1)
        pairs = load_pairs(folder, faces, hold_out=0.0, seed=1)
        changed.append(any(not torch.equal(pairs.swapped[k], faces.crops[pairs.source[k]]) for k in range(len(pairs))))
    assert changed == [False, True]
