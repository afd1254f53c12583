"""Short clips made at run time from the photos of ``builtin``: a still face before a camera that moves.

The person, pose and expression of a clip never change; only camera, light and sensor noise do. So whatever identity does from
frame to frame is the swapper's own doing (with the judges' noise, which the row of the target shows).
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.types import Image

from ..images import write_png
from ..pairs import Pair
from .base import Dataset, DatasetRequest
from .builtin import draw_builtin

_CLIPS = 8  # by default
_FRAMES_PER_SECOND = 25
# Amplitude and period in seconds of each movement: a phone held in the hand. Periods share no small multiple.
_SHIFT = (0.03, 1.3)  # of the width, sideways; up and down half of it
_TURN_DEG = (5.0, 1.9)
_ZOOM = (0.05, 2.3)
_LEAN = (0.06, 1.7)  # perspective: how much one side of the picture comes nearer
_LIGHT = (0.08, 1.1)
_NOISE_LEVELS = 2.0  # standard deviation, of 255


def builtin_clips(request: DatasetRequest) -> Dataset:
    """Write clips below ``request.root``, each of ``request.frames`` frames with one source.

    ``request.count`` rounds up to whole clips.

    Raises:
        OptionError: fewer than two frames.
    """
    frames = request.frames
    if frames < 2:
        raise OptionError(f"--frames {frames} makes no clip; give 2 or more.")
    wanted = math.ceil(request.count / frames) if request.count else _CLIPS
    stills = draw_builtin(replace(request, count=None))
    # One clip for each target person, of the photo as it is, with the first source that was drawn for it.
    chosen = {pair.target_identity: pair for pair in reversed(stills.pairs)}
    pairs: list[Pair] = []
    for number, person in enumerate(sorted(chosen)[:wanted]):
        clip = f"clips/{person}"
        still = stills.photos[person]
        random = np.random.default_rng([request.seed, number])
        for frame in range(frames):
            target = f"{clip}/{frame:03d}.png"
            write_png(request.root / target, seen_by_camera(still, frame / _FRAMES_PER_SECOND, random))
            before = pairs[-1] if frame else None
            pairs.append(
                replace(
                    chosen[person],
                    index=len(pairs),
                    target=target,
                    clip=clip,
                    frame=frame,
                    previous=before.index if before else -1,
                    previous_target=before.target if before else "",
                )
            )
    stills.write({pair.source for pair in pairs}, request.root)
    note = f"{len(pairs) // frames} clips of {frames} frames: photos of installed packages before a moving camera"
    return Dataset("builtin-clips", request.root, pairs, stills.problems, None, note)


def seen_by_camera(still: Image, seconds: float, random: np.random.Generator | None = None) -> Image:
    """A still as a phone held in the hand sees it.

    Args:
        still: ``(H, W, 3)`` RGB uint8.
        seconds: since the camera began to move.
        random: gives the sensor's noise; without it there is none.

    Returns:
        As large as the still; what lies beyond its border is mirrored.
    """
    height, width = still.shape[:2]
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    lean = 1 + _wave(_LEAN, seconds) * corners[:, :1]
    angle = math.radians(_wave(_TURN_DEG, seconds))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = (corners * np.hstack([np.ones_like(lean), lean])) @ turn.T * (1 + _wave(_ZOOM, seconds))
    moved += np.array([2.0, 1.0]) * _wave(_SHIFT, seconds)  # the corners span 2 widths
    scale, middle = np.array([width, height]) / 2, np.array([width - 1, height - 1]) / 2
    frame_from_still = cv2.getPerspectiveTransform(
        (corners * scale + middle).astype(np.float32), (moved * scale + middle).astype(np.float32)
    )
    seen = cv2.warpPerspective(
        still, frame_from_still, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    lit = seen * (1 + _wave(_LIGHT, seconds))
    if random is not None:
        lit = lit + random.normal(0, _NOISE_LEVELS, seen.shape)
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def _wave(movement: tuple[float, float], seconds: float) -> float:
    amplitude, period = movement
    return amplitude * math.sin(2 * math.pi * seconds / period)
