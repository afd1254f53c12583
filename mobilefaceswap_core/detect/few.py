"""A detector for a job with a budget: the largest faces of each picture, so that a crowd costs what a group does."""

from __future__ import annotations

from collections.abc import Sequence

from ..faces.choose import largest_few
from ..types import Face, Image, Points
from .detector import Again, Close, Detector, DetectorInfo, Order


class LargestFaces:
    """Passes a detector's largest faces on. One object per job: it counts what it leaves out.

    Attributes:
        left_out: most faces of one picture that were left out so far.
    """

    def __init__(self, detector: Detector, most: int) -> None:
        self._detector, self._most = detector, most
        self.left_out = 0

    @property
    def info(self) -> DetectorInfo:
        return self._detector.info

    def detect(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`Detector.detect`."""
        return self._few_of(self._detector.detect(image, order=order))

    def detect_closely(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`~.detector.Close.detect_closely`; as :meth:`detect` where the detector has but one way to look."""
        look = self._detector.detect_closely if isinstance(self._detector, Close) else self._detector.detect
        return self._few_of(look(image, order=order))

    def detect_again(self, image: Image, known: Sequence[Face]) -> list[Face]:
        """See :meth:`~.detector.Again.detect_again`; as :meth:`detect` where the detector looks for all landmarks anyway."""
        if not isinstance(self._detector, Again):
            return self.detect(image)
        return self._few_of(self._detector.detect_again(image, known))

    def confirm(self, image: Image, landmarks: Points) -> float:
        """See :meth:`~.detector.Close.confirm`; 0 where the detector cannot tell."""
        return self._detector.confirm(image, landmarks) if isinstance(self._detector, Close) else 0.0

    def _few_of(self, found: list[Face]) -> list[Face]:
        kept = largest_few(found, range(len(found)), self._most)
        self.left_out = max(self.left_out, len(found) - len(kept))
        return [found[number] for number in kept]

    def landmarks(self, image: Image, face: Face) -> Points:
        """See :meth:`Detector.landmarks`."""
        return self._detector.landmarks(image, face)
