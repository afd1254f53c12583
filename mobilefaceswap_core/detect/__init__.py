"""Find faces: one interface, three real backends (``insightface``, ``dlib``, ``lite``).

>>> from mobilefaceswap_core import load_detector, read_image
>>> detector = load_detector("lite", device="cpu")
>>> faces = detector.detect(read_image("group.jpg").image)
>>> len(faces), faces[0].landmarks.shape
(6, (68, 2))
>>> detector.info.licence, detector.info.reason
('MIT (npm package faceplugin-face-recognition-js 0.0.1)', 'lite was asked for')
"""

from .detector import Detector, DetectorInfo, Order, sort_faces
from .load import DETECTORS, available_detectors, load_detector

__all__ = ["DETECTORS", "Detector", "DetectorInfo", "Order", "available_detectors", "load_detector", "sort_faces"]
