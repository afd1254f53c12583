"""MobileFaceSwap in PyTorch: everything that swaps a face.

>>> from mobilefaceswap_core.pipeline import Pipeline   # doctest: +SKIP
>>> pipeline = Pipeline.load()                           # doctest: +SKIP
"""

__version__ = "0.1.0"
