"""Find faces: one interface, three real backends (``insightface``, ``dlib``, ``lite``).

>>> from mobilefaceswap_core.detect import load_detector      # doctest: +SKIP
>>> detector = load_detector("auto")                           # doctest: +SKIP
>>> detector.info.name, detector.info.reason                   # doctest: +SKIP
"""

from .detector import Detector, DetectorInfo, Order, sort_faces
from .load import DETECTORS, available_detectors, load_detector

__all__ = ["DETECTORS", "Detector", "DetectorInfo", "Order", "available_detectors", "load_detector", "sort_faces"]
