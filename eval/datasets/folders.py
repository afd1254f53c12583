"""Photos on disk: a folder per identity, flat folders, two folders, or a CSV of pairs."""

from __future__ import annotations

import reprlib
from dataclasses import replace
from pathlib import Path

from mobilefaceswap_core.errors import OptionError

from ..images import inside, split_reference
from ..pairs import Pair, draw_pairs, read_foreign_pairs
from .base import (
    Dataset,
    DatasetRequest,
    aligned_spec,
    image_files,
    keep_identities,
    read_small_text,
    require_folder,
)

_DEFAULT_COUNT = 1000
# CelebA's own name for its list "000001.jpg 2880".
_CELEBA_LIST = "identity_CelebA.txt"


def folders(request: DatasetRequest) -> Dataset:
    """A folder per identity (LFW, VGGFace2), or CelebA's images with ``identity_CelebA.txt`` beside or above them."""
    require_folder(request.root, "a folder with one folder of photos per person")
    listed = [p for p in (request.root / _CELEBA_LIST, request.root.parent / _CELEBA_LIST) if p.is_file()]
    if listed:
        images, problems = _celeba(request.root, listed[0])
    else:
        images = {
            folder.name: [p.relative_to(request.root).as_posix() for p in image_files(folder)]
            for folder in sorted(request.root.iterdir())
            if folder.is_dir()
        }
        problems = [f"{name}/: no image inside; identity left out" for name, files in images.items() if not files]
        images = {k: v for k, v in images.items() if v}
    images = keep_identities(images, request.identities)
    pairs = draw_pairs(images, count=request.count or _DEFAULT_COUNT, seed=request.seed)
    return Dataset("folders", request.root, pairs, problems, aligned_spec(request), f"{len(images)} identities")


def _celeba(root: Path, listing: Path) -> tuple[dict[str, list[str]], list[str]]:
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
        found = inside(folder, reference)
        if found is None or not found.is_file():
            shown = reprlib.repr(fields[0])
            problems.append(f"{listing.name} line {number}: names {shown}, which is not there; left out")
        else:
            images.setdefault(fields[1], []).append(reference)
    return images, problems


def flat(request: DatasetRequest) -> Dataset:
    """A folder of photos where each shows another person (CelebA-HQ, FFHQ); sub-folders are read too."""
    require_folder(request.root, "a folder of photos, each of another person")
    found = image_files(request.root)
    for folder in sorted(p for p in request.root.rglob("*") if p.is_dir()):
        found += image_files(folder)
    images = {p.relative_to(request.root).with_suffix("").as_posix(): [p] for p in found}
    named = {k: [p.relative_to(request.root).as_posix() for p in v] for k, v in images.items()}
    named = keep_identities(named, request.identities)
    pairs = draw_pairs(named, count=request.count or _DEFAULT_COUNT, seed=request.seed)
    return Dataset("flat", request.root, pairs, (), aligned_spec(request), "one identity per file")


def pairs(request: DatasetRequest) -> Dataset:
    """Pairs somebody chose: ``--pair-file`` (or ``pairs.csv`` in the root), or the folders ``source`` and ``target``.

    Two folders are matched by file stem where stems agree; if none agrees, pairs are drawn with the seed.
    """
    require_folder(request.root, "the folder that the pair list's paths are relative to")
    listing = request.pair_file or request.root / "pairs.csv"
    if listing.is_file():
        rows, lines, problems = read_foreign_pairs(listing)
        wanted = None if request.identities is None else set(request.identities)
        kept = [p for p in rows if wanted is None or p.source_identity in wanted][: request.count]
        problems += _missing_files(request.root, listing, kept, lines)
        return Dataset("pairs", request.root, _renumbered(kept), problems, aligned_spec(request), listing.name)
    if request.pair_file is not None:
        raise OptionError(f"No pair list at {request.pair_file}; --pair-file must be a CSV with source and target.")
    return _two_folders(request)


def _missing_files(root: Path, listing: Path, rows: list[Pair], lines: list[int]) -> list[str]:
    """Rows that name a missing file stay in the list (they count as failures) and are reported here."""
    problems = []
    folder = root.resolve()
    for pair in rows:
        for reference in (pair.source, pair.target):
            found = inside(folder, split_reference(reference)[0])
            if found is None:
                what = "leads out of the data set"
            elif not found.is_file():
                what = "is not there"
            else:
                continue
            shown = reference if len(reference) < 200 else reprlib.repr(reference)
            problems.append(f"{listing.name} line {lines[pair.index]}: {shown} {what}; counted as failed")
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
    sides = []
    for names in (("source", "sources"), ("target", "targets")):
        folder = next((request.root / n for n in names if (request.root / n).is_dir()), None)
        if folder is None:
            raise OptionError(
                f"{request.root} has neither pairs.csv nor a folder {names[0]}; give --pair-file, or make the folders "
                "source and target."
            )
        sides.append({p.stem: p.relative_to(request.root).as_posix() for p in image_files(folder)})
    sources, targets = sides
    shared = sorted(sources.keys() & targets.keys())
    if shared:
        rows = [Pair(i, sources[s], targets[s], f"source/{s}", f"target/{s}") for i, s in enumerate(shared)]
        problems = [f"{p}: no partner of the same name; left out" for p in sorted(sources.keys() ^ targets.keys())]
        return Dataset(
            "pairs",
            request.root,
            rows[: request.count],
            problems,
            aligned_spec(request),
            "two folders, matched by name",
        )
    rows = draw_pairs(
        {f"target/{k}": [v] for k, v in targets.items()},
        sources={f"source/{k}": [v] for k, v in sources.items()},
        count=request.count or _DEFAULT_COUNT,
        seed=request.seed,
    )
    return Dataset("pairs", request.root, rows, (), aligned_spec(request), "two folders, drawn")
