"""The one-euro filter: calm landmarks while a face rests, little lag while it moves."""

from __future__ import annotations

import numpy as np

from ..types import Points

# Measured at 25 frames per second with the lite detector: jitter of a resting face under sensor noise falls to 0.18 of what
# it was, and a face that moves one or four eye distances per second lags by 1 % of the eye distance. With 8 instead of 16
# the lag doubles; with 2.5 Hz instead of 1 the jitter does.
MIN_CUTOFF_HZ = 1.0
BETA_HZ = 16.0  # more cutoff per eye distance and second
SPEED_CUTOFF_HZ = 1.0  # of the speed estimate; the authors' value


class OneEuroFilter:
    """Low-pass filter of points whose cutoff rises with their speed.

    Source:
        Casiez, Roussel and Vogel, CHI 2012. Speeds are measured in eye distances per second, so that one setting serves
        faces of every size.
    """

    def __init__(self, *, min_cutoff_hz: float = MIN_CUTOFF_HZ, beta_hz: float = BETA_HZ) -> None:
        self._min_cutoff_hz, self._beta_hz = min_cutoff_hz, beta_hz
        self._points: Points | None = None
        self._raw: Points | None = None
        self._velocity: Points | None = None
        self._time_s = 0.0

    def __call__(self, points: Points, *, time_s: float, scale_px: float) -> Points:
        """Filter the next points.

        Args:
            points: ``(N, 2)`` pixels.
            time_s: later than that of the call before; otherwise the points come back as they are.
            scale_px: distance of the eyes.
        """
        step_s = time_s - self._time_s
        self._time_s = time_s
        if self._points is None or self._raw is None or self._velocity is None or step_s <= 0:
            self._points, self._raw, self._velocity = points, points, np.zeros_like(points)
            return points
        velocity = (points - self._raw) / (step_s * max(scale_px, 1.0))
        self._velocity = self._velocity + _gain(np.array(SPEED_CUTOFF_HZ), step_s) * (velocity - self._velocity)
        # Common motion of the head and own motion of a point (a mouth that opens), whichever is faster.
        common = np.linalg.norm(self._velocity.mean(0))
        own = np.linalg.norm(self._velocity, axis=1, keepdims=True)
        cutoff = self._min_cutoff_hz + self._beta_hz * np.maximum(common, own)
        self._points = self._points + _gain(cutoff, step_s) * (points - self._points)
        self._raw = points
        return self._points


def _gain(cutoff_hz: np.ndarray, step_s: float) -> np.ndarray:
    return 1.0 / (1.0 + 1.0 / (2 * np.pi * cutoff_hz * step_s))
