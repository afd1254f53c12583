"""What the identity loss sees of an output: the picture that the finish makes of it."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from mobilefaceswap_core.blend.gaze import bring_back_gaze, eye_tones, gaze_weights
from mobilefaceswap_core.blend.lids import bring_back_lids, closing
from mobilefaceswap_core.blend.mouth import bring_back_mouth, mouth_share
from mobilefaceswap_core.faces.landmarks68 import INNER_LIPS, LEFT_EYE, OUTER_LIPS
from mobilefaceswap_core.training.student.finished import as_shown, shown_weights
from tests.fakes.training_faces import schematic_face

torch.set_num_threads(1)
SIDE = 224


def moving_face() -> np.ndarray:
    """Landmarks in [0, 1] with one eye shut and the lips apart."""
    points = schematic_face().copy()
    middle = points[LEFT_EYE][:, 1].mean()
    points[LEFT_EYE, 1] = middle + 0.1 * (points[LEFT_EYE, 1] - middle)
    for lips in (INNER_LIPS, OUTER_LIPS):
        below = points[lips, 1] > points[INNER_LIPS, 1].mean()
        points[lips, 1] += 0.06 * below
    return points


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 216, (28, 28, 3), dtype=np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def test_the_loss_sees_what_the_finish_shows() -> None:
    points, swapped, target = moving_face(), picture(0), picture(1)
    own = points * SIDE
    eyes = gaze_weights(own, SIDE)
    tones = eye_tones(swapped, target, eyes, closing(own))
    wanted = bring_back_gaze(swapped, target, eyes, tones, strength=1)
    wanted = bring_back_lids(wanted, target, own, closing(own))
    wanted = bring_back_mouth(wanted, target, own, mouth_share(own))
    seen = as_shown(tensor(swapped), tensor(target), torch.from_numpy(shown_weights(points[None], SIDE)))
    difference = np.abs(255 * seen[0].permute(1, 2, 0).numpy().clip(0, 1) - wanted)
    assert np.abs(wanted.astype(int) - swapped).max() > 60, "the stages did nothing"
    # The finish keeps eight bits between its stages, and multiplies shares that lie over each other.
    assert difference.mean() < 0.2 and np.quantile(difference, 0.999) < 4


def test_no_likeness_is_asked_for_where_the_target_shows() -> None:
    points = moving_face()
    swapped = tensor(picture(0)).requires_grad_()
    as_shown(swapped, tensor(picture(1)), torch.from_numpy(shown_weights(points[None], SIDE))).sum().backward()
    gradient = swapped.grad[0].abs().sum(0).numpy()
    for middle in (points[LEFT_EYE].mean(0), points[INNER_LIPS].mean(0)):
        x, y = (middle * SIDE).astype(int)
        assert gradient[y, x] < 0.1
    x, y = (points[30] * SIDE).astype(int)  # the tip of the nose
    assert gradient[y, x] == 3
