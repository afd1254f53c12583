"""Photos on disk: a folder per identity, flat folders, two folders, or a CSV of pairs."""

from __future__ import annotations

import reprlib
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.formats import photos_in, visible_files

from ..images import inside, split_reference
from ..pairs import Pair, read_foreign_pairs
from .base import (
    Dataset,
    DatasetRequest,
    aligned_spec,
    drawn_pairs,
    image_files,
    keep_identities,
    read_small_text,
    readable,
    require_folder,
)
from .people import with_people

_DEFAULT_COUNT = 1000
# CelebA's own name for its list "000001.jpg 2880".
_CELEBA_LIST = "identity_CelebA.txt"


def folders(request: DatasetRequest) -> Dataset:
    """A folder per identity (LFW, VGGFace2), or CelebA's images with ``identity_CelebA.txt`` beside or above them."""
    require_folder(request.root, "a folder with one folder of photos per person")
    listed = [p for p in (request.root / _CELEBA_LIST, request.root.parent / _CELEBA_LIST) if p.is_file()]
    images, problems = _celeba(request, listed[0]) if listed else _folder_per_person(request)
    images = keep_identities(images, request.identities)
    pairs = drawn_pairs(images, request, problems, count=_DEFAULT_COUNT)
    return Dataset("folders", request.root, pairs, problems, aligned_spec(request), f"{len(images)} identities")


def _folder_per_person(request: DatasetRequest) -> tuple[dict[str, list[str]], list[str]]:
    images: dict[str, list[str]] = {}
    problems: list[str] = []
    for folder in sorted(request.root.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        found, left_out = readable(request.root, image_files(folder), request)
        problems += left_out
        if found:
            images[folder.name] = found
        elif not left_out:
            problems.append(f"{folder.name}/: no image inside; identity left out")
    return images, problems


def _celeba(request: DatasetRequest, listing: Path) -> tuple[dict[str, list[str]], list[str]]:
    root = request.root
    inner = next((d for d in ("img_align_celeba", "img_celeba", ".") if (root / d).is_dir()), ".")
    folder = root.resolve()
    images: dict[str, list[str]] = {}
    problems: list[str] = []
    for number, line in enumerate(read_small_text(listing, "list").splitlines(), 1):
        fields = line.split()
        if len(fields) != 2:
            problems.append(f"{listing.name} line {number}: wanted 'file identity', got {reprlib.repr(line.strip())}")
            continue
        reference = (Path(inner) / fields[0]).as_posix()
        found = inside(folder, reference, follow_links=request.follow_links)
        if found is None or not found.is_file():
            shown = reprlib.repr(fields[0])
            problems.append(f"{listing.name} line {number}: names {shown}, which is not there; left out")
        else:
            images.setdefault(fields[1], []).append(reference)
    return images, problems


def flat(request: DatasetRequest) -> Dataset:
    """A folder of photos where each shows another person (CelebA-HQ, FFHQ); sub-folders are read too."""
    require_folder(request.root, "a folder of photos, each of another person")
    # Linked folders are followed once, so that links in a circle end.
    linked = [path for path in visible_files(request.root) if path.is_symlink() and path.is_dir()]
    photos = photos_in(request.root, deep=True) + [photo for path in linked for photo in photos_in(path, deep=True)]
    found, problems = readable(request.root, photos, request)
    named: dict[str, list[str]] = {}
    for reference in found:
        named.setdefault(PurePosixPath(reference).with_suffix("").as_posix(), []).append(reference)
    named = keep_identities(named, request.identities)
    pairs = drawn_pairs(named, request, problems, count=_DEFAULT_COUNT)
    return Dataset("flat", request.root, pairs, problems, aligned_spec(request), "one identity per file")


def pairs(request: DatasetRequest) -> Dataset:
    """Pairs somebody chose: ``--pair-file`` (or ``pairs.csv`` in the root), or the folders ``source`` and ``target``.

    Two folders are matched by file stem where stems agree; if none agrees, pairs are drawn with the seed.
    """
    require_folder(request.root, "the folder that the pair list's paths are relative to")
    listing = request.pair_file or request.root / "pairs.csv"
    if listing.is_file():
        rows, lines, problems = read_foreign_pairs(listing)
        wanted = None if request.identities is None else set(request.identities)
        rows, people, told = with_people(rows, listing.name)
        problems += [told] if told else []
        kept = [p for p in rows if wanted is None or p.source_identity in wanted][: request.count]
        problems += _missing_files(request, listing, kept, lines)
        return Dataset(
            "pairs", request.root, _renumbered(kept), problems, aligned_spec(request), listing.name, people=people
        )
    if request.pair_file is not None:
        raise OptionError(f"No pair list at {request.pair_file}; --pair-file must be a CSV with source and target.")
    return _two_folders(request)


def _missing_files(request: DatasetRequest, listing: Path, rows: list[Pair], lines: list[int]) -> list[str]:
    """Rows that name a missing file stay in the list, count for no method, and are reported here."""
    problems = []
    folder = request.root.resolve()
    for pair in rows:
        for reference in (pair.source, pair.target):
            found = inside(folder, split_reference(reference)[0], follow_links=request.follow_links)
            if found is None:
                what = "leads out of the data set"
            elif not found.is_file():
                what = "is not there"
            else:
                continue
            shown = reference if len(reference) < 200 else reprlib.repr(reference)
            problems.append(f"{listing.name} line {lines[pair.index]}: {shown} {what}; the pair counts for no method")
    return problems


def _renumbered(rows: list[Pair]) -> list[Pair]:
    """Rows numbered from 0; a frame whose predecessor was not kept has none."""
    new_index = {pair.index: i for i, pair in enumerate(rows)}
    return [
        replace(p, index=i, previous=new_index[p.previous])
        if p.previous in new_index
        else replace(p, index=i, previous=-1, previous_target="")
        for i, p in enumerate(rows)
    ]


def _two_folders(request: DatasetRequest) -> Dataset:
    sides: list[dict[str, str]] = []
    problems: list[str] = []
    for names in (("source", "sources"), ("target", "targets")):
        folder = next((request.root / n for n in names if (request.root / n).is_dir()), None)
        if folder is None:
            raise OptionError(
                f"{request.root} has neither pairs.csv nor a folder {names[0]}; give --pair-file, or make the folders "
                "source and target."
            )
        found, left_out = readable(request.root, image_files(folder), request)
        problems += left_out
        sides.append({PurePosixPath(reference).stem: reference for reference in found})
    sources, targets = sides
    problems.append(
        "the folders source and target do not tell who is who: each photo counts as a person of its own, so ID retrieval and "
        "verification are left out. Give a pairs.csv with the column source_identity"
    )
    shared = sorted(sources.keys() & targets.keys())
    if shared:
        rows = [Pair(i, sources[s], targets[s], f"source/{s}", f"target/{s}") for i, s in enumerate(shared)]
        rows = rows[: request.count]
        problems += [f"{p}: no partner of the same name; left out" for p in sorted(sources.keys() ^ targets.keys())]
        note = "two folders, matched by name"
    else:
        rows = drawn_pairs(
            {f"target/{k}": [v] for k, v in targets.items()},
            request,
            problems,
            count=_DEFAULT_COUNT,
            sources={f"source/{k}": [v] for k, v in sources.items()},
        )
        note = "two folders, drawn"
    return Dataset("pairs", request.root, rows, problems, aligned_spec(request), note, people="photos")
