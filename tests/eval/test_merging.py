"""Shards: who does which pairs, and that shards put together are the run they are parts of, to the last byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from eval.features import FACES, REAL, WHOLE, feature_file, store_features
from eval.judge import run_judge
from eval.merging import merge_runs
from eval.options import RunOptions, resolve
from eval.pairs import Pair, read_foreign_pairs, write_pairs
from eval.panel import JudgeOptions
from eval.records import RecordWriter, read_records, write_json
from eval.run import prepare, summary_of
from eval.run_files import read_json
from eval.shards import pairs_of_shard
from eval.swap import run_swap
from eval.tables import csv_text, numbers
from mobilefaceswap_core.errors import OptionError
from tests.fakes.light_judges import METHODS, light_judges, made_data
from tests.fakes.made_runs import made_run

COUNT = 24


def clip_list(path: Path) -> Path:
    """Ten photos and a clip of six frames."""
    pairs = [Pair(i, f"s{i}", f"t{i}", f"p{i}", f"q{i}") for i in range(10)]
    pairs += [Pair(10 + k, "s", f"c{k}", "p", "q", "c", k, 9 + k if k else -1) for k in range(6)]
    write_pairs(path / "pairs.csv", pairs)
    return path / "pairs.csv"


def test_every_pair_is_in_one_shard_and_frames_that_follow_each_other_stay_together(tmp_path) -> None:
    path = clip_list(tmp_path)
    for count in (1, 2, 3, 16, 20):
        masks = np.array([pairs_of_shard(path, f"{k}/{count}") for k in range(1, count + 1)])
        assert (masks.sum(0) == 1).all()
        assert all(mask[10:].all() or not mask[10:].any() for mask in masks)
    assert pairs_of_shard(path, None).all() and pairs_of_shard(path, "2/2", limit=4).tolist() == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "half", "1/2/3", "-1/2"])
def test_what_is_no_shard_is_refused(text, tmp_path) -> None:
    path = clip_list(tmp_path)
    with pytest.raises(OptionError):
        pairs_of_shard(path, resolve({"shard": text}).shard)


def test_a_shard_that_is_none_is_refused_before_anything_is_written(tmp_path) -> None:
    with pytest.raises(OptionError, match="wanted K/N"):
        prepare(tmp_path / "run", RunOptions(shard="3/2"), resume=False, say=lambda text: None)
    assert not (tmp_path / "run").exists()


def cut(run: Path, out: Path, keep, *, methods: tuple[str, ...] = ("target", "x")) -> Path:
    """A shard of a made run: the lines and features of the pairs that ``keep`` says."""
    shutil.copytree(run, out)
    for name in ("manifest.jsonl", "records.jsonl"):
        records = [r for r in read_records(run / name) if r["method"] in methods and keep(r["pair"])]
        (out / name).unlink()
        with RecordWriter(out / name) as writer:
            for record in records:
                writer.write(record)
    shutil.rmtree(out / "features")
    write_features(out, keep, methods)
    meta = read_json(out / "run.json")
    write_json(
        out / "run.json", meta | {"methods": list(methods), "options": meta["options"] | {"methods": list(methods)}}
    )
    return out


def write_features(run: Path, keep, methods) -> None:
    for name in (*methods, REAL):
        rows = np.random.default_rng(len(name)).normal(size=(COUNT, 4))
        for pair in filter(keep, range(COUNT)):
            store_features(run, name, pair, COUNT, {kind: rows[pair].tolist() for kind in (WHOLE, FACES)})


@pytest.fixture
def whole(tmp_path) -> Path:
    pose = np.linspace(1, 4, COUNT)
    values = {"pose_error@pnp": pose, "id_top1@dlib": (pose > 2).astype(float)}
    run = made_run(
        tmp_path / "whole",
        {"target": values, "x": {**values, "pose_error@pnp": pose**2}},
        failed={"x": (3, 20)},
        images=True,
    )
    write_features(run, lambda pair: True, ("target", "x"))
    return run


def test_shards_of_pairs_and_of_methods_make_the_run_they_are_parts_of(whole, tmp_path) -> None:
    first, second = (cut(whole, tmp_path / f"s{k}", lambda pair, k=k: (pair < 9) == (k == 1)) for k in (1, 2))
    by_method = [cut(whole, tmp_path / name, lambda pair: True, methods=(name,)) for name in ("target", "x")]
    wanted = csv_text(numbers(summary_of(whole)))
    for number, parts in enumerate(([first, second], [second, first], by_method)):
        out = tmp_path / f"merged {number}"
        assert merge_runs(out, parts) == {}
        assert csv_text(numbers(summary_of(out))) == wanted
        for kind in (WHOLE, FACES):
            assert feature_file(out, "x", kind).read_bytes() == feature_file(whole, "x", kind).read_bytes()
        lines = [sorted((run / "records.jsonl").read_text().splitlines()) for run in (out, whole)]
        assert lines[0] == lines[1]
        assert len(list((out / "swapped").rglob("*.png"))) == 2 * COUNT


def test_pictures_that_a_shard_wrote_itself_come_along(whole, tmp_path) -> None:
    parts = [cut(whole, tmp_path / name, keep) for name, keep in (("a", lambda k: k < 9), ("b", lambda k: k >= 9))]
    for part in parts:
        (part / "inputs").mkdir()
        (part / "inputs" / "a.png").write_bytes(b"x")
        write_json(part / "run.json", read_json(part / "run.json") | {"root": str(part / "inputs")})
    merge_runs(tmp_path / "out", parts)
    assert Path(read_json(tmp_path / "out" / "run.json")["root"]) == tmp_path / "out" / "inputs"
    assert (tmp_path / "out" / "inputs" / "a.png").read_bytes() == b"x"


def test_what_no_shard_holds_is_said(whole, tmp_path) -> None:
    parts = [cut(whole, tmp_path / "a", lambda pair: pair < 9), cut(whole, tmp_path / "b", lambda pair: pair > 10)]
    assert merge_runs(tmp_path / "out", parts) == {"target": 2, "x": 2}
    with pytest.raises(OptionError, match="already holds something"):
        merge_runs(tmp_path / "out", parts)


def test_one_pair_in_two_shards_and_shards_of_other_runs_are_refused(whole, tmp_path) -> None:
    half = cut(whole, tmp_path / "half", lambda pair: pair < 9)
    with pytest.raises(OptionError, match=r"Pair 0 of target stands in .*half and in a shard before it"):
        merge_runs(tmp_path / "twice", [half, half])
    with pytest.raises(OptionError, match="two or more"):
        merge_runs(tmp_path / "one", [half])
    rest = cut(whole, tmp_path / "rest", lambda pair: pair >= 9)
    changes = {
        "run.json": ({"pairs_sha256": "0"}, "pairs_sha256"),
        "judges.json": ({"frechet_features": "inception"}, "the features"),
        "gallery.json": ({"images": 3}, "the gallery"),
        "methods/x.json": ({"details": {"weights_sha256": {"w": "1"}}}, "the method x"),
    }
    for name, (change, said) in changes.items():
        other = tmp_path / name.replace("/", "-")
        shutil.copytree(rest, other)
        write_json(other / name, read_json(other / name) | change)
        with pytest.raises(OptionError, match=f"differ in {said}"):
            merge_runs(tmp_path / "mixed", [half, other])
    assert not (tmp_path / "mixed").exists() and not (tmp_path / "twice").exists()


def test_a_shard_measures_its_pairs_alone_against_the_whole_gallery(tmp_path, monkeypatch) -> None:
    light_judges(monkeypatch)
    root = made_data(tmp_path, 12)
    runs = {}
    for shard in (None, "1/3", "2/3", "3/3"):
        run = tmp_path / f"run {str(shard)[0]}"
        write_pairs(run / "pairs.csv", read_foreign_pairs(tmp_path / "list.csv")[0])
        run_swap(run, METHODS, root=root, aligned=None, shard=shard)
        run_judge(run, METHODS, JudgeOptions(()), root=root, shard=shard)
        runs[shard] = run
    records = {shard: list(read_records(run / "records.jsonl")) for shard, run in runs.items()}
    key = lambda record: (record["method"], record["pair"])  # noqa: E731
    assert sorted((r for s in ("1/3", "2/3", "3/3") for r in records[s]), key=key) == sorted(records[None], key=key)
    galleries = {(run / "gallery.jsonl").read_text() for run in runs.values()}
    assert len(galleries) == 1
