"""Motion over a clip: do the swapped eyes and mouth open and close as the target's do?

Every frame gives two openings of target and swapped face; a clip gives the slope and the correlation of one against the
other. Blinks and speech are what a viewer of a video sees, and no number of a single frame shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.landmarks68 import LEFT_EYE, RIGHT_EYE, eye_opening, mouth_opening
from mobilefaceswap_core.types import Points

from .base import Metric, MetricSpec, OverClip
from .gaze_error import lids_opening
from .sample import NoReferenceError, Sample, landmarks_of

Vector = NDArray[np.float64]

LEAST_FRAMES = 8
# Openings whose 5 to 95 % range is smaller do not move. Landmarks of a still face before a moving camera (builtin-clips)
# range over at most .030; those of people who talk over .094 and more.
LEAST_RANGE = 0.06
_STILL = 1e-9  # a swapped opening that varies less is one number and rounding, and correlates with nothing


def eyes_opening(landmarks: Points) -> float:
    """Height over width, mean of both eyes; about 0.3 when open."""
    return (eye_opening(landmarks, LEFT_EYE) + eye_opening(landmarks, RIGHT_EYE)) / 2


OF_LANDMARKS: dict[str, Callable[[Points], float]] = {"eyes": eyes_opening, "mouth": mouth_opening}
LIDS = "lids"  # the eyes' openings as a judge of gaze sees them
READINGS = (*OF_LANDMARKS, LIDS)


def openings_of(sample: Sample, *, gaze: Iterable[Sample] = ()) -> dict[str, list[float | None]]:
    """Target and swapped opening by reading; ``None`` for a swapped image that was not made or shows no face.

    Args:
        sample: with landmarks.
        gaze: the same as each judge of gaze sees it. The first that tells how far the target's eyes are open gives the lids.
    """
    swapped = landmarks_of(sample.swapped_face) if sample.status == "ok" else None
    target = landmarks_of(sample.target_face)
    openings: dict[str, list[float | None]] = {
        name: [read(target), None if swapped is None else read(swapped)] for name, read in OF_LANDMARKS.items()
    }
    lids = ([lids_opening(view.said.target), lids_opening(view.said.swapped)] for view in gaze)
    known = next((both for both in lids if both[0] is not None), None)
    return openings if known is None else {**openings, LIDS: known}


def slope(target: Vector, swapped: Vector) -> float:
    """Least-squares slope of the swapped openings over the target's: 1 when they follow, 0 when they do not move.

    Args:
        target: ``(N,)`` openings of the target.
        swapped: ``(N,)`` of the swapped face, ``NaN`` where none is there. Such a frame counts as one that did not follow:
            it takes the mean of the others.

    Raises:
        NoReferenceError: fewer than :data:`LEAST_FRAMES` frames, or a target that does not move.

    >>> opening = np.linspace(0.1, 0.3, 9)
    >>> round(slope(opening, 0.5 * opening + 0.1), 6)
    0.5
    """
    wanted, found = _centred(target, swapped)
    return float(wanted @ found / (wanted @ wanted))


def correlation(target: Vector, swapped: Vector) -> float:
    """Pearson's correlation of the same openings, in [-1, 1]; 0 where the swapped face does not move at all."""
    wanted, found = _centred(target, swapped)
    if np.ptp(found) < _STILL:
        return 0.0
    lengths = float(np.sqrt((wanted @ wanted) * (found @ found)))
    return float(np.clip(wanted @ found / lengths, -1.0, 1.0))


def reason_without(target: Vector) -> str | None:
    """Why a clip gives no number, whatever the method did; ``None`` when it gives one."""
    if len(target) < LEAST_FRAMES:
        return f"has fewer than {LEAST_FRAMES} frames with a face"
    low, high = np.quantile(target, [0.05, 0.95])
    return None if high - low >= LEAST_RANGE else "does not move"


def _centred(target: Vector, swapped: Vector) -> tuple[Vector, Vector]:
    if target.ndim != 1 or target.shape != swapped.shape or not np.isfinite(target).all():
        raise OptionError(
            f"Openings have shapes {target.shape} and {swapped.shape}; wanted (N,) each, the target's finite."
        )
    if (reason := reason_without(target)) is not None:
        raise NoReferenceError(f"the target {reason}")
    there = np.isfinite(swapped)
    filled = np.where(there, swapped, swapped[there].mean() if there.any() else 0.0)
    return target - target.mean(), filled - filled.mean()


def _metric(
    key: str,
    label: str,
    reading: str,
    what: str,
    reduce: Callable[[Vector, Vector], float],
    *,
    judge_kind: str = "none",
) -> Metric:
    by_slope = reduce is slope
    definition = (
        f"{'Least-squares slope' if by_slope else 'Correlation'} of {what} over the frames of a clip, swapped against target"
        f"{' (1: follows, 0: does not move)' if by_slope else ''}; mean over clips. Clips of at least {LEAST_FRAMES} frames whose "
        f"target moves (5 to 95 % range of at least {LEAST_RANGE}); a frame without a swapped face counts as one that did not follow."
    )
    spec: dict[str, Any] = {"key": key, "label": label, "definition": definition, "worst": 0.0}
    return Metric(
        MetricSpec(
            **spec,
            higher_is_better=None if by_slope else True,
            source="this project; openings as in Soukupova and Cech 2016 (eye aspect ratio)",
            headline=by_slope,
        ),
        None,
        over_clip=OverClip(reading, reduce, judge_kind),
    )


_EYES = "the eyes' height over width"
_MOUTH = "the lips' distance over that of the eyes' outer corners"
EYES = _metric("eye_motion", "eye motion", "eyes", _EYES, slope)
EYES_FOLLOW = _metric("eye_correlation", "eye correlation", "eyes", _EYES, correlation)
LIDS_SEEN = _metric(
    "lid_motion", "lid motion", LIDS, "the lids' distance over the eye's width by the judge of gaze, which sees an eye alone", slope,
    judge_kind="gaze",
)  # fmt: skip
MOUTH = _metric("mouth_motion", "mouth motion", "mouth", _MOUTH, slope)
MOUTH_FOLLOWS = _metric("mouth_correlation", "mouth correlation", "mouth", _MOUTH, correlation)
