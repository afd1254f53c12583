from types import SimpleNamespace

from mediapipe import FaceLandmarker

BaseOptions = SimpleNamespace
vision = SimpleNamespace(FaceLandmarkerOptions=SimpleNamespace, FaceLandmarker=FaceLandmarker)
