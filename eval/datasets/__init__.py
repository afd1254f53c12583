"""Data set adapters: each turns a folder into a pair list and says how to read its images."""

from __future__ import annotations

from collections.abc import Callable

from mobilefaceswap_core.errors import OptionError

from ..images import inside, split_reference
from .base import Dataset, DatasetRequest, read_identities

__all__ = ["DATASETS", "WITHOUT_ROOT", "Dataset", "DatasetRequest", "build_dataset", "read_identities"]


def _builtin(request: DatasetRequest) -> Dataset:
    from .builtin import builtin

    return builtin(request)


def _builtin_clips(request: DatasetRequest) -> Dataset:
    from .builtin_clips import builtin_clips

    return builtin_clips(request)


def _folders(request: DatasetRequest) -> Dataset:
    from .folders import folders

    return folders(request)


def _flat(request: DatasetRequest) -> Dataset:
    from .folders import flat

    return flat(request)


def _pairs(request: DatasetRequest) -> Dataset:
    from .folders import pairs

    return pairs(request)


def _ffpp(request: DatasetRequest) -> Dataset:
    from .ffpp import ffpp

    return ffpp(request)


def _pack(request: DatasetRequest) -> Dataset:
    from .pack import pack

    return pack(request)


DATASETS: dict[str, Callable[[DatasetRequest], Dataset]] = {
    "builtin": _builtin,
    "builtin-clips": _builtin_clips,
    "folders": _folders,
    "flat": _flat,
    "pairs": _pairs,
    "ffpp": _ffpp,
    "pack": _pack,
}
# These draw their images from installed packages and write them into the run's own folder; the others need a root.
WITHOUT_ROOT = frozenset({"builtin", "builtin-clips"})


def build_dataset(name: str, request: DatasetRequest) -> Dataset:
    """Build a data set by adapter name.

    Raises:
        OptionError: for an unknown name, or a folder that is not laid out as the adapter needs.
    """
    if name not in DATASETS:
        raise OptionError(f"--dataset {name!r} is not known; choose one of {', '.join(DATASETS)}.")
    dataset = DATASETS[name](request)
    if not dataset.pairs:
        found = "; ".join(list(dataset.problems)[:3]) or "no usable image"
        raise OptionError(f"The data set {name} under {request.root} gives no pair ({found}).")
    _check_there(dataset, request)
    return dataset


def _check_there(dataset: Dataset, request: DatasetRequest) -> None:
    """Refuse a list of which not one pair has both its files: every swap would fail, one by one.

    Raises:
        OptionError: with what is wrong with the first.
    """
    root = dataset.root.resolve()
    said: dict[str, str] = {}  # what is wrong with a file, nothing for those that are there

    def problem(reference: str) -> str:
        path = split_reference(reference)[0]
        if path not in said:
            found = inside(root, path, follow_links=request.follow_links)
            said[path] = "leads out of the root" if found is None else "" if found.is_file() else "is not there"
        return said[path]

    if not any(not problem(pair.source) and not problem(pair.target) for pair in dataset.pairs):
        wrong = next(ref for pair in dataset.pairs for ref in (pair.source, pair.target) if problem(ref))
        more = " Links that you trust are read with --follow-links." if problem(wrong).startswith("leads") else ""
        raise OptionError(
            f"None of the {len(dataset.pairs)} pairs can be read: {wrong[:200]} {problem(wrong)}. Check --root and the pair list.{more}"
        )
