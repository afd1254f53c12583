"""Whole runs: known answers, kill and resume, sharding, failures, outputs."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from eval import executors
from eval.images import read_image, write_png
from eval.options import RunOptions
from eval.records import read_records
from eval.result_folders import folder_stem
from eval.run import judge_stage, prepare, render, summary_of, swap_stage
from mobilefaceswap_core.errors import BackendError, OptionError

PATIENCE_S = 400  # of one command, on a machine with much other work; alone it takes ten seconds
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(autouse=True)
def _fakes_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def go(out: Path, **values) -> object:
    options = RunOptions(**{"dataset": "builtin", "detector": "lite", "judge_detector": "lite", **values})
    prepare(out, options, resume=(out / "run.json").exists(), say=lambda text: None)
    swap_stage(out, options)
    judge_stage(out, options)
    return options


@pytest.fixture(scope="module")
def known(made_once):
    """One run with every kind of method whose outcome is known."""
    methods = (
        "target",
        "source-paste",
        "nothing=tests.fakes.fake_swappers:nothing",
        "grey=tests.fakes.fake_swappers:grey",
        "refuses=tests.fakes.fake_swappers:refuses",
    )

    def make(out: Path) -> None:
        go(out, methods=methods, pairs=8)
        render(out)

    return made_once("known-run", make)


def test_a_swapper_that_returns_the_target_keeps_pose_and_expression_and_finds_no_source(known):
    summary = summary_of(known)
    for name in ("target", "nothing"):
        mean = {c.key: summary.cell(name, c.key)["mean"] for c in summary.columns}
        assert mean["pose_error@pnp"] == mean["expression_error@facemodel"] == mean["landmark_shape"] == 0
        assert mean["id_top1@dlib"] <= max(summary.chance["top1"], 1) and mean["cosine_target@dlib"] == pytest.approx(1)
        assert (
            mean["ssim_frame"] == pytest.approx(1)
            and mean["psnr_frame"] == 100
            and mean["frechet"] == pytest.approx(0, abs=1e-6)
        )


def test_a_pasted_source_is_found_and_loses_the_targets_pose(known):
    summary = summary_of(known)
    paste, target = (
        {c.key: summary.cell(n, c.key)["mean"] for c in summary.columns} for n in ("source-paste", "target")
    )
    assert paste["id_top1@dlib"] >= 90 and paste["cosine_source@dlib"] > target["cosine_source@dlib"] + 0.05
    assert paste["pose_error@pnp"] > 3 and paste["expression_error@facemodel"] > 0.3
    assert (
        paste["cosine_target@dlib"] < 0.97
        and paste["shape_error@facemodel-shape"] < target["shape_error@facemodel-shape"]
    )


def test_failures_are_recorded_and_count_at_the_worst_value(known):
    records = {(r["method"], r["pair"]): r for r in read_records(known / "records.jsonl")}
    manifest = [r for r in read_records(known / "manifest.jsonl") if r["method"] == "refuses"]
    failed = [r["pair"] for r in manifest if r["status"] == "failed"]
    assert 0 < len(failed) < 8 and all("even" in r["reason"] for r in manifest if r["status"] == "failed")
    assert all("pose_error@pnp" in records["refuses", p]["worst"] for p in failed)
    summary = summary_of(known)
    assert summary.cell("refuses", "failed")["mean"] == pytest.approx(100 * len(failed) / 8)
    assert summary.cell("refuses", "pose_error@pnp")["mean"] == pytest.approx(90 * len(failed) / 8)
    assert summary.cell("refuses", "pose_error@pnp")["n"] == 8 and summary.cell("refuses", "ssim_frame")[
        "worst"
    ] == len(failed)
    # A wiped face: an image is there, but no judge finds a face in most of them.
    grey = summary.cell("grey", "failed")["mean"]
    assert grey > 50 and summary.cell("grey", "id_top1@dlib")["mean"] <= 100 - grey


def test_all_outputs_are_there_and_hold_together(known):
    for name in (
        "pairs.csv",
        "manifest.jsonl",
        "records.jsonl",
        "table.md",
        "table.tex",
        "table.html",
        "report.html",
        "options.yaml",
    ):
        assert (known / name).stat().st_size > 0
    rows = list(csv.DictReader((known / "table.csv").open()))
    assert {r["method"] for r in rows} == {"target", "source-paste", "nothing", "grey", "refuses"}
    text = (known / "table.md").read_text()
    measured, quoted = text.split("# Quoted from papers, not measured here")
    assert "SimSwap" not in measured and "SimSwap" in quoted and "Gallery:" in measured and "chance" in measured
    tex = (known / "table.tex").read_text()
    assert tex.count(r"\toprule") == 1 and r"\bottomrule" in tex and "_" not in tex.split("%")[2].replace(r"\_", "")[:0]
    report = (known / "report.html").read_text()
    words = re.sub(r"data:image/\w+;base64,[\w+/=]+", "picture", report)  # a picture's letters may spell anything
    assert "src='picture'" in words and "http" not in words.replace("http-equiv", "")
    pngs = {p.name for p in (known / "figures").glob("*.png")}
    assert {"retrieval_pose.png", "cumulative_match.png", "distributions.png", "pairs_nothing.png"} <= pngs


def test_notes_say_what_is_missing_and_nothing_else(known):
    notes = " ".join(summary_of(known).meta["notes"])
    assert "LPIPS" in notes and "covariance singular" in notes and "not the FID" in notes
    assert "could not be measured" not in notes and "†" not in notes


def test_reference_rows_are_never_the_best(known):
    from eval.tables import best_methods

    summary = summary_of(known)
    for column in summary.columns:
        assert not best_methods(summary, column) & {"target", "source-paste"}


def test_tables_do_not_depend_on_the_order_of_records(known, tmp_path):
    import shutil

    shutil.copytree(known, tmp_path / "run")
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines(keepends=True)
    np.random.default_rng(0).shuffle(lines)
    (tmp_path / "run" / "records.jsonl").write_text("".join(lines))
    render(tmp_path / "run")
    for name in ("table.csv", "table.md", "table.tex", "significance.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (known / name).read_bytes()


def evaluate(out: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(HERE), str(HERE / "fakes")])
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment}
    command = [
        sys.executable,
        "-m",
        "eval",
        "run",
        "--out",
        str(out),
        "--detector",
        "lite",
        "--judge-detector",
        "lite",
        *arguments,
    ]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, cwd=out.parent, check=False, timeout=PATIENCE_S
    )


def test_killed_in_either_stage_and_resumed_gives_the_same_numbers_bit_for_bit(tmp_path):
    swaps, judged, model = tmp_path / "swaps", tmp_path / "judged", tmp_path / "face_landmarker.task"
    model.write_bytes(b"model")
    arguments = ("--pairs", "3", "--methods", "target,mix=tests.fakes.fake_swappers:killer", "--cost", "none")
    arguments += ("--judges", f"dlib,pnp,mediapipe:{model}")
    counters = {"KILL_AFTER": str(swaps), "KILL_JUDGE_AFTER": str(judged)}

    def go_on(folder: str, *more: str, swap: int = 0, judge: int = 0) -> subprocess.CompletedProcess[str]:
        swaps.write_text(str(swap))  # counts down; 0 is never reached
        judged.write_text(str(judge))
        return evaluate(tmp_path / folder, *arguments, *more, **counters)

    run = tmp_path / "a"
    assert go_on("a", swap=2).returncode == -9 and not (run / "records.jsonl").exists()
    assert sum(1 for _ in read_records(run / "manifest.jsonl")) < 6
    with (run / "manifest.jsonl").open("a") as handle:
        handle.write('{"method": "mix", "pa')  # what a kill in mid-write leaves
    # Four measurements finish the first pair (target, two methods) and begin the second.
    assert go_on("a", "--resume", judge=5).returncode == -9
    assert 0 < sum(1 for _ in read_records(run / "records.jsonl")) < 6
    resumed, whole = go_on("a", "--resume", "--json"), go_on("b", "--json")
    assert resumed.returncode == whole.returncode == 0, resumed.stderr + whole.stderr
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)
    assert (run / "table.csv").read_bytes() == (tmp_path / "b" / "table.csv").read_bytes()
    one, other = (sorted((tmp_path / k / "records.jsonl").read_text().splitlines()) for k in "ab")
    assert one == other
    for image in (tmp_path / "b" / "swapped").rglob("*.png"):
        assert image.read_bytes() == (run / image.relative_to(tmp_path / "b")).read_bytes()


def test_lost_records_are_measured_again_to_the_same_bits(known, tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(known, run)
    lines = (run / "records.jsonl").read_text().splitlines(keepends=True)
    (run / "records.jsonl").write_text("".join(lines[:17]) + lines[17][:40])
    options = RunOptions(**json.loads((run / "run.json").read_text())["options"])
    options = RunOptions(
        **{**{k: getattr(options, k) for k in options.__dataclass_fields__}, "methods": tuple(options.methods)}
    )
    judge_stage(run, options)
    assert sorted((run / "records.jsonl").read_text().splitlines(keepends=True)) == sorted(lines)


def test_ray_actors_write_the_same_records(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(HERE)]))
    monkeypatch.setenv(*next(iter(executors._REGISTER_S.items())))
    monkeypatch.setattr(executors, "_PATIENCE_S", PATIENCE_S)
    values = {"pairs": 4, "methods": ("target", "mix=tests.fakes.fake_swappers:average"), "judges": ("dlib", "pnp")}
    go(tmp_path / "serial", **values)
    try:
        # Joined by all stages.
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
        go(tmp_path / "ray", **values, executor="ray", workers=2)
    finally:
        ray.shutdown()
    for name in ("records.jsonl", "manifest.jsonl", "gallery.jsonl"):
        one, many = (sorted((tmp_path / d / name).read_text().splitlines()) for d in ("serial", "ray"))
        assert one == many


def test_workers_that_never_answer_end_the_run_with_what_to_look_at(monkeypatch):
    """A cluster without a free processor keeps actors pending for ever."""
    handle = SimpleNamespace(run=SimpleNamespace(remote=lambda job: object()))
    killed = []
    ray = SimpleNamespace(
        is_initialized=lambda: True, kill=killed.append, wait=lambda waiting, num_returns, timeout: ([], waiting),
        remote=lambda kind: SimpleNamespace(remote=lambda **arguments: handle),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(BackendError, match=r"No Ray worker answered within 1800 seconds.*--resume"):
        list(executors.run_jobs([[1], [2]], object, {}, executor="ray", workers=3))
    assert len(killed) == 3


def test_external_results_are_read_by_name_and_missing_ones_are_failures(known, tmp_path):
    folder = tmp_path / "theirs"
    rows = list(csv.DictReader((known / "pairs.csv").open()))[:4]
    names = [f"{folder_stem(row['source'])}-{folder_stem(row['target'])}.png" for row in rows]
    for name, row in zip(names[:2], rows[:2], strict=True):
        write_png(folder / name, read_image(known / "inputs" / row["target"]))
    write_png(folder / names[3], np.zeros((8, 8, 3), np.uint8))
    go(tmp_path / "run", methods=(f"theirs={folder}",), pairs=8, limit=4, judges=("dlib", "pnp"))
    status = {r["pair"]: r for r in read_records(tmp_path / "run" / "manifest.jsonl")}
    assert [status[k]["status"] for k in range(4)] == ["ok", "ok", "failed", "failed"]
    assert "no result named" in status[2]["reason"] and "sizes must agree" in status[3]["reason"]
    render(tmp_path / "run")
    assert (
        "theirs: its results are matched to pairs by folders and names." in (tmp_path / "run" / "table.md").read_text()
    )


def test_a_run_refuses_other_options_and_methods_that_are_none(tmp_path):
    options = RunOptions(dataset="builtin", methods=("target",), pairs=4)
    prepare(tmp_path / "run", options, resume=False, say=lambda text: None)
    with pytest.raises(OptionError, match="seed"):
        prepare(
            tmp_path / "run",
            RunOptions(dataset="builtin", methods=("target",), pairs=4, seed=3),
            resume=True,
            say=lambda t: None,
        )
    with pytest.raises(OptionError, match="--resume"):
        prepare(tmp_path / "run", options, resume=False, say=lambda text: None)
    for method, word in (
        ("x=tests.fakes.fake_swappers:not_a_swapper", "int"),
        ("x=tests.fakes.fake_swappers:none", "imported"),
        ("nobody", "Unknown model"),
    ):
        with pytest.raises(OptionError, match=word):
            swap_stage(tmp_path / "run", RunOptions(methods=(method,), pairs=4))


def test_videos_get_a_flicker_column(tmp_path):
    from eval.datasets import DatasetRequest, build_dataset

    data = build_dataset("builtin", DatasetRequest(tmp_path / "in"))
    source, target = data.pairs[0].source, data.pairs[0].target
    base = read_image(tmp_path / "in" / target)
    for k in range(3):
        write_png(tmp_path / "in" / f"clip/{k}.png", np.roll(base, k, axis=1))
    lines = ["source,target,source_identity,target_identity,clip,frame"]
    lines += [f"{source},clip/{k}.png,s,t,clip,{k}" for k in range(3)]
    (tmp_path / "in" / "pairs.csv").write_text("\n".join(lines) + "\n")
    go(
        tmp_path / "run",
        dataset="pairs",
        root=str(tmp_path / "in"),
        methods=("target", "source-paste"),
        judges=("dlib", "pnp"),
    )
    summary = summary_of(tmp_path / "run")
    assert summary.cell("target", "flicker")["mean"] == 0 and summary.cell("target", "flicker")["n"] == 2
    assert summary.cell("source-paste", "flicker")["mean"] > 0
    cell = summary.cell("target", "id_flicker@dlib")
    assert cell["n"] == 2 and 0 <= cell["mean"] < 20  # one pixel to the side: nearly the same embedding
