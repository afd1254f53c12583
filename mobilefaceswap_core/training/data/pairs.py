"""Which source goes with which target: different people in a similar pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...blend.lids import closing
from ...errors import OptionError
from ...faces.landmarks68 import LEFT_EYE, NOSE_TIP, RIGHT_EYE
from ..student.options import PairOptions

_DRAWS = 60  # of a new source for a pair that does not fit; after that the pair is left out
_PITCH_SPREAD = 0.16  # of usable faces about the median, from the prototype


def pose_signature(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Two cheap numbers that follow the head's turn and nod.

    Args:
        landmarks: ``(N, 68, 2)`` in any unit.

    Returns:
        ``(N, 2)``: where the nose tip is between the ends of the jaw (0 in the middle, ±0.5 at an end), and where it is
        between eyes (0) and mouth (1).
    """
    points = np.asarray(landmarks, np.float64)
    jaw_left, jaw_right, nose = points[:, 0], points[:, 16], points[:, NOSE_TIP]
    eyes = (points[:, LEFT_EYE].mean(1) + points[:, RIGHT_EYE].mean(1)) / 2
    mouth = points[:, 48:68].mean(1)
    width = np.abs(jaw_right[:, 0] - jaw_left[:, 0])
    height = mouth[:, 1] - eyes[:, 1]
    yaw = (nose[:, 0] - (jaw_left[:, 0] + jaw_right[:, 0]) / 2) / np.maximum(width, 1e-6)
    pitch = (nose[:, 1] - eyes[:, 1]) / np.where(np.abs(height) < 1e-6, 1e-6, height)
    return np.stack([yaw, pitch], 1)


def closed_eyes(landmarks: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which faces of ``(N, 68, 2)`` landmarks have both eyes more than half closed."""
    return np.array([min(closing(points)) > 0.5 for points in np.asarray(landmarks, np.float64)], bool)


def choose_pairs(
    landmarks: NDArray[np.floating],
    identity: NDArray[np.int64],
    weight: NDArray[np.floating],
    options: PairOptions,
    *,
    seed: int,
) -> NDArray[np.int64]:
    """Draw targets and sources.

    Args:
        landmarks: ``(N, 68, 2)``.
        identity: ``(N,)``; a pair never joins equal numbers.
        weight: ``(N,)`` how often each crop is drawn.

    Returns:
        ``(M, 2)`` target and source indices, M at most ``options.count``.

    Raises:
        OptionError: no pair fits.
    """
    generator = np.random.default_rng(seed)
    pose = pose_signature(landmarks)
    usable = (np.abs(pose[:, 0]) < options.frontal) & (np.abs(pose[:, 1] - np.median(pose[:, 1])) < _PITCH_SPREAD)
    chance = np.where(usable, weight, 0.0).astype(np.float64)
    if not chance.any():
        raise OptionError(f"None of {len(chance)} faces is frontal enough to pair; raise teacher.frontal.")
    chance /= chance.sum()
    targets = generator.choice(len(chance), options.count, p=chance)
    # A source with closed eyes shows less of who it is, and a teacher that warps it draws closed eyes everywhere.
    seeing = chance * ~closed_eyes(landmarks)
    if not seeing.any():
        raise OptionError(f"All of {len(chance)} faces have closed eyes; add faces that can be sources.")
    seeing /= seeing.sum()
    sources = generator.choice(len(chance), options.count, p=seeing)
    limits = np.array([options.source_yaw, options.source_pitch])

    def unfit() -> NDArray[np.bool_]:
        apart = np.abs(pose[targets] - pose[sources]) > limits
        return (identity[targets] == identity[sources]) | apart.any(1)

    for _ in range(_DRAWS):
        bad = unfit()
        if not bad.any():
            break
        sources[bad] = generator.choice(len(chance), int(bad.sum()), p=seeing)
    fitting = ~unfit()
    if not fitting.any():
        raise OptionError(
            f"No two people among {len(chance)} faces have a similar pose; raise teacher.source_yaw or source_pitch."
        )
    return np.stack([targets, sources], 1)[fitting]
