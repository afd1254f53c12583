"""One look at a picture for all methods: each is given the same faces, as each would find them itself."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

from mobilefaceswap_core.detect import Detector, DetectorInfo, Order, load_detector
from mobilefaceswap_core.detect.detector import Close, detect_all
from mobilefaceswap_core.types import Face, Image, Points

from .images import KEPT_IMAGES, MOST_KEPT_PIXELS


class OneLook:
    """A detector, loaded when it is first asked, that remembers what it saw in the last pictures that a reader keeps.

    Args:
        name: of the detector, as ``load_detector`` takes it.
        device: torch device.
    """

    def __init__(self, name: str, *, device: str) -> None:
        self._name, self._device = name, device
        self._seen: OrderedDict[int, tuple[Image, list[Face]]] = OrderedDict()

    @cached_property
    def _detector(self) -> Detector:
        return load_detector(self._name, device=self._device)

    @property
    def info(self) -> DetectorInfo:
        return self._detector.info

    def detect(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`Detector.detect`; not remembered."""
        return self._detector.detect(image, order=order)

    def detect_closely(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`~mobilefaceswap_core.detect.detector.Close.detect_closely`, left to right; remembered."""
        if image.shape[0] * image.shape[1] > MOST_KEPT_PIXELS:
            return detect_all(self._detector, image)
        key = id(image)  # the picture is kept as well, so that no other can have its number
        if key not in self._seen:
            self._seen[key] = image, detect_all(self._detector, image)
            if len(self._seen) > KEPT_IMAGES:
                self._seen.popitem(last=False)
        return list(self._seen[key][1])

    def confirm(self, image: Image, landmarks: Points) -> float:
        """See :meth:`~mobilefaceswap_core.detect.detector.Close.confirm`; 0 where the detector cannot tell."""
        return self._detector.confirm(image, landmarks) if isinstance(self._detector, Close) else 0.0

    def landmarks(self, image: Image, face: Face) -> Points:
        """See :meth:`Detector.landmarks`."""
        return self._detector.landmarks(image, face)
