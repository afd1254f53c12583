"""The whole way: data set -> pairs -> swap -> judge -> tables, figures, report. Each step reads files of the one before."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.types import CropSpec

from .datasets import WITHOUT_ROOT, DatasetRequest, build_dataset, read_identities
from .executors import chosen_executor
from .inputs import check_inputs
from .judge import made_images, run_judge
from .judges.pose import package_version
from .methods import parse_method
from .options import FIXED_ON_RESUME, RunOptions, resolve, saved_values
from .pairs import count_pairs, write_pairs
from .panel import JudgeOptions
from .protocols import check_made, make_targets
from .records import write_json, write_text
from .run_files import options_begun_with, read_card, read_run
from .shards import parse_shard
from .summary import Summary, summarise
from .swap import Progress, run_swap
from .units import count_units

_VERSIONS = (
    "torch",
    "numpy",
    "opencv-python",
    "onnxruntime",
    "dlib-bin",
    "insightface",
    "scikit-image",
    "lpips",
    "pandas",
)


def prepare(run: Path, options: RunOptions, *, resume: bool, say: Callable[[str], None]) -> None:
    """Write ``options.yaml``, ``pairs.csv`` and ``run.json``, or check that they are those of the run being resumed.

    Raises:
        OptionError: when ``run`` holds another run, or holds one and ``resume`` was not asked for.
    """
    options = resolve(saved_values(options))
    if options.shard is not None:
        parse_shard(options.shard)  # refuses before anything is written
    if (run / "run.json").is_file():
        _check_resumable(run, options, resume)
        meta = read_run(run)
        if not (run / "pairs.csv").is_file() or file_sha256(run / "pairs.csv") != meta["pairs_sha256"]:
            raise OptionError(f"{run / 'pairs.csv'} was changed after the run began; start a new --out.")
        check_made(run, max(meta.get("drawn", 0), meta.get("lowered", 0)))
    else:
        check_inputs(run, options)
        meta = _new_run(run, options, say)
    labels = [parse_method(m)[0] for m in options.methods]
    meta |= {
        "methods": list(dict.fromkeys([*meta.get("methods", []), *labels])),
        "limit": options.limit,
        "used_pairs": count_pairs(run / "pairs.csv", limit=options.limit),
        "options": saved_values(options),
    }
    write_json(run / "run.json", meta)
    write_text(run / "options.yaml", _yaml(saved_values(options)))


def _new_run(run: Path, options: RunOptions, say: Callable[[str], None]) -> dict[str, Any]:
    if options.dataset in WITHOUT_ROOT:
        root = run / "inputs"
    elif options.root is None:
        raise OptionError(f"--dataset {options.dataset} needs --root.")
    else:
        root = Path(options.root).expanduser().resolve()
    request = DatasetRequest(
        root=root,
        count=options.pairs,
        seed=options.seed,
        identities=read_identities(Path(options.identities)) if options.identities else None,
        pair_file=Path(options.pair_file) if options.pair_file else None,
        frames=options.frames,
        consecutive=options.consecutive,
        aligned=options.aligned,
        follow_links=options.follow_links,
        detector=options.detector,
        device=options.device,
        say=say,
    )
    dataset = build_dataset(options.dataset, request)
    for problem in dataset.problems:
        say(f"data: {problem}")
    made = make_targets(run, dataset, options, say)
    digest = write_pairs(run / "pairs.csv", dataset.pairs)
    spec = dataset.aligned
    return {
        "dataset": dataset.name,
        "dataset_note": "; ".join([dataset.note, *made.notes]),
        "drawn": made.drawn,
        "lowered": made.lowered,
        "root": str(dataset.root.resolve()),
        "aligned": None if spec is None else {"size_px": spec.size_px, "template": spec.template, "fit": spec.fit},
        "problems": [*dataset.problems, *made.without],
        "pairs": len(dataset.pairs),
        "pairs_sha256": digest,
        "has_clips": any(p.previous >= 0 for p in dataset.pairs),
        "people": dataset.people,
        "seed": options.seed,
        "versions": {"python": platform.python_version(), **{k: package_version(k) for k in _VERSIONS}},
    }


def _check_resumable(run: Path, options: RunOptions, resume: bool) -> None:
    if not resume:
        raise OptionError(f"{run} already holds a run; add --resume to go on with it, or choose another --out.")
    before, now = options_begun_with(run), saved_values(options)
    changed = [k for k in FIXED_ON_RESUME if before.get(k) != now.get(k)]
    if changed:
        raise OptionError(
            f"{run} was begun with {changed[0]} = {before.get(changed[0])!r}, now it is {now[changed[0]]!r}; a resumed run keeps "
            "it. Choose another --out. (--methods, --limit and --executor may change.)"
        )


def _yaml(values: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(values, sort_keys=True, allow_unicode=True))


def options_of(run: Path) -> RunOptions:
    """The options a run was saved with."""
    return resolve(options_begun_with(run))


def _crop_of(meta: dict[str, Any]) -> CropSpec | None:
    try:
        return CropSpec(**meta["aligned"]) if meta["aligned"] else None
    except (TypeError, ValueError) as error:
        raise OptionError(f"run.json says aligned = {meta['aligned']!r} ({error}); start a new --out.") from error


def swap_stage(run: Path, options: RunOptions, progress: Progress | None = None) -> int:
    """Make the images that are still missing.

    Raises:
        OptionError: not one method made an image of any pair; there is nothing to judge.
    """
    meta = read_run(run)
    count = run_swap(
        run,
        options.methods,
        root=Path(meta["root"]),
        aligned=_crop_of(meta),
        detector=options.detector,
        device=options.device,
        limit=options.limit,
        shard=options.shard,
        executor=_executor_of(run, options, meta),
        workers=options.workers,
        threads=options.threads,
        clips=options.clips,
        frame_rate=options.frame_rate,
        progress=progress,
    )
    _check_any_made(run, meta["methods"], meta["used_pairs"])
    return count


def _executor_of(run: Path, options: RunOptions, meta: dict[str, Any]) -> str:
    images, units = meta["used_pairs"] * len(meta["methods"]), count_units(run / "pairs.csv", limit=options.limit)
    return chosen_executor(options.executor, images=images, device=options.device, units=units)


def _check_any_made(run: Path, methods: list[str], pairs: int) -> None:
    """Refuse to go on when every pair failed for every method; reference rows count where there is nothing else."""
    made = [bool(row.any()) for row in made_images(run, methods, pairs)]
    compared = [row for row, name in zip(made, methods, strict=True) if not read_card(run, name)["reference"]]
    if not any(compared or made):
        reason, count = next(iter(next(iter(failures(run).values()), {"no reason was written": 0}).items()))
        raise OptionError(
            f"Every pair failed for every method: {count} x {reason}. Nothing to judge; see manifest.jsonl, and start a new "
            "--out when the cause is mended."
        )


def judge_stage(run: Path, options: RunOptions, progress: Progress | None = None) -> int:
    """Measure the images that no record holds yet."""
    meta = read_run(run)
    return run_judge(
        run,
        meta["methods"],
        judges_of(options),
        root=Path(meta["root"]),
        limit=options.limit,
        shard=options.shard,
        executor=_executor_of(run, options, meta),
        workers=options.workers,
        progress=progress,
    )


def judges_of(options: RunOptions) -> JudgeOptions:
    """Who judges a run with these options, and how."""
    return JudgeOptions(
        judges=options.judges,
        detector=options.judge_detector,
        device=options.device,
        lpips=options.lpips,
        lpips_backbone=Path(options.lpips_backbone) if options.lpips_backbone else None,
        fid_features=options.fid_features,
        metrics=options.metrics,
        threads=options.threads,
    )


def summary_of(run: Path) -> Summary:
    """Numbers of a judged run, joined with ``cost.json`` where the run has one."""
    from .cost.columns import read_costs

    summary = summarise(run, seed=read_run(run)["seed"])
    if (run / "cost.json").is_file():
        summary.meta["cost"] = read_costs(run / "cost.json")
    return summary


def render(run: Path) -> Summary:
    """Write tables, figures and the report of a judged run."""
    from .plots import write_figures
    from .report import write_report
    from .table_files import write_tables

    summary = summary_of(run)
    write_tables(run, summary)
    write_figures(run, summary)
    write_report(run, summary)
    return summary


def failures(run: Path) -> dict[str, dict[str, int]]:
    """Reasons of failed swaps by method, with how often each occurred."""
    from .records import OUTCOME, read_records

    reasons: dict[str, dict[str, int]] = {}
    for record in read_records(run / "manifest.jsonl", required=OUTCOME):
        if record["status"] != "ok":
            counts = reasons.setdefault(record["method"], {})
            text = f"{record.get('error')}: {record.get('reason')}"
            counts[text] = counts.get(text, 0) + 1
    return reasons
