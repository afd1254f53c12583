"""What one detector did over pictures whose faces are known."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..detect.detector import Detector
from ..faces.geometry import five_from_68
from ..types import Face, Image, Points
from .collages import eye_distance, landmark_error, match


@dataclass(slots=True)
class Tally:
    """Counts of one detector; it grows with every picture.

    Attributes:
        faces: that were there.
        found: of them.
        false: detections that match none.
        errors_five: of found faces, mean distance of the five alignment points, by the distance of the eyes.
        times_ms: of each search.
    """

    faces: int = 0
    found: int = 0
    false: int = 0
    errors_five: list[float] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)

    def look(self, detector: Detector, image: Image, truths: Sequence[Points]) -> tuple[list[Face], dict[int, int]]:
        """Have the detector search a picture.

        Args:
            detector: always the same one.
            image: ``(H, W, 3)`` RGB uint8.
            truths: ``(68, 2)`` px of each of its faces.

        Returns:
            What it found, and the index of the found face by that of the true one.
        """
        started = time.perf_counter()
        faces = detector.detect(image)
        self.times_ms.append((time.perf_counter() - started) * 1e3)
        found = match(faces, truths)
        self.faces += len(truths)
        self.found += len(found)
        self.false += len(faces) - len(found)
        for place, chosen in found.items():
            truth = truths[place]
            self.errors_five.append(
                landmark_error(faces[chosen].five, five_from_68(truth), eyes_px=eye_distance(truth))
            )
        return faces, found


def median(values: Sequence[float]) -> float:
    """The median; not a number where there are no values."""
    return statistics.median(values) if values else float("nan")
