"""Commands that read finished runs, on runs whose every number is known."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from eval.cli import app
from eval.compare import compare_runs
from eval.groups import group_table, groups_by_label, groups_by_yaw, yaw_class
from eval.leaderboard import leaderboard
from eval.long_table import write_long
from eval.paper_table import paper_table
from eval.run import summary_of
from eval.study import score_study, write_study
from mobilefaceswap_core.errors import BackendError, OptionError
from tests.fakes.made_runs import made_run

RANDOM = np.random.default_rng(0)
POSE, HIT = "pose_error@pnp", "id_top1@dlib"


def call(*words: object):
    said = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    return said.output


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run, one over the same pairs whose method a turns heads by a degree more, and one over fewer pairs."""
    folder = tmp_path_factory.mktemp("runs")
    pose, hits = RANDOM.uniform(1, 4, 24), (np.arange(24) % 8 > 0).astype(float)
    zero = np.zeros(24)
    first = {"target": {POSE: zero, HIT: zero}, "a": {POSE: pose, HIT: hits}, "b": {POSE: pose + 2, HIT: hits}}
    turned = {"target": {POSE: zero, HIT: zero}, "a": {POSE: pose + np.where(np.arange(24) == 7, 9.0, 1.0), HIT: hits}}
    yaw = np.repeat([2.0, 20.0, -50.0], 8)
    made_run(folder / "first", first, yaw=yaw, failed={"b": (3,)}, images=True)
    made_run(folder / "second", turned, yaw=yaw)
    made_run(folder / "short", {name: {k: v[:12] for k, v in values.items()} for name, values in first.items()})
    return folder


def test_runs_over_the_same_pairs_are_compared_pair_by_pair(runs) -> None:
    pair = [(runs / name, summary_of(runs / name)) for name in ("first", "second")]
    table = compare_runs(pair, metrics=["pose_error", "id_top1"]).set_index(["method", "metric"])
    row = table.loc[("a", POSE)]
    assert row["difference"] == pytest.approx((23 + 9) / 24) and row["low"] < 1.4 < row["high"]
    assert row["before"] + row["difference"] == pytest.approx(row["after"]) and row["p"] < 0.05
    assert row["most"].startswith("7:+9 ")
    assert table.loc[("target", POSE)]["difference"] == table.loc[("a", HIT)]["difference"] == 0
    assert table.loc[("a", HIT)]["p"] == 1 and "b" not in table.index.get_level_values(0)


def test_runs_over_other_pairs_or_by_other_judges_are_not_compared(runs, tmp_path) -> None:
    first = (runs / "first", summary_of(runs / "first"))
    with pytest.raises(OptionError, match="other pairs than first"):
        compare_runs([first, (runs / "short", summary_of(runs / "short"))])
    with pytest.raises(OptionError, match="two or more"):
        compare_runs([first])
    with pytest.raises(OptionError, match="no column 'gaze'"):
        compare_runs([first, first], metrics=["gaze"])
    shutil.copytree(runs / "second", tmp_path / "other")
    judges = json.loads((tmp_path / "other" / "judges.json").read_text())
    judges["judges"][0]["files"] = {"net": "ab"}
    (tmp_path / "other" / "judges.json").write_text(json.dumps(judges))
    with pytest.raises(OptionError, match="judge dlib has other files"):
        compare_runs([first, (tmp_path / "other", summary_of(tmp_path / "other"))])


def test_the_command_compares_and_writes_the_differences(runs, tmp_path) -> None:
    said = call("compare", runs / "first", runs / "second", "--metrics", "pose_error", "--file", tmp_path / "d.csv")
    assert "pose_error@pnp" in said
    rows = list(csv.DictReader((tmp_path / "d.csv").open()))
    assert [row["method"] for row in rows] == ["target", "a"] and float(rows[1]["difference"]) == pytest.approx(32 / 24)


def test_groups_by_yaw_need_no_labels_and_show_the_gap(runs) -> None:
    summary = summary_of(runs / "first")
    groups = groups_by_yaw(summary)
    assert groups[0] == "0 to 5°" and groups[23] == "over 45°" and yaw_class(-16) == "15 to 30°"
    table = group_table(summary, groups)
    mine = table[(table["method"] == "a") & (table["metric"] == POSE)]
    assert list(mine["group"])[:3] == ["0 to 5°", "15 to 30°", "over 45°"] and list(mine["n"])[:3] == [8, 8, 8]
    means = list(mine["mean"])
    assert means[3] == pytest.approx(max(means[:3]) - min(means[:3])) and mine["group"].iloc[3].startswith("gap (")
    hits = table[(table["method"] == "a") & (table["metric"] == HIT)]
    assert hits["mean"].iloc[0] == pytest.approx(87.5) and hits["low"].iloc[0] < 80  # eight pairs are few


