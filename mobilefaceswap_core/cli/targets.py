"""Which files a run reads and writes, decided and refused before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ImageError, OptionError, OutputError
from ..files.formats import PHOTO_SUFFIXES, WRITABLE_SUFFIXES, photos_in


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to read and where its result goes."""

    target: Path
    output: Path


def plan_jobs(target: Path, out: Path, *, inputs: Sequence[Path]) -> list[Job]:
    """What a run will read and write.

    Args:
        target: a photo, whatever its extension, or a folder whose photos are taken in the order of their names (no
            subfolders).
        out: a file; a folder that exists gets a file of the target's name; for a folder of targets a folder.
        inputs: source photos, which must not be written over.

    Raises:
        ImageError: the target does not exist, or its folder holds no photo.
        OptionError: a result would replace one of the inputs.
        OutputError: the output is of a format that cannot be written, or lies in no folder.
    """
    if not target.exists():
        raise ImageError(f"{target} does not exist; wanted a photo or a folder of photos. Check the path.")
    if target.is_dir():
        jobs = _jobs_of_folder(target, out)
    else:
        jobs = [Job(target, out / _writable_name(target) if out.is_dir() else out)]
        _check_parent(jobs[0].output)
    from ..files.images import format_for

    taken = {path.resolve() for path in [*inputs, *(job.target for job in jobs)]}
    for job in jobs:
        format_for(job.output)
        if job.output.resolve() in taken:
            raise OptionError(f"{job.output} is one of the inputs; choose another --out, inputs are never replaced.")
    return jobs


def _jobs_of_folder(folder: Path, out: Path) -> list[Job]:
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, but the target is a folder; wanted a folder for the results.")
    if not out.exists():
        _check_parent(out)
    photos = photos_in(folder)
    if not photos:
        raise ImageError(f"{folder} holds no photo; wanted files ending in {', '.join(PHOTO_SUFFIXES)}.")
    return [Job(photo, out / _writable_name(photo)) for photo in photos]


def _writable_name(photo: Path) -> str:
    """The target's own name; with ``.png`` added where its format can be read but not written."""
    return photo.name if photo.suffix.lower() in WRITABLE_SUFFIXES else f"{photo.name}.png"


def _check_parent(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist. Create it first.")
