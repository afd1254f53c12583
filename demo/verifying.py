"""Reading a visitor's file for marks, within the host's limits."""

from __future__ import annotations

from pathlib import Path

from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.marking import VerifyReport, verify_file

from .clips import check_clip
from .engine import Engine
from .limits import check_size


def verify(engine: Engine, path: str | Path) -> VerifyReport:
    """Look for the marks in a photo or clip.

    Raises:
        ImageError: too large, or neither a photo nor a clip.
        VideoError: a clip over the host's limits.
    """
    check_size(path, engine.settings)
    try:
        engine.read(path)  # checks pixels before anything is decoded
    except ImageError as refused:
        try:
            check_clip(path, engine.settings)
        except Exception as other:
            raise refused from other
    return verify_file(path, detector=engine.pipeline(engine.default_model()).detector)
