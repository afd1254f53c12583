"""What a result keeps of the clip or photo that it was made from: every property in every format that is written.

``python -m tests.corpus page`` writes the table into the page of the docs; the tests hold it to what comes out. A cell is
``kept``, or ``note``: left out and told. There is nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from mobilefaceswap_core.files.media import open_media

from . import photos
from .clips import Recipe, make, picture

KEPT, NOTE = "kept", "note"
CLIP_RESULTS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts")
PHOTO_RESULTS = (".png", ".jpg", ".webp", ".tif", ".bmp")

RICH = Recipe(
    sound="aac", sound_tracks=2, sound_tag={"language": "spa", "title": "Voz"}, subtitles="subrip", attachment=True,
    chapters=(0, 0.2), tags={"title": "A day", "comment": "mine", "date": "2024"}, cover=False, twice=True,
)  # fmt: skip


def rich_clip(folder: Path) -> Path:
    """A Matroska file that holds everything at once."""
    return make(folder / "rich.mkv", RICH)


def _streams(path: Path, kind: str) -> list[Any]:
    with open_media(path) as container:
        return [(dict(s.metadata), int(s.disposition), s) for s in container.streams if s.type == kind]


def _sounds(path: Path) -> list[tuple[dict[str, str], int]]:
    return [(tags, disposition) for tags, disposition, _ in _streams(path, "audio")]


def _tags(path: Path) -> dict[str, str]:
    with open_media(path) as container:
        return {key.casefold(): value for key, value in container.metadata.items()}


def _chapters(path: Path) -> int:
    with open_media(path) as container:
        return len(container.chapters())


# What is asked of a result, and a word of the note that is there if the answer is no.
CLIP_PROPERTIES: dict[str, tuple[Callable[[Path], bool], str]] = {
    "both tracks of sound": (lambda p: len(_sounds(p)) == 2, "audio, aac"),
    "titles of the tracks": (
        lambda p: bool(_sounds(p)) and all("Voz" in tags.values() for tags, _ in _sounds(p)),
        "title",
    ),
    "languages": (
        lambda p: bool(_sounds(p)) and all(tags.get("language") == "spa" for tags, _ in _sounds(p)),
        "language",
    ),
    "that the second one is a comment": (lambda p: [d & 8 for _, d in _sounds(p)] == [0, 8], "disposition"),
    "subtitles": (lambda p: bool(_streams(p, "subtitle")), "subtitle"),
    "fonts": (lambda p: bool(_streams(p, "attachment")), "attachment"),
    "chapters": (lambda p: _chapters(p) == 2, "chapters"),
    "title": (lambda p: _tags(p).get("title") == "A day", "title"),
    "date": (lambda p: "2024" in (_tags(p).get("date", ""), _tags(p).get("creation_time", "")[:4]), "date"),
    "comment": (lambda p: _tags(p).get("comment") == "mine", "comment"),
    "the second track of pictures": (lambda p: False, "one is swapped"),
}
# A track that is gone takes these with it, and its own note tells of both.
_OF_SOUND = ("titles of the tracks", "languages", "that the second one is a comment")


def clip_cells(result: Path, notes: list[str]) -> dict[str, str]:
    """The column of one format; a property that is neither there nor told of is missing from it."""
    cells = {}
    for name, (there, word) in CLIP_PROPERTIES.items():
        if there(result):
            cells[name] = KEPT
        elif any(word in note.casefold() for note in notes) or (
            name in _OF_SOUND and any("audio, aac" in note for note in notes)
        ):
            cells[name] = NOTE
    return cells


def rich_photo(folder: Path, kind: str) -> Path:
    """A photo that says much, in one of three layouts."""
    path = folder / f"{kind}.png"
    if kind == "deep":
        photos.deep(path)
        return path
    exif = PillowImage.Exif()
    exif[photos.MODEL], exif.get_ifd(photos.EXIF)[photos.DATE_TAKEN] = photos.CAMERA, photos.TAKEN
    exif.get_ifd(photos.PLACE).update({1: "N", 2: (48.0, 8.0, 0.0)})
    image = PillowImage.fromarray(picture(0, alpha=kind == "transparent"))
    profile = (b"\0" * 36 + b"acsp").ljust(200, b"\0")
    image.save(path, exif=exif, dpi=(photos.DPI, photos.DPI), icc_profile=profile)
    return path


PHOTO_PROPERTIES: dict[str, tuple[str, Callable[[Path, Path], bool], str]] = {
    "16 bits a colour": ("deep", photos.same_depth, "16 bits"),
    "transparency": ("transparent", lambda a, b: _is_transparent(b), "transparency"),
    "colour profile": ("plain", lambda a, b: _profile(a) == _profile(b), "profile"),
    "date and camera": ("plain", lambda a, b: _taken(b) == (photos.CAMERA, photos.TAKEN), "date and camera"),
    "resolution for print": ("plain", lambda a, b: _dpi(b) == round(photos.DPI), "resolution"),
    "where it was taken": ("plain", lambda a, b: not photos.photo_has_no_place(a, b), "where it was taken"),
}


def photo_cell(name: str, before: Path, after: Path, notes: list[str]) -> str:
    """One cell; empty for what is neither there nor told of."""
    _, there, word = PHOTO_PROPERTIES[name]
    return KEPT if there(before, after) else NOTE if any(word in note for note in notes) else ""


def _is_transparent(path: Path) -> bool:
    return bool((np.asarray(PillowImage.open(path).convert("RGBA"))[..., 3] == 0).any())


def _profile(path: Path) -> bytes | None:
    return PillowImage.open(path).info.get("icc_profile")


def _taken(path: Path) -> tuple[Any, Any]:
    exif = PillowImage.open(path).getexif()
    return exif.get(photos.MODEL), exif.get_ifd(photos.EXIF).get(photos.DATE_TAKEN)


def _dpi(path: Path) -> int:
    from mobilefaceswap_core.files.images import read_image

    dpi = read_image(path).facts.dpi
    return 0 if dpi is None else round(dpi[0])


# The tables: property, then a cell for each result in the order above. The tests hold them to what comes out.
CLIP_TABLE: dict[str, tuple[str, ...]] = {
    "both tracks of sound": (KEPT, KEPT, KEPT, KEPT, NOTE, KEPT, KEPT),
    "titles of the tracks": (KEPT, KEPT, KEPT, KEPT, NOTE, KEPT, NOTE),
    "languages": (KEPT, KEPT, KEPT, KEPT, NOTE, NOTE, KEPT),
    "that the second one is a comment": (KEPT, KEPT, NOTE, KEPT, NOTE, NOTE, NOTE),
    "subtitles": (NOTE, NOTE, NOTE, KEPT, NOTE, NOTE, NOTE),
    "fonts": (NOTE, NOTE, NOTE, KEPT, NOTE, NOTE, NOTE),
    "chapters": (KEPT, KEPT, KEPT, KEPT, KEPT, NOTE, NOTE),
    "title": (KEPT, KEPT, KEPT, KEPT, KEPT, KEPT, NOTE),
    "date": (KEPT, KEPT, KEPT, KEPT, KEPT, KEPT, NOTE),
    "comment": (NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE),
    "the second track of pictures": (NOTE, NOTE, NOTE, NOTE, NOTE, NOTE, NOTE),
}
PHOTO_TABLE: dict[str, tuple[str, ...]] = {
    "16 bits a colour": (KEPT, NOTE, NOTE, KEPT, NOTE),
    "transparency": (KEPT, NOTE, KEPT, KEPT, NOTE),
    "colour profile": (KEPT, KEPT, KEPT, KEPT, NOTE),
    "date and camera": (KEPT, KEPT, KEPT, KEPT, NOTE),
    "resolution for print": (KEPT, KEPT, KEPT, KEPT, KEPT),
    "where it was taken": (NOTE, NOTE, NOTE, NOTE, NOTE),
}
