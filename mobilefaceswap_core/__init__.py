"""MobileFaceSwap in PyTorch: everything that swaps a face.

>>> from mobilefaceswap_core.pipeline import Pipeline
>>> Pipeline.load(detector="lite", device="cpu").swapper.info.name  # what is used for stills when nobody chooses
'graphics'
"""

__version__ = "0.1.0"
