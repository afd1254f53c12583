"""What a command reads and writes, compared before anything starts: a result never replaces what it is made of."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import OptionError
from .formats import photos_in

# A picture's number in a name such as in/%05d.png: how FFmpeg writes it, alone of what printf knows.
FRAME_NUMBER = re.compile(r"%0?\d*d")


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder that a command reads or writes.

    Attributes:
        name: what the user calls it: an option, or what it is.
        path: as it was given.
    """

    name: str
    path: Path


def check_places(reads: Iterable[Place], writes: Sequence[Place]) -> None:
    """Refuse a run that would write over one of its inputs, or over one of its own results.

    Two paths are the same if they lead to the same file, through links, ``..`` or a second name of it, or if they differ
    in nothing but the case or the Unicode form of their letters, which many disks do not tell apart. A folder or pattern
    that is read stands for the photos in it.

    Args:
        reads: inputs. They need not exist; what does not is somebody else's to refuse.
        writes: results, with the files that a folder of results will hold.

    Raises:
        OptionError: naming both places.
    """
    taken: dict[tuple[object, ...], tuple[Place, bool]] = {}
    for place in reads:
        for path in _files_of(place.path):
            for key in _keys(path):
                taken.setdefault(key, (place, True))
    for place in writes:
        old = files_of_pattern(place.path) if is_pattern(place.path) else []
        keys = [key for path in (place.path, *old) for key in _keys(path)]
        for key in keys:
            if key in taken:
                raise _refusal(place, *taken[key])
        for key in keys:
            taken[key] = (place, False)


def check_named(
    reads: Mapping[str, Path | Iterable[Path] | None], writes: Mapping[str, Path | Iterable[Path] | None]
) -> None:
    """:func:`check_places` for paths by the options that name them; those that were not given are left out.

    Raises:
        OptionError: as there.
    """
    check_places(_places(reads), list(_places(writes)))


def _places(named: Mapping[str, Path | Iterable[Path] | None]) -> Iterator[Place]:
    for name, value in named.items():
        for path in [value] if isinstance(value, Path) else value or ():
            yield Place(name, path)


def is_pattern(path: Path) -> bool:
    """Whether a path names numbered pictures: its name holds one frame number, and no file or folder has that name."""
    return len(FRAME_NUMBER.findall(path.name)) == 1 and not os.path.lexists(path)


def numbered(pattern: Path, number: int) -> Path:
    """The file of a pattern that has this number; every other ``%`` of the name stays as it is."""
    return pattern.with_name(FRAME_NUMBER.sub(lambda match: match[0] % number, pattern.name))


def files_of_pattern(pattern: Path) -> list[Path]:
    """The files of a pattern that are there, in no order."""
    match = FRAME_NUMBER.search(pattern.name)
    if match is None or not pattern.parent.is_dir():
        return []
    before, after = pattern.name[: match.start()], pattern.name[match.end() :]
    wanted = re.compile(rf"{re.escape(before)}\d+{re.escape(after)}", re.DOTALL)
    return [file for file in pattern.parent.iterdir() if wanted.fullmatch(file.name)]


def alike(name: str) -> str:
    """A file name as the disks see it that tell the fewest names apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return [path, *photos_in(path)]
    return files_of_pattern(path) if is_pattern(path) else [path]


def _keys(path: Path) -> list[tuple[object, ...]]:
    """What two paths to one file have in common."""
    try:
        there = path.resolve()
    except (OSError, RuntimeError, ValueError):  # a link to itself, a name that no disk takes
        there = path.absolute()
    keys: list[tuple[object, ...]] = [("name", os.path.dirname(there), alike(there.name))]
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return keys
    return [*keys, ("file", status.st_dev, status.st_ino)]


def _refusal(place: Place, other: Place, is_input: bool) -> OptionError:
    if is_input:
        return OptionError(
            f"{place.name} {place.path} is one of the inputs ({other.name} {other.path}); inputs are never written over. "
            "Choose another name."
        )
    return OptionError(
        f"{place.name} {place.path} and {other.name} {other.path} are the same file; one would be written over the other. "
        "Choose two names."
    )
