"""Which files a run reads and writes, decided and refused before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ImageError, OptionError, OutputError, VideoError
from ..files.atomic import check_folder_of
from ..files.formats import (
    PHOTO_SUFFIXES,
    WRITABLE_ANIMATION_SUFFIXES,
    WRITABLE_CLIP_SUFFIXES,
    WRITABLE_SUFFIXES,
    format_of,
    format_of_file,
    photos_in,
    visible_files,
)
from ..files.places import alike, check_named, is_pattern


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to read and where its result goes."""

    target: Path
    output: Path


def plan_jobs(target: Path, out: Path) -> list[Job]:
    """What a run over photos will read and write.

    Args:
        target: a photo, whatever its extension, or a folder whose photos are taken in the order of their names (no
            subfolders).
        out: a file; a folder that exists gets a file of the target's name; for a folder of targets a folder. Two photos
            whose results would have one name get two: the second ends in ``-2``.

    Raises:
        ImageError: the target does not exist, or its folder holds no photo.
        OptionError: the target is a clip.
        OutputError: the output is of a format that cannot be written, or lies in no folder.
    """
    if not target.exists():
        raise ImageError(f"{target} does not exist; wanted a photo or a folder of photos. Check the path.")
    if target.is_dir():
        jobs = _jobs_of_folder(target, out)
    else:
        row = format_of_file(target)
        if row is not None and not row.pillow:
            raise OptionError(f"{target} is a clip ({row.name}); `image` swaps photos. Give it to `video --target`.")
        jobs = [Job(target, out / _writable_name(target) if out.is_dir() else out)]
        check_folder_of(jobs[0].output)
    from ..files.images import format_for

    for job in jobs:
        format_for(job.output)
    return jobs


def plan_clip(target: Path, out: Path) -> Path:
    """Where the result of a clip goes.

    Args:
        target: a clip, an animation, a folder of images, or a pattern.
        out: a file, or a name without extension or a pattern for a folder of images. A folder that exists gets a file of
            the clip's name, in its format if that can be written, else as MP4; of images it becomes the folder if it is
            empty.

    Raises:
        OptionError: the target is a photo.
        OutputError: ``out`` lies in no folder.
        VideoError: the target does not exist.
    """
    if not (target.exists() or is_pattern(target)):
        raise VideoError(f"{target} does not exist; wanted a clip. Check the path.")
    row = format_of_file(target) if target.is_file() else None
    if row is not None and row.pillow and not row.holds_frames:
        raise OptionError(f"{target} is a photo ({row.name}); `video` swaps clips. Give it to `image --target`.")
    if out.is_dir() and not target.is_dir() and not is_pattern(target):
        keeps = target.suffix.lower() in (*WRITABLE_CLIP_SUFFIXES, *WRITABLE_ANIMATION_SUFFIXES)
        return out / (target.name if keeps else f"{target.name}.mp4")
    check_folder_of(out.parent if is_pattern(out) else out)
    return out


def check_run(
    reads: Mapping[str, Path | Iterable[Path] | None],
    writes: Mapping[str, Path | Iterable[Path] | None],
    *,
    model: str = "",
    blocklist: Path | None = None,
) -> None:
    """Refuse a command that would write over what it reads, or twice into one file.

    Args:
        reads: paths by the options that name them.
        writes: the same of results.
        model: what ``--model`` names, which may be a file.
        blocklist: folder of photos, with those in its sub-folders.

    Raises:
        OptionError: naming both.
    """
    from ..marking.credentials import key_files

    protected = visible_files(blocklist) if blocklist is not None and blocklist.is_dir() else None
    file = Path(model) if os.path.sep in model or Path(model).suffix else None  # else it is a name
    check_named({**reads, "--model": file, "--blocklist": protected, **key_files()}, writes)


def _jobs_of_folder(folder: Path, out: Path) -> list[Job]:
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, but the target is a folder; wanted a folder for the results.")
    if not out.exists():
        check_folder_of(out)
    photos = photos_in(folder)
    if not photos:
        clips = sum((row := format_of(path)) is not None and bool(row.demuxer) for path in folder.iterdir())
        hint = f" It holds {clips} clips: give each to `video --target`." if clips else ""
        raise ImageError(f"{folder} holds no photo; wanted files ending in {', '.join(PHOTO_SUFFIXES)}.{hint}")
    outputs: dict[Path, str] = {}
    taken: set[str] = set()
    for photo in sorted(
        photos, key=lambda photo: _writable_name(photo) != photo.name
    ):  # who keeps a name gets it first
        outputs[photo] = _free_name(_writable_name(photo), taken)
        taken.add(alike(outputs[photo]))
    return [Job(photo, out / outputs[photo]) for photo in photos]


def _free_name(name: str, taken: set[str]) -> str:
    """The name, or the first of ``name-2``, ``name-3`` that is not taken."""
    path, number, free = Path(name), 1, name
    while alike(free) in taken:
        number += 1
        free = f"{path.stem}-{number}{path.suffix}"
    return free


def _writable_name(photo: Path) -> str:
    """The target's own name; with ``.png`` added where its format can be read but not written."""
    return photo.name if photo.suffix.lower() in WRITABLE_SUFFIXES else f"{photo.name}.png"
