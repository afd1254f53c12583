"""Marking: every saved image and clip says that its faces were swapped.

Four layers: metadata, a hidden watermark in each swapped face, signed content credentials, and an optional visible badge.
"""

from __future__ import annotations

from .mark import FinishReport, MarkOptions, apply_pixels, finish_file, mark_crop, mark_image_file
from .metadata import metadata_text
from .verify import VerifyReport, verify_file

__all__ = [
    "FinishReport",
    "MarkOptions",
    "VerifyReport",
    "apply_pixels",
    "finish_file",
    "mark_crop",
    "mark_image_file",
    "metadata_text",
    "verify_file",
]
