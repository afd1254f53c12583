"""Clips and live frames: ``swap_video``, ``find_people`` and ``LiveSwapper``.

>>> from mobilefaceswap_core.video import run_to_end, swap_video  # doctest: +SKIP
>>> report = run_to_end(swap_video(pipeline, "in.mp4", "out.mp4", source))  # doctest: +SKIP
"""

from .clip import WHOLE, Part
from .job import run_to_end, swap_video
from .live import LiveStats, LiveSwapper
from .options import VideoOptions
from .people import Person, find_people
from .report import VideoEvent, VideoReport
from .writer import EncodeOptions

__all__ = [
    "WHOLE",
    "EncodeOptions",
    "LiveStats",
    "LiveSwapper",
    "Part",
    "Person",
    "VideoEvent",
    "VideoOptions",
    "VideoReport",
    "find_people",
    "run_to_end",
    "swap_video",
]
