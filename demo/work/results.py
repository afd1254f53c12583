"""What a visitor gets of a swapped photo: a file with a telling name, and the faces from near."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.formats import FORMATS
from mobilefaceswap_core.marking.mark import save_image
from mobilefaceswap_core.types import Face, Image

from .engine import Engine
from .previews import close_up, thumbnail

# Of those that hold a photo with all marks in it, everybody's: by the name that people know.
SUFFIXES = {row.name: row.suffixes[0] for row in FORMATS if row.modes and row.statement == "inside"}
USUAL = "PNG"  # loses nothing
QUALITY = 95  # of formats that lose something, unless a visitor chooses
LEAST_QUALITY = 50  # below it a face shows blocks
_MOST_LETTERS = 40  # of each photo's name


@dataclass(frozen=True, slots=True)
class Made:
    """A finished still of a visit.

    Attributes:
        path: marked PNG.
        sources: photos that faces were taken of.
        target: the photo that was changed.
        faces: that were swapped, left to right.
        model: that swapped them.
        others: letter by face index where it is not the first person.
    """

    path: str
    sources: tuple[str, ...]
    target: str
    faces: tuple[Face, ...]
    model: str
    others: dict[int, str] = field(default_factory=dict)


def result_name(source: str, target: str, suffix: str, *, at: datetime | None = None) -> str:
    """A file name that says what was made of what, and when.

    Args:
        source: path of the first source photo.
        target: path of the photo that was changed.
        suffix: of the file, with its dot.
        at: now if not given; UTC is written.
    """
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    stems = [
        re.sub(r"[^\w-]+", "_", Path(path).stem).strip("_")[:_MOST_LETTERS] or "photo" for path in (source, target)
    ]
    return f"{stems[0]}_on_{stems[1]}_{moment:%Y%m%d-%H%M%S}{suffix}"


def in_format(engine: Engine, made: Made, name: str, quality: float = QUALITY) -> Path:
    """The finished still as a marked file of another format, with a telling name.

    Args:
        engine: reads, and notes what it writes where the host keeps a log.
        made: the still.
        name: one of :data:`SUFFIXES`.
        quality: 50 to 100, of formats that lose something.

    Raises:
        OptionError: a format or a quality that is not offered.
    """
    loaded = engine.read(made.path)
    if isinstance(quality, bool) or not isinstance(quality, (int, float)) or not LEAST_QUALITY <= quality <= 100:
        raise OptionError(f"A quality of {str(quality)[:40]} is not offered; choose {LEAST_QUALITY} to 100.")
    if name not in SUFFIXES:
        raise OptionError(f"The format {str(name)[:40]!r} is not offered; choose {', '.join(SUFFIXES)}.")
    path = engine.new_file(result_name(made.sources[0], made.target, SUFFIXES[name]))
    save_image(path, loaded.image, model=made.model, like=loaded, quality=round(quality), title=f"swapped{path.suffix}")
    engine.audit("swap", made.sources, made.target, path, made.model)
    return path


def close_ups(engine: Engine, made: Made, index: int) -> tuple[Image, Image]:
    """One face before and after, from near.

    Args:
        engine: reads both photos.
        made: the still.
        index: of :attr:`Made.faces`.
    """
    before, after = (engine.read(path).image for path in (made.target, made.path))
    face = made.faces[index]
    return close_up(before, face), close_up(after, face)


def strip(image: Image, faces: Sequence[Face]) -> list[Image]:
    """Each swapped face of a group as a small picture."""
    return [thumbnail(image, face) for face in faces]
