"""Metrics and judges of other packages: a column like any other, failures counted, bad ones refused before anything runs."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from eval.judges import load_judge
from eval.metrics import load_metrics
from eval.options import RunOptions, resolve
from eval.records import read_records
from eval.run import judge_stage, prepare, render, summary_of, swap_stage
from mobilefaceswap_core import plugins
from mobilefaceswap_core.errors import OptionError

HERE = Path(__file__).parent
PARTS = {"dataset": "builtin", "detector": "lite", "judge_detector": "lite", "pairs": 6}
JUDGES = ("dlib", "pnp", "tests.fakes.added_judges:Brightness?2")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("added")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        options = RunOptions(
            **PARTS,
            judges=JUDGES,
            methods=("target", "average=tests.fakes.fake_swappers:average", "grey=tests.fakes.fake_swappers:grey"),
            metrics=(
                "tests.fakes.added_metrics:CHANGE",
                "tests.fakes.added_metrics:SHAPES",
                "tests.fakes.added_metrics:EVEN",
                "tests.fakes.added_metrics:TURNED",
            ),
        )
        prepare(out, options, resume=False, say=lambda text: None)
        swap_stage(out, options)
        judge_stage(out, options)
    return out


def test_an_added_metric_is_a_column_of_the_table_and_a_line_of_the_report(run) -> None:
    render(run)  # from files alone: the module is not importable any more
    assert "pixels touched (%) ↓" in (run / "table.md").read_text(encoding="utf-8")
    assert "<b>pixels touched</b>: Known." in (run / "report.html").read_text(encoding="utf-8")


def test_it_measures_what_it_was_given(run) -> None:
    summary = summary_of(run)
    assert summary.cell("target", "change")["mean"] == 0 < summary.cell("average", "change")["mean"] < 100
    assert summary.cell("target", "shapes")["mean"] == summary.cell("average", "shapes")["mean"] == 4


def test_a_swap_without_a_face_and_a_metric_without_a_value_count_at_the_worst(run) -> None:
    summary = summary_of(run)
    no_face = [r for r in read_records(run / "records.jsonl") if r["method"] == "grey" and r["status"] == "no face"]
    assert no_face and summary.cell("grey", "shapes")["worst"] == len(no_face)
    even = summary.pairs.loc["target"]["even"]
    assert set(even) == {0.25, 9.0} and summary.cell("target", "even")["worst"] == int((even == 9.0).sum())


def test_an_added_metric_has_a_column_for_each_judge_of_its_kind_judges_of_others_included(run) -> None:
    summary = summary_of(run)
    for judge in ("pnp", "brightness"):
        assert (
            summary.cell("target", f"turned@{judge}")["mean"] == 0 < summary.cell("average", f"turned@{judge}")["mean"]
        )
    records = [
        r["values"] for r in read_records(run / "records.jsonl") if r["method"] == "average" and r["status"] == "ok"
    ]
    assert all("turned@brightness" in v and "pose_error@brightness" in v for v in records)
    assert all(
        v["turned@brightness"] <= v["pose_error@brightness"] for v in records
    )  # largest of three against their length


def test_a_metric_in_the_list_of_own_metrics_is_measured_and_no_note_says_otherwise(tmp_path, monkeypatch) -> None:
    from eval import columns, judge_worker
    from eval.metrics import METRICS
    from tests.fakes.added_metrics import CHANGE

    for module in (judge_worker, columns):
        monkeypatch.setattr(module, "METRICS", (*METRICS, CHANGE))
    options = RunOptions(**{**PARTS, "pairs": 1}, judges=("dlib",), methods=("target",))
    prepare(tmp_path / "run", options, resume=False, say=lambda text: None)
    swap_stage(tmp_path / "run", options)
    judge_stage(tmp_path / "run", options)
    found = summary_of(tmp_path / "run")
    assert found.cell("target", "change")["mean"] == 0 and found.cell("target", "change")["n"] == 1
    assert not [note for note in found.meta["notes"] if "could not be measured" in note]


def test_an_error_of_the_set_up_stops_the_run_instead_of_counting_as_a_bad_swap(tmp_path) -> None:
    options = RunOptions(
        **{**PARTS, "pairs": 1}, judges=("dlib",), methods=("target",), metrics=("tests.fakes.added_metrics:BROKEN",)
    )
    prepare(tmp_path / "run", options, resume=False, say=lambda text: None)
    swap_stage(tmp_path / "run", options)
    with pytest.raises(OptionError, match="set up wrongly"):
        judge_stage(tmp_path / "run", options)


def test_a_registered_judge_is_named_without_its_module_and_gets_its_argument(monkeypatch, astronaut) -> None:
    entry = EntryPoint("bright", "tests.fakes.added_judges:Brightness", plugins.JUDGES)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == plugins.JUDGES else [])
    once, thrice = load_judge("bright"), load_judge("bright:3", device="cuda")
    assert np.allclose(3 * once.measure(astronaut, None), thrice.measure(astronaut, None))
    assert thrice.info.title == "mean colour on cuda"
    with pytest.raises(OptionError, match=r"Unknown judge 'dark'; known are dlib, .*bright"):
        load_judge("dark")


@pytest.mark.parametrize(
    ("factory", "said"),
    [("of_no_kind", "kind 'taste'; wanted .*one of recogniser"), ("unnamed", "two words"), ("absent", "imported")],
)
def test_what_is_no_judge_is_refused(factory, said) -> None:
    with pytest.raises(OptionError, match=said):
        load_judge(f"tests.fakes.added_judges:{factory}")


def test_a_judge_of_another_package_may_not_take_a_name_of_this_one(monkeypatch) -> None:
    entry = EntryPoint("pnp", "tests.fakes.added_judges:Brightness", plugins.JUDGES)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == plugins.JUDGES else [])
    with pytest.raises(OptionError, match="already in use"):
        load_judge("unknown")


def test_a_run_goes_on_only_with_the_metrics_it_was_begun_with(run) -> None:
    options = RunOptions(**PARTS, judges=JUDGES, methods=("target",))
    with pytest.raises(OptionError, match="begun with metrics"):
        prepare(run, options, resume=True, say=lambda text: None)


def test_options_take_them_as_words(monkeypatch) -> None:
    assert resolve({"metrics": "a:B, c:D"}).metrics == ("a:B", "c:D")


def test_a_registered_metric_is_named_without_its_module(monkeypatch) -> None:
    entry = EntryPoint("changed", "tests.fakes.added_metrics:CHANGE", plugins.METRICS)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == plugins.METRICS else [])
    monkeypatch.syspath_prepend(str(HERE))
    assert [metric.spec.key for metric in load_metrics(["changed"])] == ["change"]
    with pytest.raises(OptionError, match="Registered by installed packages: changed"):
        load_metrics(["unknown"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("touched", "Unknown metric 'touched'"),
        ("tests.fakes.added_metrics:UNKNOWN_KIND", "judge_kind 'taste'"),
        ("tests.fakes.added_metrics:UNKNOWN_NEED", "needs 'weather'"),
        ("tests.fakes.added_metrics:TAKEN", "key 'ssim_frame'"),
        ("tests.fakes.added_metrics:SPACED", "key 'two words'"),
        ("tests.fakes.added_metrics:_spec", "is a function; wanted an eval.metrics.Metric"),
        ("tests.fakes.added_metrics:ABSENT", "cannot be imported"),
    ],
)
def test_what_is_no_metric_is_refused(monkeypatch, name, said) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    with pytest.raises(OptionError, match=said):
        load_metrics([name])


def test_a_value_that_is_not_finite_stops_the_run(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    options = RunOptions(
        **{**PARTS, "pairs": 1}, judges=JUDGES, methods=("target",), metrics=("tests.fakes.added_metrics:NOTHING",)
    )
    prepare(tmp_path / "run", options, resume=False, say=lambda text: None)
    swap_stage(tmp_path / "run", options)
    with pytest.raises(OptionError, match="gave nan for pair 0"):
        judge_stage(tmp_path / "run", options)


def test_figures_leave_the_callers_backend_and_figures_alone(run) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    mine = plt.figure()
    before = dict(matplotlib.rcParams)
    render(run)
    assert matplotlib.get_backend() == "svg" and plt.get_fignums() == [mine.number]
    assert dict(matplotlib.rcParams) == before
    plt.close(mine)
    assert np.all([p.stat().st_size > 1000 for p in (run / "figures").glob("*.png")])
