"""Marking: every saved image and clip says that its faces were swapped.

Four layers: metadata, a hidden watermark in each swapped face, signed content credentials, and an optional visible badge.
"""

from __future__ import annotations

from .mark import UNMARKED, MarkOptions, MarkReport, apply_pixels, finish_file, mark_crop, save_image, tags_of_clip
from .metadata import metadata_text
from .stage import marking_stage
from .verify import VerifyReport, verify_file

__all__ = [
    "UNMARKED",
    "MarkOptions",
    "MarkReport",
    "VerifyReport",
    "apply_pixels",
    "finish_file",
    "mark_crop",
    "marking_stage",
    "metadata_text",
    "save_image",
    "tags_of_clip",
    "verify_file",
]
