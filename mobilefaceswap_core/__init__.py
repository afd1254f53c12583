"""MobileFaceSwap in PyTorch: everything that swaps a face.

>>> from mobilefaceswap_core.pipeline import Pipeline
>>> Pipeline.load(detector="lite", device="cpu").swapper.info.name  # what is used for stills when nobody chooses
'graphics'
"""

import os

# Wheels of ONNX Runtime since 1.29 send events to their maker unless they are told not to before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