def test_groups_by_a_column_of_labels(runs, tmp_path) -> None:
    rows = list(csv.DictReader((runs / "first" / "pairs.csv").open()))
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "target,light\n" + "".join(f"{r['target']},{'day' if i % 2 else 'night'}\n" for i, r in enumerate(rows))
    )
    groups = groups_by_label(runs / "first", labels, "light")
    assert groups[0] == "night" and groups[1] == "day" and len(groups) == 24
    said = call("groups", runs / "first", "--by", "light", "--labels", labels, "--file", tmp_path / "groups.csv")
    assert "night" in said and "gap" in (tmp_path / "groups.csv").read_text()
    for text, match in (
        ("target,light\nnobody.png,day\n", "in no pair"), ("photo,light\nx,day\n", "wanted 'light' and one of"),
        ("target,x\nx,y\n", "wanted 'light'"),
    ):  # fmt: skip
        labels.write_text(text)
        with pytest.raises(OptionError, match=match):
            groups_by_label(runs / "first", labels, "light")
    with pytest.raises(OptionError, match=r"--labels FILE\.csv"):
        groups_by_label(runs / "first", None, "light")


def test_every_number_is_exported_as_one_row(runs, tmp_path) -> None:
    count = write_long(runs / "first", tmp_path / "long.csv")
    table = pd.read_csv(tmp_path / "long.csv")
    assert len(table) == count == 3 * 24 * 5
    summary = summary_of(runs / "first")
    mine = table[(table["method"] == "b") & (table["metric"] == "pose_error")]
    assert mine["value"].mean() == pytest.approx(summary.cell("b", POSE)["mean_found"]) and mine["failed"].sum() == 1
    assert set(mine["judge"]) == {"pnp"} and mine.loc[mine["pair"] == 9, "target_yaw"].item() == 20
    with pytest.raises(OptionError, match=r"ends in \.csv or \.parquet"):
        write_long(runs / "first", tmp_path / "long.xlsx")
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        with pytest.raises(BackendError, match="pip install pyarrow"):
            write_long(runs / "first", tmp_path / "long.parquet")
        assert not (tmp_path / "long.parquet").exists()
    else:
        write_long(runs / "first", tmp_path / "long.parquet")
        assert len(pd.read_parquet(tmp_path / "long.parquet")) == count
    assert "360 rows" in call("export", runs / "first", "--file", tmp_path / "again.csv")


def test_a_leaderboard_keeps_pair_lists_apart_and_the_best_first(runs) -> None:
    table, problems = leaderboard(runs, columns=["pose_error"])
    assert not problems and len(table) == 8 and table["pairs"].nunique() == 2
    of_24 = table[table["n"] == "24"]
    assert list(of_24["method"]) == ["a", "a", "b", "target *", "target *"]  # references after those that are ranked
    assert list(of_24["run"])[:3] == ["first", "second", "first"]
    assert "failure" in of_24["pose (deg) [pnp] ↓"].iloc[2]
    assert "second" in call("leaderboard", runs)
    with pytest.raises(OptionError, match="No judged run"):
        leaderboard(runs / "first" / "methods")


def test_the_table_for_papers_has_what_a_reader_needs(runs) -> None:
    summary = summary_of(runs / "first")
    text = paper_table(summary, columns=["id_top1", "pose_error"])
    body = text.split(r"\midrule")
    assert r"\begin{table}[t]" in text and r"\caption{" in text and r"\label{tab:face-swapping}" in text
    assert (
        r"& ID top-1 $\uparrow$ & pose $\downarrow$ \\" in body[0] and r"method & \% [dlib] & deg [pnp] \\" in body[0]
    )
    assert "24 pairs" in text and "Gallery of 24 faces of 6 people" in text and "dlib (a recogniser)" in text
    assert re.search(r"a & \\textbf\{87\.5\} & \\textbf\{[\d.]+\}", body[2])
    assert re.search(r"b & [^&]+ & [\d.]+ \([\d.]+\)", body[2])  # with and without its failure
    assert text.count(r"\midrule") == 2  # references stand apart
    turned = paper_table(summary, columns=["pose_error"], transpose=True)
    assert r" & target * & a & b \\" in turned and r"pose $\downarrow$ deg [pnp] &" in turned
    with pytest.raises(OptionError, match="No column 'beauty'"):
        paper_table(summary, columns=["beauty"])


