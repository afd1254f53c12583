"""The commands of the section on stages in docs/evaluation.md, run as they stand but on few pairs."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from eval.cli import app
from eval.run import summary_of
from tests.fakes.documented import section_commands
from tests.fakes.made_runs import made_run

MOTION = ("eye_motion", "eye_correlation", "mouth_motion", "mouth_correlation")
SMALL = {
    "builtin": ("--pairs", "2"),
    "builtin-clips": ("--pairs", "8", "--frames", "8"),
}


def commands() -> list[list[str]]:
    """Those of the section on stages that need no data of one's own."""
    found = section_commands("What the stages do")
    return [words for words in found if words[0] == "run" and words[words.index("--dataset") + 1] in SMALL]


def test_the_section_shows_a_command_for_occluders_and_one_for_motion() -> None:
    shown = [set(words) for words in commands()]
    assert any("--occluders" in words for words in shown) and any("builtin-clips" in words for words in shown)


@pytest.mark.parametrize("words", commands(), ids=lambda words: words[words.index("--dataset") + 1])
def test_a_command_of_the_page_runs_and_gives_what_the_page_says(words, tmp_path) -> None:
    out = tmp_path / "run"
    words[words.index("--out") + 1] = str(out)
    small = [*SMALL[words[words.index("--dataset") + 1]], "--detector", "lite", "--cost", "none"]
    said = CliRunner().invoke(app, [*words, *small], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    summary = summary_of(out)
    assert "bare" in summary.methods
    if "--occluders" in words:
        assert summary.cell("target", "occluder_error")["mean"] == 0
        assert summary.cell("student", "occluder_error")["mean"] < summary.cell("bare", "occluder_error")["mean"]
    else:  # the clips are rigid: they have the columns and no numbers, and the table says why
        for key in MOTION:
            cell = summary.cell("student", key)
            assert np.isnan(cell["mean"]) and (cell["n"], cell["no_reference"]) == (0, 1)
        assert "lid_motion" not in {column.key for column in summary.columns}, "nobody looked at the lids"
        table = (out / "table.md").read_text(encoding="utf-8")
        assert "eye motion" in table
        for reading in ("eyes", "mouth"):
            assert f"Motion of the {reading}: n = 0 of 1 clips (of 1 the target does not move)." in table


def test_every_command_that_reads_runs_works_as_shown(tmp_path, monkeypatch) -> None:
    pose, hits = np.linspace(1, 4, 24), (np.arange(24) % 8 > 0).astype(float)
    values = {"pose_error@pnp": pose, "id_top1@dlib": hits}
    yaw = np.repeat([2.0, 20.0], 12)
    run = made_run(tmp_path / "runs" / "a", {"x": values, "y": values}, yaw=yaw, images=True)
    made_run(tmp_path / "runs" / "b", {"x": {**values, "pose_error@pnp": pose + 1}})
    for part, method in (("part1", "x"), ("part2", "y")):
        made_run(tmp_path / "runs" / part, {method: values}, images=True)
    rows = list(csv.DictReader((run / "pairs.csv").open()))
    (tmp_path / "labels.csv").write_text("pair,light\n" + "".join(f"{row['pair']},day\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    shown = [words for words in section_commands("Reading runs") if words[0] != "run"]
    assert {words[0] for words in shown} == {
        "compare",
        "leaderboard",
        "groups",
        "export",
        "table",
        "figure",
        "study",
        "merge",
    }
    for words in shown:
        if "--score" in words:
            (key,) = (run / "study").glob("*.json")
            (tmp_path / "answers.csv").write_text(f"study,question,choice\n{key.stem},0,left\n")
        said = CliRunner().invoke(app, words, catch_exceptions=False)
        assert said.exit_code == 0, said.output
    for name in ("differences.csv", "groups.csv", "records.csv", "figure.pdf", "figure.png", "study.html"):
        assert (tmp_path / name).stat().st_size > 0
    assert "& x & y" in (run / "table.tex").read_text()
