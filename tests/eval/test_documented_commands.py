"""The commands of the section on stages in docs/evaluation.md, run as they stand but on few pairs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.cli import app
from eval.run import summary_of

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
SMALL = {
    "builtin": ("--pairs", "2"),
    "builtin-clips": ("--pairs", "8", "--frames", "8"),
}


def commands() -> list[list[str]]:
    """Words after ``python -m eval`` of the section's commands that need no data of one's own."""
    section = PAGE.read_text(encoding="utf-8").split("## What the stages do")[1].split("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    found = [shlex.split(block.replace("\\\n", " "))[3:] for block in blocks]
    return [words for words in found if words[words.index("--dataset") + 1] in SMALL]


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
    else:
        assert summary.cell("student", "eye_motion")["n"] == 0
        assert any("n = 0 of 1 clips (of 1 the target does not move)" in note for note in summary.meta["notes"])