def test_not_significantly_worse_is_underlined_and_worse_is_not(tmp_path) -> None:
    pose = RANDOM.uniform(1, 4, 24)
    up_and_down = np.where(np.arange(24) % 6 < 3, 1.0, -0.9)  # by person, hardly worse in all
    for name, other, lines in (("level", pose + up_and_down, 1), ("worse", pose + 3, 0)):
        run = made_run(tmp_path / name, {"a": {POSE: pose}, "b": {POSE: other}})
        text = paper_table(summary_of(run), columns=["pose_error"])
        assert len(re.findall(r"\\textbf\{[\d.]+\}", text)) == 1
        assert len(re.findall(r"\\underline\{[\d.]+\}", text)) == lines


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX here")
def test_it_compiles_in_a_two_column_paper_and_fits_a_column(runs, tmp_path) -> None:
    head = r"\documentclass[twocolumn]{article}\usepackage{booktabs}\begin{document}"
    measure = r"\setbox0\vbox{}\typeout{COLUMN \the\columnwidth}"
    (tmp_path / "p.tex").write_text(head + measure + paper_table(summary_of(runs / "first")) + r"\end{document}")
    said = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "p.tex"], cwd=tmp_path, capture_output=True, text=True
    )
    assert said.returncode == 0 and "Overfull" not in said.stdout


def test_a_study_is_blind_and_its_answers_are_scored(runs, tmp_path) -> None:
    page = tmp_path / "study.html"
    count = write_study(runs / "first", page, questions=10, seed=1)
    text = page.read_text(encoding="utf-8")
    data = json.loads(re.search(r"id='data'>(.*?)</script>", text)[1])  # type: ignore[index]  # it is there
    assert count == len(data["questions"]) == 10 and "://" not in text
    assert not re.search(r"method [ab]|\"a\"|\"b\"", text.replace('"left"', ""))
    (key_file,) = (runs / "first" / "study").glob("*.json")
    key = json.loads(key_file.read_text())
    assert {q["left"] for q in key["questions"]} == {"a", "b"} and 3 not in {q["pair"] for q in key["questions"]}
    assert len({q["pair"] for q in key["questions"]}) == 10
    again = tmp_path / "again.html"
    write_study(runs / "first", again, questions=10, seed=1)
    assert again.read_bytes() == page.read_bytes()
    answers = tmp_path / "answers.csv"
    lines = ["study,question,choice,seconds"]
    for number, question in enumerate(key["questions"]):  # a is preferred, but for two that look the same
        choice = "same" if number < 2 else "left" if question["left"] == "a" else "right"
        lines.append(f"{key['study']},{number},{choice},1.0")
    answers.write_text("\n".join(lines) + "\n")
    (row,) = score_study(runs / "first", [answers]).to_dict("records")
    assert (row["first"], row["for first"], row["for second"], row["same"]) == ("a", 8, 0, 2)
    assert row["high"] == 100 and row["low"] == pytest.approx(63.06, abs=0.01) and row["p"] == pytest.approx(2 / 2**8)
    assert "a" in call("study", runs / "first", "--score", answers)


def test_answers_that_fit_no_study_are_refused(runs, tmp_path) -> None:
    answers = tmp_path / "answers.csv"
    for text, match in (
        ("study,question,choice\n../x,0,left\n", "whose key is not in"), ("a,b\n1,2\n", "wanted study, question and choice"),
        ("study,question,choice\n", "not one answer"),
    ):  # fmt: skip
        answers.write_text(text)
        with pytest.raises(OptionError, match=match):
            score_study(runs / "first", [answers])
    with pytest.raises(OptionError, match="two methods or more"):
        write_study(runs / "second", tmp_path / "x.html", questions=3)


def test_a_damaged_key_and_answers_out_of_its_range_are_refused(tmp_path) -> None:
    run, answers = tmp_path / "run", tmp_path / "answers.csv"
    made_run(run, {name: {POSE: np.ones(6)} for name in ("a", "b")}, images=True)
    write_study(run, tmp_path / "page.html", questions=3, seed=7)
    name = re.search(r"[0-9a-f]{12}", (tmp_path / "page.html").read_text())[0]  # type: ignore[index]  # it is there
    for question in ("3", "-1", "1.0", "", "9" * 5000):  # the key has three, from 0
        answers.write_text(f"study,question,choice\n{name},{question},left\n")
        with pytest.raises(OptionError, match="wanted 0 to 2"):
            score_study(run, [answers])
    answers.write_text(f"study,question,choice\n{name},0,left\n")
    (key,) = (run / "study").glob(f"{name}.json")
    whole = key.read_text()
    for damaged in ("[]", "7", '{"study": 1}', whole.replace('"left"', '"lift"'), whole.replace('"a"', '"<b>"')):
        key.write_text(damaged)
        with pytest.raises(OptionError, match="cannot be used"):
            score_study(run, [answers])
    answers.write_bytes(bytes(5 << 20))
    with pytest.raises(OptionError, match="wanted at most"):
        score_study(run, [answers])


