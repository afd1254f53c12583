"""Limits on where a swap may show."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.limits import REGIONS, MaskLimits, limit_weight, region_mask
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.head_pose import head_pose
from mobilefaceswap_core.types import AlignedFace
from tests.fakes.video_fixtures import PLAIN, RED, painted, painter


@pytest.fixture(scope="module")
def aligned(astronaut: np.ndarray) -> AlignedFace:
    (face,) = painter().detect(astronaut)
    return painter().align(astronaut, face)


def test_without_limits_the_weight_itself_comes_back() -> None:
    weight = np.random.default_rng(0).random((64, 64), np.float32)
    assert limit_weight(weight, None, MaskLimits()) is weight


@pytest.mark.parametrize(
    "limits",
    [MaskLimits(regions=("eyes",)), MaskLimits(keep=("mouth",)), MaskLimits(box=(0.2, 0.1, 0.3, 0.0), feather=0.1),
     MaskLimits(regions=("skin", "nose"), keep=("eyes",), box=(0.1,) * 4)],
)  # fmt: skip
def test_limits_only_take_away(limits: MaskLimits, aligned: AlignedFace) -> None:
    weight = np.random.default_rng(1).random((224, 224), np.float32)
    limited = limit_weight(weight, aligned.landmarks, limits)
    assert (limited <= weight).all() and (limited >= 0).all() and (limited < weight).any()


def test_limits_combine_by_their_minimum(aligned: AlignedFace) -> None:
    ones = np.ones((224, 224), np.float32)
    eyes = limit_weight(ones, aligned.landmarks, MaskLimits(regions=("eyes",), feather=0))
    box = limit_weight(ones, aligned.landmarks, MaskLimits(box=(0.0, 0.0, 0.5, 0.0), feather=0))
    both = limit_weight(ones, aligned.landmarks, MaskLimits(regions=("eyes",), box=(0.0, 0.0, 0.5, 0.0), feather=0))
    assert np.array_equal(both, np.minimum(eyes, box)) and 0 < both.sum() < eyes.sum()


def test_a_box_keeps_exactly_its_margins() -> None:
    limited = limit_weight(np.ones((100, 100), np.float32), None, MaskLimits(box=(0.1, 0.2, 0.3, 0.4), feather=0))
    expected = np.zeros((100, 100), np.float32)
    expected[20:60, 10:70] = 1
    assert np.array_equal(limited, expected)


def test_a_feathered_edge_never_reaches_past_its_limit() -> None:
    hard = limit_weight(np.ones((100, 100), np.float32), None, MaskLimits(box=(0.3,) * 4, feather=0))
    soft = limit_weight(np.ones((100, 100), np.float32), None, MaskLimits(box=(0.3,) * 4, feather=0.05))
    assert (soft[hard == 0] == 0).all() and soft[50, 50] > 0.99
    assert ((soft > 0.05) & (soft < 0.95)).any()


def test_regions_lie_on_their_parts_and_skin_leaves_them_out(aligned: AlignedFace) -> None:
    landmarks = aligned.landmarks
    assert landmarks is not None
    masks = {name: region_mask(name, landmarks, 224) for name in REGIONS}
    centres = {
        "eyes": landmarks[36:42].mean(0), "mouth": landmarks[48:60].mean(0), "nose": landmarks[30], "brows": landmarks[19],
        "skin": (landmarks[30] + landmarks[2]) / 2,
    }  # fmt: skip
    for name, (x, y) in centres.items():
        assert masks[name][round(y), round(x)] == 1, name
        assert 0.002 < masks[name].mean() < 0.6, name
    for part in ("eyes", "mouth", "brows"):
        assert not (masks["skin"] * masks[part]).any()


def test_wrong_limits_are_refused_with_what_was_wanted() -> None:
    with pytest.raises(OptionError, match="ears"):
        MaskLimits(regions=("ears",))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="leave nothing"):
        MaskLimits(box=(0.6, 0, 0.5, 0))
    with pytest.raises(OptionError, match="feather"):
        MaskLimits(feather=0.7)
    with pytest.raises(OptionError, match="68 landmarks"):
        limit_weight(np.ones((8, 8), np.float32), None, MaskLimits(regions=("eyes",)))


def test_kept_parts_of_a_photo_stay_the_targets(astronaut: np.ndarray) -> None:
    options = replace(PLAIN, limits=MaskLimits(keep=("mouth",)))
    result = painter().swap(astronaut, painted(RED), options=options)
    (face,) = result.faces
    assert face.landmarks is not None
    inside = np.zeros(astronaut.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(face.landmarks[48:60]).astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0
    assert np.array_equal(result.image[inside], astronaut[inside])
    x, y = np.round(face.five[2]).astype(int)
    assert tuple(result.image[y, x]) == RED


def test_faces_turned_further_than_max_yaw_stay_as_they_are(group: np.ndarray) -> None:
    faces = painter().detect(group)
    yaws = sorted(abs(head_pose(face.landmarks).yaw_deg) for face in faces if face.landmarks is not None)
    limit = (yaws[3] + yaws[4]) / 2
    result = painter().swap(group, painted(RED), options=replace(PLAIN, max_yaw_deg=limit))
    assert (result.report.faces_found, result.report.faces_swapped) == (6, 4)
    assert set(result.report.skipped.values()) == {f"turned by more than {limit:.0f} degrees"}
    for number in result.report.skipped:
        x, y = np.round(faces[number].five[2]).astype(int)
        assert np.array_equal(result.image[y, x], group[y, x])
