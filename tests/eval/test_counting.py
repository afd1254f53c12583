"""What counts: one rule for all columns, failures that are listed as they are counted, and two means where something failed."""

from __future__ import annotations

import numpy as np
import pytest

from eval.columns import OF_FEATURES
from eval.failures import failed_pairs
from eval.images import write_png
from eval.options import RunOptions
from eval.records import read_records
from eval.run import judge_stage, prepare, render, summary_of, swap_stage
from eval.tables import as_object, best_methods, measured_table
from mobilefaceswap_core.errors import OptionError


def go(run, **values):
    options = RunOptions(**{"detector": "lite", "judge_detector": "lite", "judges": ("dlib", "pnp"), **values})
    prepare(run, options, resume=False, say=lambda text: None)
    swap_stage(run, options)
    judge_stage(run, options)
    render(run)
    return summary_of(run)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, astronaut, group):
    """Six pairs: three good ones, a target and a source without a face, a source that is not there; and a run over them."""
    folder = tmp_path_factory.mktemp("mixed")
    face, crew, blank = astronaut[:256, 96:352], group[96:336, 200:440], np.full((256, 256, 3), 90, np.uint8)
    for name, image in (("face", face), ("crew", crew), ("other", group[296:546, 654:904]), ("blank", blank)):
        write_png(folder / "in" / f"{name}.png", np.ascontiguousarray(image))
    rows = ["source,target,source_identity,target_identity"]
    rows += ["face.png,crew.png,f,c", "crew.png,face.png,c,f", "other.png,face.png,o,f"]
    rows += ["face.png,blank.png,f,b", "blank.png,face.png,b,f", "gone.png,face.png,g,f"]
    (folder / "in" / "pairs.csv").write_text("\n".join(rows) + "\n")
    for number in (0, 2):  # a method that fails on one good pair, and on nothing that is the data's fault
        write_png(folder / "theirs" / f"{number:06d}.png", crew if number == 0 else face)
    methods = ("target", "source-paste", f"theirs={folder / 'theirs'}", "nothing=tests.fakes.fake_swappers:nothing")
    return folder / "run", go(folder / "run", dataset="pairs", root=str(folder / "in"), methods=methods)


def test_pairs_that_are_the_datas_fault_count_in_no_column(mixed) -> None:
    run, summary = mixed
    for method in summary.methods:
        for column in summary.columns:
            if column.key not in (*OF_FEATURES, "lpips"):
                cell = summary.cell(method, column.key)
                assert (cell["n"], cell["no_reference"]) == (3, 3), (method, column.key)
    assert summary.cell("target", "failed")["mean"] == 0
    reasons = {r["pair"]: r.get("left_out") for r in read_records(run / "records.jsonl") if r["method"] == "target"}
    assert reasons == {
        0: None, 1: None, 2: None, 3: "the target shows no face", 4: "the source shows no face",
        5: "the source cannot be read",
    }  # fmt: skip
    note = next(note for note in summary.meta["notes"] if "count for no method" in note)
    assert note.startswith("3 of 6 pairs") and "in 1 the target shows no face" in note


def test_the_list_of_failures_has_as_many_rows_as_the_table_counts(mixed) -> None:
    run, summary = mixed
    listed = failed_pairs(run, summary.pairs)
    assert [(method, pair) for method, pair, _ in listed] == [("theirs", 1)] and "no result named" in listed[0][2]
    for method in summary.methods:
        counted = summary.cell(method, "failed")["mean"] / 100 * summary.cell(method, "failed")["n"]
        assert round(counted) == sum(name == method for name, _, _ in listed)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<b>theirs</b>: 1 x no result named" in page and "gone.png" not in page.split("Figures")[0]


def test_both_means_and_n_are_printed(mixed) -> None:
    run, summary = mixed
    cell = summary.cell("theirs", "pose_error@pnp")
    assert cell["mean"] == pytest.approx((2 * cell["mean_found"] + 90) / 3) and cell["mean_found"] < 30
    text = measured_table(summary).set_index("method")["pose (deg) [pnp] ↓"]["theirs °"]
    assert text.endswith(f"({cell['mean_found']:.2f} without 1 failure)")
    assert "| method | n |" in (run / "table.md").read_text(encoding="utf-8")
    assert list(measured_table(summary)["n"]) == ["3"] * 4
    assert as_object(summary)["methods"]["theirs"]["pose_error@pnp"]["mean_found"] == cell["mean_found"]


def test_a_method_that_changes_nothing_is_shown_and_never_the_best(mixed) -> None:
    _, summary = mixed
    assert summary.unmoved == {"nothing", "theirs"}  # theirs holds the targets themselves
    for column in summary.columns:
        assert not best_methods(summary, column)  # nobody is left to compare
    assert "nothing °" in set(measured_table(summary)["method"])


def test_failures_alone_do_not_decide_who_is_best(mixed) -> None:
    from dataclasses import replace

    _, summary = mixed
    pose = next(column for column in summary.columns if column.key == "pose_error@pnp")
    cells = summary.cells.copy()
    for name, mean, found in (("nothing", 3.0, 3.0), ("theirs", 4.0, 2.7)):
        cells.loc[(name, pose.key), ["mean", "mean_found"]] = mean, found
    tied = replace(summary, cells=cells, unmoved=frozenset())
    assert best_methods(tied, pose) == set()  # with failures one leads, without them the other
    cells.loc[("theirs", pose.key), ["mean", "mean_found"]] = 2.9, 2.7
    assert best_methods(replace(tied, cells=cells), pose) == {"theirs"}


def test_a_run_in_which_every_pair_fails_ends_with_an_error(mixed, tmp_path) -> None:
    run, _ = mixed
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match=r"Every pair failed for every method: .*no result named"):
        go(
            tmp_path / "run",
            dataset="pairs",
            root=str(run.parent / "in"),
            methods=("target", f"x={tmp_path / 'empty'}"),
        )


def test_records_of_other_definitions_are_refused(mixed, tmp_path) -> None:
    import shutil

    run, _ = mixed
    shutil.copytree(run, tmp_path / "run")
    text = (run / "judges.json").read_text().replace('"definitions": 2', '"definitions": 1')
    (tmp_path / "run" / "judges.json").write_text(text)
    for stage in (lambda: summary_of(tmp_path / "run"), lambda: judge_stage(tmp_path / "run", RunOptions())):
        with pytest.raises(OptionError, match="judged by definitions 1"):
            stage()
