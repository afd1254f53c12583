"""The judge stage: images -> gallery.jsonl and records.jsonl.

Every source image is measured once into the gallery; then each pair's target and its swapped images
(:mod:`eval.judge_worker`), one record per method and pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.files.atomic import remove_leftovers

from .executors import Crew, crew
from .features import REAL, store_features
from .gallery import Gallery, load_gallery
from .judge_worker import JudgeWorker
from .judges import JudgeInfo
from .pairs import Pair, count_pairs, iterate_pairs
from .panel import JudgeOptions
from .records import OUTCOME, RecordWriter, read_records, write_json
from .run_files import read_judges
from .shards import pairs_of_shard
from .swap import Progress, done_pairs
from .units import iterate_units


def run_judge(
    run: Path,
    methods: Sequence[str],
    options: JudgeOptions,
    *,
    root: Path,
    limit: int | None = None,
    shard: str | None = None,
    executor: str = "serial",
    workers: int = 2,
    progress: Progress | None = None,
) -> int:
    """Measure everything that ``run/pairs.csv`` and ``run/manifest.jsonl`` name and no record holds yet.

    Args:
        methods: labels of the methods.
        shard: only these pairs (:mod:`eval.shards`); the gallery is that of all.

    Returns:
        Pairs measured.

    Raises:
        OptionError: the run has records by definitions of another version.
    """
    remove_leftovers(run, deep=True)
    if (run / "records.jsonl").is_file() and (run / "judges.json").is_file():
        read_judges(run)  # refuses to add to numbers that mean something else
    total = count_pairs(run / "pairs.csv", limit=limit)
    rows = count_pairs(run / "pairs.csv")  # feature files have a row for every pair, whatever the limit
    made = made_images(run, methods, total)
    arguments: dict[str, Any] = {"run": run, "root": root, "options": options}
    done = done_pairs(run / "records.jsonl", methods, total)
    done[:, ~pairs_of_shard(run / "pairs.csv", shard, limit=limit)] = True

    def jobs(unit: Sequence[Pair]) -> list[tuple[Pair, list[tuple[str, bool]]]]:
        found = []
        for pair in unit:
            missing = [(m, bool(made[i, pair.index])) for i, m in enumerate(methods) if not done[i, pair.index]]
            if missing:
                found.append((pair, missing))
        return found

    todo, count = int((~done).any(0).sum()), 0
    with (
        crew(JudgeWorker, arguments, executor=executor, workers=workers) as work,
        RecordWriter(run / "records.jsonl") as writer,
    ):
        _build_gallery(run, arguments, work, limit=limit)
        # A frame is measured with the one before, so the frames of a clip are better seen by one worker.
        for measured in work(map(jobs, iterate_units(run / "pairs.csv", limit=limit))):
            for one in measured:
                pair, method = one.record["pair"], one.record["method"]
                store_features(run, REAL, pair, rows, one.target_features)
                store_features(run, method, pair, rows, one.features)
                writer.write(one.record)
            count += 1
            if progress is not None:
                progress(count, todo)
    return count


def made_images(run: Path, methods: Sequence[str], total: int) -> NDArray[np.bool_]:
    """``(methods, pairs)`` true where the manifest says that an image was made."""
    made = np.zeros((len(methods), total), np.bool_)
    row = {name: i for i, name in enumerate(methods)}
    for record in read_records(run / "manifest.jsonl", required=OUTCOME):
        if record["method"] in row and record["pair"] < total:
            made[row[record["method"]], record["pair"]] = record["status"] == "ok"
    return made


def _build_gallery(run: Path, arguments: dict[str, Any], work: Crew, *, limit: int | None) -> None:
    """Measure every distinct source once; write who judged and the thresholds."""
    path = run / "gallery.jsonl"
    known = {record["source"] for record in read_records(path, required={"source": str, "status": str})}
    sources = {p.source: p.source_identity for p in iterate_pairs(run / "pairs.csv", limit=limit)}
    missing = [(source, identity) for source, identity in sources.items() if source not in known]
    if not missing:
        JudgeWorker(**arguments)  # writes who judges, as workers do with the first source
    with RecordWriter(path) as writer:
        for records in work([one] for one in missing):
            for record in records:
                writer.write(record)
    judges = [JudgeInfo(**card) for card in read_judges(run)["judges"]]
    gallery: Gallery = load_gallery(run, judges)
    write_json(run / "gallery.json", gallery.summary())
