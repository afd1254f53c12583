"""Shards put together as one run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mobilefaceswap_core.errors import OptionError

from .features import read_rows
from .methods import parse_method
from .options import FIXED_ON_RESUME
from .records import OUTCOME, RecordWriter, disk_refused, read_records, write_json
from .run_files import options_begun_with, read_card, read_gallery_summary, read_json, read_judges, read_run

# Places differ between machines, and who works on what is what shards differ in; pairs.csv is compared by its hash.
_MAY_DIFFER = {"root", "identities", "pair_file", "lpips_backbone", "shard"}
_MUST_AGREE = ("pairs_sha256", "people", "limit", "aligned", "drawn", "lowered")  # besides the options
_INPUTS = "inputs"  # pictures of a data set that the run wrote itself, such as builtin
_SAME_COSINE = 1e-4  # thresholds of two machines; their last digits depend on the processor


def merge_runs(out: Path, runs: Sequence[Path]) -> dict[str, int]:
    """Put shards together as one judged run, which can be read, rendered and resumed like any.

    Args:
        out: folder of the new run.
        runs: folders of judged shards over one pair list.

    Returns:
        Pairs that no shard holds, by method; empty when the run is whole.

    Raises:
        OptionError: fewer than two shards, shards of other runs, one pair in two shards, or a folder that is not empty.
        OutputError: the disk refuses.
    """
    if len(runs) < 2:
        raise OptionError(f"Got {len(runs)} run; wanted two or more shards to merge.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"{out} already holds something; choose another --out.")
    metas = [read_run(run) for run in runs]
    for run, meta in zip(runs[1:], metas[1:], strict=True):
        _check_same_run(runs[0], metas[0], run, meta)
    missing = _missing(runs, metas)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _copy_shared(out, runs)
        _merge_lines(out, runs, metas)
        _merge_features(out, runs, metas[0]["pairs"])
    except OSError as error:
        raise disk_refused(out, error) from error
    specs = {parse_method(spec)[0]: spec for meta in metas for spec in meta["options"]["methods"]}
    labels = list(dict.fromkeys(label for meta in metas for label in meta["methods"]))
    options = metas[0]["options"] | {"shard": None, "methods": [specs.get(label, label) for label in labels]}
    own = Path(metas[0]["root"]) == (runs[0] / _INPUTS).resolve()
    root = str((out / _INPUTS).resolve()) if own else metas[0]["root"]
    write_json(out / "run.json", metas[0] | {"methods": labels, "options": options, "root": root})
    return missing


def _check_same_run(first: Path, one: dict[str, Any], run: Path, other: dict[str, Any]) -> None:
    """Refuse what was not begun as the same run, or was judged by others."""
    begun = options_begun_with(first), options_begun_with(run)
    sides = [
        {key: meta.get(key) for key in _MUST_AGREE}
        | {key: options[key] for key in FIXED_ON_RESUME if key not in _MAY_DIFFER}
        for meta, options in zip((one, other), begun, strict=True)
    ]
    sides = [side | _judged_by(path) for side, path in zip(sides, (first, run), strict=True)]
    different = [key for key in sides[0] if sides[0][key] != sides[1][key]]
    if not different:
        cosines = [
            {name: threshold["cosine"] for name, threshold in read_gallery_summary(path)["thresholds"].items()}
            for path in (first, run)
        ]
        different = [name for name in cosines[0] if abs(cosines[0][name] - cosines[1][name]) > _SAME_COSINE]
    different += [
        f"the method {name}"
        for name in one["methods"]
        if name in other["methods"] and _made_by(first, name) != _made_by(run, name)
    ]
    if different:
        raise OptionError(
            f"{run} is no shard of the run in {first}: they differ in {different[0]}. Shards have the same data, pair list, judges "
            "and methods of one label; compare other runs with python -m eval compare."
        )


def _judged_by(run: Path) -> dict[str, Any]:
    judges, gallery = read_judges(run), read_gallery_summary(run)
    cards = {judge["name"]: (judge["version"], judge["files"]) for judge in judges["judges"]}
    return {
        "the judges": cards,
        "the detector of the judges": judges["detector"]["files"],
        "the features": judges["frechet_features"],
        "the gallery": [gallery[key] for key in ("images", "identities", "without_face")],
    }


def _made_by(run: Path, name: str) -> list[Any]:
    details = read_card(run, name)["details"]
    return [details.get(key) for key in ("weights_sha256", "options", "crop")]


def _copy_shared(out: Path, runs: Sequence[Path]) -> None:
    """What every shard has alike comes from the first one; images and cards from all of them."""
    for name in ("pairs.csv", "judges.json", "gallery.json", "gallery.jsonl"):
        shutil.copyfile(runs[0] / name, out / name)
    for name in (_INPUTS, "occluded", "lowered"):
        if (runs[0] / name).is_dir():
            shutil.copytree(runs[0] / name, out / name, copy_function=_link)
    costs: dict[str, Any] = {}
    for run in runs:
        for name in ("methods", "swapped"):
            if (run / name).is_dir():
                shutil.copytree(run / name, out / name, copy_function=_link, dirs_exist_ok=True)
        if (run / "cost.json").is_file():
            costs = read_json(run / "cost.json") | costs
    if costs:
        write_json(out / "cost.json", costs)


def _link(source: str, target: str) -> None:
    """A second name for a file where the disk can give one; pictures of a run are written once and never changed."""
    try:
        os.link(source, target)
    except FileExistsError:
        return  # the card of a method that several shards have
    except OSError:
        shutil.copyfile(source, target)


def _missing(runs: Sequence[Path], metas: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Pairs that nobody measured, by method.

    Raises:
        OptionError: two shards hold one pair of one method.
    """
    used = metas[0]["used_pairs"]
    seen = {label: np.zeros(used, np.bool_) for meta in metas for label in meta["methods"]}
    for name in ("manifest.jsonl", "records.jsonl"):
        before = {label: np.zeros(used, np.bool_) for label in seen}
        for run, meta in zip(runs, metas, strict=True):
            own = {label: np.zeros(used, np.bool_) for label in meta["methods"]}
            for record in _lines(run / name, own, used):
                own[record["method"]][record["pair"]] = True
            for label, pairs in own.items():
                if (both := np.flatnonzero(before[label] & pairs)).size:
                    raise OptionError(
                        f"Pair {both[0]} of {label} stands in {run} and in a shard before it; merge each once."
                    )
                before[label] |= pairs
        seen = before  # the records are what counts, and come last
    counts = {label: used - int(pairs.sum()) for label, pairs in seen.items()}
    return {label: count for label, count in counts.items() if count}


