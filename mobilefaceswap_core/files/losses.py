"""What a result cannot carry of the photo that it was made from: one sentence each, for whoever gets the result."""

from __future__ import annotations

import os
from collections.abc import Collection

from .exif import Facts
from .formats import Format, format_of
from .images import LoadedImage

_OWN_TEXT = ("Software", "Comment", "Model")  # what marking writes into every result


def losses(like: LoadedImage, path: str | os.PathLike[str], *, personal: bool = False) -> tuple[str, ...]:
    """What :func:`~.images.write_image` leaves out of a photo.

    Args:
        like: the photo as it was read.
        path: of the result; its extension names the format.
        personal: as there.

    Returns:
        Sentences without a full stop; none for a result that lacks nothing.
    """
    row = format_of(path)
    if row is None or not row.modes:
        return ()
    found = [*_of_pixels(like, row, row.modes), *_of_facts(like.facts, row, personal=personal)]
    if like.icc_profile and row.name == "BMP":
        found.append("BMP has no place for the colour profile; it was left out")
    texts = [key for key in like.text if key not in _OWN_TEXT]
    if texts and not personal:
        found.append(f"{len(texts)} of the photo's own texts were left out")
    elif texts and not row.statement:
        found.append(f"{row.name} has no room for texts; {len(texts)} were left out")
    return tuple(found)


def _of_pixels(like: LoadedImage, row: Format, modes: Collection[str]) -> list[str]:
    found = []
    if like.frames > 1:
        kind = "pages" if like.format == "TIFF" else "pictures"
        found.append(f"the file holds {like.frames} {kind}; only the first was swapped and written")
    if like.mode in modes:
        return found
    if like.mode.endswith("16"):
        found.append(f"16 bits a sample became 8: {row.name} is written with 8 here")
    if like.alpha is not None and "RGBA" not in modes:
        found.append(f"{row.name} has no transparency; it was laid over white")
    if like.mode == "CMYK":
        found.append(f"{row.name} has no inks: CMYK and its profile became RGB")
    return found


def _of_facts(facts: Facts, row: Format, *, personal: bool) -> list[str]:
    found = []
    if not row.statement and (facts.main or facts.own):  # no place for EXIF either
        found.append(f"{row.name} has no place for date and camera; they were left out")
    if facts.personal and not (personal and row.statement):
        what = "where it was taken" if facts.location else "by whom or whose it is"
        found.append(f"what the photo says of {what} was left out")
    return found
