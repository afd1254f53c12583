"""Reading a visitor's file for marks, within the host's limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mobilefaceswap_core.errors import ImageError, SwapError
from mobilefaceswap_core.marking import VerifyReport, verify_file

from ..limits import check_size
from .auditing import door
from .budgets import budget_of
from .clips import check_clip
from .engine import Engine

# Photos in the same container as MP4 (ISO/IEC 23008-12 and AVIF).
_PHOTO_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"avif", b"avis")

# The largest of a picture. One without a mark is searched to the end: 1.2 s each on a busy machine, 32 for most of a minute.
_MOST_FACES = 4


def looks_like_a_clip(path: str | Path) -> bool:
    """Whether a file begins like a container of pictures and sound; its name is not believed."""
    with Path(path).open("rb") as file:
        start = file.read(12)
    mp4 = start[4:8] == b"ftyp" and start[8:12] not in _PHOTO_BRANDS
    return mp4 or start.startswith(b"\x1aE\xdf\xa3") or (start.startswith(b"RIFF") and start[8:12] == b"AVI ")


@door("verify")
def verify(engine: Engine, path: str | Path) -> VerifyReport:
    """Look for the marks in a photo or clip.

    Raises:
        ImageError: too large, or neither a photo nor a clip.
        VideoError: a clip over the host's limits.
        BudgetError: it takes longer than the host allows.
    """
    check_size(path, engine.settings)
    if looks_like_a_clip(path):
        check_clip(path, engine.settings)
    else:
        try:
            engine.read(path)  # checks pixels before anything is decoded
        except ImageError as refused:
            try:
                check_clip(path, engine.settings)  # in one of the rarer containers
            except SwapError as other:
                raise refused from other
    detector = engine.pipeline(engine.default_model()).detector
    budget = budget_of(engine.settings)
    return verify_file(
        path, detector=detector, budget=replace(budget, faces=min(_MOST_FACES, budget.faces or _MOST_FACES))
    )