def _lines(path: Path, methods: Container[str], used: int) -> Iterator[dict[str, Any]]:
    for record in read_records(path, required=OUTCOME):
        if record["method"] in methods and record["pair"] < used:
            yield record


def _merge_lines(out: Path, runs: Sequence[Path], metas: Sequence[dict[str, Any]]) -> None:
    for name in ("manifest.jsonl", "records.jsonl"):
        with RecordWriter(out / name) as writer:
            for run, meta in zip(runs, metas, strict=True):
                for record in _lines(run / name, meta["methods"], meta["used_pairs"]):
                    writer.write(record)


def _merge_features(out: Path, runs: Sequence[Path], total: int) -> None:
    """Rows of all shards; a row that a shard did not write is zero there."""
    files = sorted({path.relative_to(run) for run in runs for path in (run / "features").rglob("*.f32")})
    for file in files:
        parts = [rows for run in runs if (rows := read_rows(run / file, total)) is not None]
        if len({rows.shape for rows in parts}) != 1:
            raise OptionError(
                f"{file} has rows of several lengths in these shards; judge them with the same --fid-features."
            )
        merged = np.array(parts[0])
        for rows in parts[1:]:
            empty = ~np.abs(merged).sum(1).astype(bool)
            merged[empty] = rows[empty]
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        merged.tofile(out / file)
