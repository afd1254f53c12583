"""Write the tables of measured methods in ``README.md`` and ``docs/evaluation.md``, from the runs kept in ``docs/runs``.

    python -m docs.tables                  # write the tables
    python -m docs.tables keep RUN NAME    # a judged run becomes the one that the tables called NAME show
    python -m docs.tables measure NAME     # make that run again, with its own options, keep it and write the tables

A kept run is a judged run without what tables do not read: pictures, embeddings, features, and the columns that no page shows.
``python -m eval table --out COPY`` works on a copy of it. A test compares the pages with what this writes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from eval.columns import Column
from eval.cost.columns import cost_stage
from eval.options import RunOptions, resolve, saved_values
from eval.paper_table import choose_columns
from eval.records import OUTCOME, RecordWriter, read_records, write_json
from eval.run import judge_stage, options_of, prepare, summary_of, swap_stage
from eval.run_files import read_json, read_run
from eval.summary import Summary
from eval.tables import cost_columns, markdown_columns, table_cell

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "docs" / "runs"
PAGES = (ROOT / "README.md", ROOT / "docs" / "evaluation.md")
# Columns of the pages, by kept run.
COLUMNS = {
    "builtin": ("id_top1", "id_top5", "cosine_source", "pose_error", "expression_error@facemodel", "expression_error@actions", "failed"),
    "clips": ("id_flicker", "flicker"),
    "occluded": ("id_top1", "cosine_source", "occluder_error", "failed"),
    "crops": ("id_top1", "cosine_source", "pose_error", "occluder_error"),
    "gaze": ("id_top1", "cosine_source", "gaze_error", "pose_error", "expression_error@facemodel"),
}  # fmt: skip
WITH_COST = ("builtin",)
_RANKING = ("cosine_source", "cosine_target", "failed")  # who is ranked, and how many pairs count
_COPIED = ("pairs.csv", "judges.json", "gallery.json")
_BLOCK = re.compile(r"(<!-- table: ([\w ]+) -->\n)(.*?)(\n<!-- end of table -->)", re.DOTALL)
_README_ROWS = {"target": "no swap (reference)", "target-jpeg": "half a pixel and a JPEG (noise floor)"}


def keep(run: Path, name: str, folder: Path = RUNS) -> Path:
    """Keep what the tables read of a judged run.

    Args:
        run: the run's folder.
        name: one of :data:`COLUMNS`.
        folder: of the kept runs.
    """
    kept, wanted = folder / name, {*COLUMNS[name], *_RANKING}
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for file in (*_COPIED, *(("cost.json",) if name in WITH_COST else ())):
        shutil.copyfile(run / file, kept / file)
    shutil.copytree(run / "methods", kept / "methods")
    meta = read_run(run)
    options = meta["options"]
    for key in ("root", "identities", "pair_file"):  # names, not places of the machine that measured
        options[key] = Path(options[key]).name if options[key] else options[key]
    write_json(kept / "run.json", meta | {"root": Path(meta["root"]).name, "options": options})
    with RecordWriter(kept / "gallery.jsonl") as writer:
        for record in read_records(run / "gallery.jsonl"):
            writer.write(record | {"vectors": {}})
    with RecordWriter(kept / "records.jsonl") as writer:
        for record in read_records(run / "records.jsonl", required=OUTCOME):
            writer.write(_shortened(record, wanted))
    return kept


def _shortened(record: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    """A record with the columns that are shown."""

    def shown(key: str) -> bool:
        return key in wanted or key.split("@")[0] in wanted

    rest = {key: value for key, value in record.items() if not key.startswith("rank@") and key != "openings"}
    values = {key: value for key, value in record["values"].items() if shown(key)}
    lists = {key: [name for name in record[key] if shown(name)] for key in ("worst", "no_reference")}
    return {**rest, **lists, "values": values}


def measure(name: str, *, root: str | None = None, identities: str | None = None) -> None:
    """Make a kept run again with the options it was made with, and keep it.

    Args:
        name: of the kept run.
        root: where its data set is, if it needs one.
        identities: the file of its people, if it names one.
    """
    options = replace(options_of(RUNS / name), root=root, identities=identities)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        prepare(run, options, resume=False, say=print)
        swap_stage(run, options)
        judge_stage(run, options)
        cost_stage(run, options.methods, options.cost)
        keep(run, name)


def written(text: str) -> str:
    """A page with its tables made anew; a block whose run is not kept stays as it is."""

    def block(found: re.Match[str]) -> str:
        run, made = BLOCKS[found[2]]
        return f"{found[1]}\n{made().strip()}\n{found[4]}" if (RUNS / run).is_dir() else found[0]

    return _BLOCK.sub(block, text)


def _summary(name: str) -> Summary:
    return summary_of(RUNS / name)


def _shown(name: str, summary: Summary) -> list[Column]:
    return choose_columns(summary, COLUMNS[name])


def _table(name: str) -> str:
    """The columns of a kept run, and the sentences that say where the numbers come from."""
    summary = _summary(name)
    return f"{markdown_columns(summary, _shown(name, summary)).strip()}\n\n{_origin(summary)}"


def _origin(summary: Summary) -> str:
    """Where the numbers come from, in a paragraph; the report of a run says more."""
    meta, gallery = summary.meta, summary.meta["gallery"]
    detector = meta["judges"]["detector"]
    shown = [judge for judge in meta["judges"]["judges"] if judge["kind"] != "shape"]
    judges = [f"{judge['title']}{_hashes(judge['files'])}" for judge in shown]
    weights = [
        f"{name}{_hashes(files)}"
        for name, card in summary.methods.items()
        if (files := card["details"].get("weights_sha256"))
    ]
    versions = ", ".join(f"{key} {meta['versions'][key]}" for key in ("python", "torch", "numpy"))
    drawn = f", {meta['drawn']} targets drawn on" if meta["drawn"] else ""
    left_out = " ".join(note for note in meta["notes"] if "count for no method" in note)
    return (
        f"{meta['used_pairs']} pairs of {_people(summary)} people (seed {meta['seed']}, pair list SHA-256 "
        f"`{meta['pairs_sha256'][:16]}`){drawn}, gallery of {gallery['images']} source images; chance top-1 "
        f"{summary.chance['top1']:.1f} %, top-5 {summary.chance['top5']:.1f} %. Judges: {'; '.join(judges)}; landmarks by "
        f"{detector['name']}{_hashes(detector['files'])}. Weights: {'; '.join(weights)}. Made with {versions}."
        + (f" {left_out}" if left_out else "")
    )


def _hashes(files: dict[str, str]) -> str:
    return f" ({', '.join(f'`{digest[:12]}`' for digest in files.values())})" if files else ""


def _people(summary: Summary) -> int:
    return len({*summary.pairs["source_identity"], *summary.pairs["target_identity"]})


def _tests(name: str) -> str:
    """Differences between methods on the columns shown, each with the adjusted p-value of its sign-flip test."""
    summary = _summary(name)
    tests = summary.significance
    pairs = list(dict.fromkeys(zip(tests["first"], tests["second"], strict=True)))
    heads = ["difference (adjusted p)", *(f"{first} - {second}" for first, second in pairs)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for column in _shown(name, summary):
        rows = tests[tests["metric"] == column.key].set_index(["first", "second"])
        if len(rows):
            cells = [f"{rows.loc[pair, 'difference']:+.3g} ({rows.loc[pair, 'p_holm']:.2g})" for pair in pairs]
            lines.append("| " + " | ".join([column.head, *cells]) + " |")
    return "\n".join(lines)


def _readme_table() -> str:
    summary = _summary("builtin")
    top1, pose = choose_columns(summary, ("id_top1", "pose_error"))
    costs = cost_columns(summary)
    heads = ["method", "ID retrieval top-1 (%)", "pose error (degrees)"]
    heads += ["multiply-adds a frame (G)", "parameters a frame (M)"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for number, name in enumerate(summary.methods):
        cells = [str(table_cell(summary, name, column, intervals=True)) for column in (top1, pose)]
        cost = [costs[key][number].replace("n/a", "") for key in ("multiply-adds (G)", "parameters (M)")]
        lines.append("| " + " | ".join([_README_ROWS.get(name, name), *cells, *cost]) + " |")
    meta, gallery = summary.meta, summary.meta["gallery"]
    caption = (
        "*`python -m eval run --dataset builtin --out runs/first`, about five minutes on two busy cores: "
        f"{meta['used_pairs']} pairs of {_people(summary)} people in images of\ninstalled packages, gallery of {gallery['images']} "
        f"(chance {summary.chance['top1']:.1f} %), judges that no method was trained with, though which student ships was "
        "decided\nby them on these photos too, 95 % intervals for other people. More columns, provenance and how to read it:\n"
        "[evaluation](docs/evaluation.md#a-measured-table).*"
    )
    return "\n".join([*lines, "", caption])


def _readme_occluders() -> str:
    summary = _summary("crops")
    with_stages, without = (summary.cell(name, "occluder_error")["mean"] for name in ("student", "bare"))
    return (
        "What hides a face stays: with glasses, hands, hair and the like drawn over "
        f"{summary.meta['drawn']} targets (`--occluders {summary.meta['options']['occluders']}`), the student leaves "
        f"{with_stages:.1f} grey\nlevels of error inside them, and {without:.1f} with its stages switched off "
        "([how that was measured](docs/evaluation.md#what-the-stages-do))."
    )


# What stands between the marks of a page, with the kept run that it is made of.
BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "methods": ("builtin", _readme_table),
    "what hides a face": ("crops", _readme_occluders),
    **{name: (name, partial(_table, name)) for name in COLUMNS},
    **{f"{name} tests": (name, partial(_tests, name)) for name in COLUMNS},
}


def same_options(name: str, words: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a command of a page asks for and what the kept run was made with, for a test; places are left out.

    Args:
        name: of the kept run.
        words: ``--dataset``, ``builtin`` and so on, without ``--out``.
    """
    given = dict(zip((word.removeprefix("--").replace("-", "_") for word in words[::2]), words[1::2], strict=True))
    asked = saved_values(resolve({key: _number(value) for key, value in given.items()}))
    made = saved_values(RunOptions()) | read_json(RUNS / name / "run.json")["options"]
    # Costs are counted, and most tables do not show them; how a run was spread over processes changes no number.
    apart = {"root", "identities", "cost", "executor"}
    return ({k: v for k, v in side.items() if k not in apart} for side in (asked, made))  # type: ignore[return-value]


def _number(text: str) -> Any:
    return int(text) if text.isdecimal() else text


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", nargs="?", choices=("keep", "measure"))
    parser.add_argument("arguments", nargs="*", help="RUN NAME, or NAME")
    parser.add_argument("--root", help="where the data set of a measured run is")
    parser.add_argument("--identities", help="the file of its people")
    given = parser.parse_args()
    if given.what == "keep":
        run, name = given.arguments
        keep(Path(run), name)
    elif given.what == "measure":
        (name,) = given.arguments
        measure(name, root=given.root, identities=given.identities)
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
