"""MobileFaceSwap in PyTorch: everything that swaps a face.

>>> from mobilefaceswap_core import Pipeline, read_image
>>> pipeline = Pipeline.load("student", device="cpu")
>>> source = pipeline.prepare_source([read_image("me.jpg").image])
>>> photo = read_image("group.jpg")
>>> pipeline.swap(photo.image, source, faces="largest").save("swapped.png", like=photo).applied
('watermark', 'metadata', 'credentials')

What stands here is meant for others; a name is loaded when it is first used, so that importing the package stays cheap.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detect import Detector, load_detector
    from .files.images import LoadedImage, read_image, write_image
    from .marking import UNMARKED, MarkOptions, verify_file
    from .models import load_swapper
    from .options import SwapOptions
    from .pipeline import Pipeline, Source, SwapResult
    from .swapper import Swapper, SwapperInfo
    from .types import AlignedFace, CropSpec, Face, SwappedCrop
    from .video import LiveSwapper, VideoOptions, swap_video

# Wheels of ONNX Runtime since 1.29 send events to their maker unless they are told not to before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

_HOMES = {
    "detect": ("Detector", "load_detector"),
    "files.images": ("LoadedImage", "read_image", "write_image"),
    "marking": ("UNMARKED", "MarkOptions", "verify_file"),
    "models": ("load_swapper",),
    "options": ("SwapOptions",),
    "pipeline": ("Pipeline", "Source", "SwapResult"),
    "swapper": ("Swapper", "SwapperInfo"),
    "types": ("AlignedFace", "CropSpec", "Face", "SwappedCrop"),
    "video": ("LiveSwapper", "VideoOptions", "swap_video"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "UNMARKED",
    "AlignedFace",
    "CropSpec",
    "Detector",
    "Face",
    "LiveSwapper",
    "LoadedImage",
    "MarkOptions",
    "Pipeline",
    "Source",
    "SwapOptions",
    "SwapResult",
    "SwappedCrop",
    "Swapper",
    "SwapperInfo",
    "VideoOptions",
    "load_detector",
    "load_swapper",
    "read_image",
    "swap_video",
    "verify_file",
    "write_image",
]


def __getattr__(name: str) -> Any:
    """A public name, from the module it stands in."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
