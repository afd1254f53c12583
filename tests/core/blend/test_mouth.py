"""Opening mouths: how far, where, and over time."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap_core.blend import mouth
from mobilefaceswap_core.blend.memory import FaceMemory
from mobilefaceswap_core.blend.mouth import bring_back_mouth, mouth_share, mouth_weight
from mobilefaceswap_core.faces.landmarks68 import BROWS, CHIN, INNER_LIPS, LEFT_EYE, NOSE, OUTER_LIPS, mouth_opening
from tests.fakes.training_faces import schematic_face

SIDE = 224
SWAPPED, TARGET = np.full((SIDE, SIDE, 3), 200, np.uint8), np.full((SIDE, SIDE, 3), 90, np.uint8)


def face(opening: float) -> np.ndarray:
    """Landmarks whose inner lips are this far apart, as a share of the distance of the eyes' outer corners."""
    points = schematic_face() * SIDE
    apart = opening * np.linalg.norm(points[LEFT_EYE.start] - points[45])
    middle = points[INNER_LIPS][:, 1].mean()
    points[[61, 62, 63], 1], points[[65, 66, 67], 1] = middle - apart / 2, middle + apart / 2
    points[[49, 50, 51, 52, 53], 1] = middle - apart / 2 - 6
    points[[55, 56, 57, 58, 59], 1] = middle + apart / 2 + 6
    return points


def test_a_closed_mouth_is_the_swapped_faces_and_an_open_one_the_targets() -> None:
    middle = (mouth._BEGINS + mouth._ENDS) / 2
    got = [mouth_share(face(opening)) for opening in (0, mouth._BEGINS, middle, mouth._ENDS, 0.4)]
    assert got == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-6)
    assert mouth_opening(face(0.2) * 3 + 7) == pytest.approx(0.2)
    assert bring_back_mouth(SWAPPED, TARGET, face(0), mouth_share(face(0))) is SWAPPED


def test_lips_and_what_lies_between_come_back_and_nose_eyes_and_chin_do_not() -> None:
    points = face(0.15)
    result = bring_back_mouth(SWAPPED, TARGET, points, 1.0)
    for x, y in [points[INNER_LIPS].mean(0), *points[OUTER_LIPS]]:
        assert (result[round(y), round(x)] == 90).all()
    for x, y in [*points[NOSE][:4], *points[LEFT_EYE], *points[BROWS]]:
        assert (result[round(y), round(x)] == 200).all()
    x, y = points[CHIN]
    assert (result[round(y), round(x)] > 190).all(), "the edge of the weight, at most"
    half = bring_back_mouth(SWAPPED, TARGET, points, 0.5)
    assert {int(half.min()), int(half.max())} == {145, 200}
    teeth = bring_back_mouth(SWAPPED, TARGET, points, 1.0, strength=0.5)
    (x, y), (lip_x, lip_y) = points[INNER_LIPS].mean(0), points[OUTER_LIPS][3]
    assert (teeth[round(y), round(x)] == 90).all() and (teeth[round(lip_y), round(lip_x)] == 200).all()
    assert (bring_back_mouth(SWAPPED, TARGET, points, 1.0, strength=0.25)[round(y), round(x)] == 145).all()
    assert (SWAPPED == 200).all()


@pytest.mark.parametrize("side", [64, 448, 900])
def test_the_weight_is_the_same_at_every_size(side: int) -> None:
    share = mouth_weight(face(0.3) * side / SIDE, 1.0, side).mean()
    assert share == pytest.approx(mouth_weight(face(0.3), 1.0, SIDE).mean(), rel=0.25)


def test_a_syllable_of_a_tenth_of_a_second_is_seen_and_nothing_jumps() -> None:
    memory = FaceMemory()
    openings = [0.0] * 10 + [0.5, 1, 1, 0.5] + [0.0] * 10
    shown = [memory.mouth((share,), time_s=number / 25)[0] for number, share in enumerate(openings)]
    assert max(shown) > 0.9 and max(shown[:10]) == 0 and shown[-1] < 0.05
    assert np.abs(np.diff(shown)).max() < 0.6
    assert memory.mouth((1.0,), time_s=60.0) == (1.0,), "after a gap nothing is averaged"