def test_the_report_shows_pairs_to_sort_and_filter(runs) -> None:
    from eval.report_pairs import MOST_ROWS, pair_rows
    from eval.run import render

    summary = summary_of(runs / "first")
    rows = pair_rows(runs / "first", summary)
    assert len(rows) == 24 <= MOST_ROWS and [row.number for row in rows if row.failed] == [3]
    assert rows[3].results[1].failed and not rows[3].results[0].failed
    worst = int(summary.pairs.loc["a"][POSE].idxmax())
    assert rows[worst].extreme and rows[5].values["a: pose (deg) [pnp] ↓"] == pytest.approx(
        summary.pairs.loc[("a", 5), POSE]
    )
    render(runs / "first")
    page = (runs / "first" / "report.html").read_text(encoding="utf-8")
    assert page.count("<tr data-pair=") == 24 and page.count("<b>failed</b></span>") == 1
    assert "://" not in page and "data-failed='1'" in page


def test_a_figure_for_papers_has_a_row_for_each_pair(runs, tmp_path) -> None:
    said = call("figure", runs / "first", "--pairs", "2,5", "--file", tmp_path / "figure")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF") and str(tmp_path / "figure.png") in said
    from PIL import Image

    width, height = Image.open(tmp_path / "figure.png").size
    assert width > 1.5 * height  # four columns, two rows
    for words, match in (("99", "are not in first"), ("x", "wanted numbers")):
        with pytest.raises(OptionError, match=match):
            CliRunner().invoke(app, ["figure", str(runs / "first"), "--pairs", words], catch_exceptions=False)


def test_a_judge_that_gives_a_method_its_identity_is_marked_and_says_whose(tmp_path) -> None:
    from eval.tables import footer

    run = made_run(tmp_path / "run", {name: {POSE: np.ones(24)} for name in ("a", "b")})
    judges = json.loads((run / "judges.json").read_text())
    judges["judges"][0] |= {"identity_of": ["simswap_256"], "files": {"recogniser.onnx": "1" * 64}}
    (run / "judges.json").write_text(json.dumps(judges))
    name = judges["judges"][0]["name"]

    def heads_and_foot(**details):
        path = run / "methods" / "b.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"details": details}))
        summary = summary_of(run)
        return {c.marked_judge for c in summary.columns if c.judge == name}, footer(summary)

    heads, lines = heads_and_foot(model="student")
    assert heads == {f"[{name}]"} and not any("flatters" in line for line in lines)
    for details in ({"model": "simswap_256"}, {"model": "mine", "weights_sha256": {"r.onnx": "1" * 64}}):
        heads, lines = heads_and_foot(**details)
        assert heads == {f"[{name}†]"}
        assert any(line.startswith(f"[{name}]") and "gives b their identity" in line for line in lines)
        assert any(line.startswith(f"† b: what is swapped in is what {name} measures") for line in lines)


def test_a_judge_that_chose_weights_is_marked_on_those_data_sets_and_named_on_others(runs, tmp_path) -> None:
    from eval.tables import footer

    for data, mark, said in (
        ("folders", "‡", "not used in training, but for selection on this data set: the student"),
        ("flat", "", "not used in training, but for selection on other data sets: folders"),
    ):
        run = made_run(tmp_path / data, {"a": {POSE: np.ones(24)}, "b": {POSE: np.ones(24)}}, dataset=data)
        judges = json.loads((run / "judges.json").read_text())
        judges["judges"][1]["selected_on"] = {"folders": "the student"}
        (run / "judges.json").write_text(json.dumps(judges))
        summary = summary_of(run)
        (pose,) = (column for column in summary.columns if column.key == POSE)
        assert pose.head == f"pose (deg) [pnp{mark}] ↓"
        lines = footer(summary)
        assert any(line.startswith("[pnp]") and said in line and "licence MIT" in line for line in lines)
        assert any(line.startswith("[dlib]") and "not used in training or selection" in line for line in lines)
        assert any("weights were chosen by its figures" in line for line in lines) == bool(mark)
