"""The README's two lines to paste: each does its part alone, and what passes changes calls the second one."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from .pages import ROOT, code_blocks

README = ROOT / "README.md"
STEPS = [block.strip() for block in code_blocks(README, "bash")[:2]]


def programs(line: str) -> list[list[str]]:
    """The commands of a line, word by word."""
    return [shlex.split(command) for command in line.split("&&")]


def test_there_are_two_lines_and_each_makes_its_environment() -> None:
    page, tests = STEPS
    assert "\n" not in page and "\n" not in tests
    for line in STEPS:
        assert programs(line)[0] == ["python3", "-m", "venv", ".venv"]
        assert all(words[0].startswith(".venv/bin/") for words in programs(line)[1:]), "nothing of another environment"
    assert programs(page)[-1] == [".venv/bin/python", "app.py"]
    assert programs(tests)[-1][:3] == [".venv/bin/python", "-m", "pytest"]


@pytest.mark.parametrize("line", STEPS)
def test_what_a_line_installs_is_there(line: str) -> None:
    (install,) = (words for words in programs(line) if words[0].endswith("/pip"))
    files = [word for word in install if word.endswith(".txt")]
    assert "requirements.txt" in files and all((ROOT / name).is_file() for name in files)
    assert set(install) == {".venv/bin/pip", "install", "-r", *files}


def test_what_passes_changes_calls_the_line_for_the_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert STEPS[1] in script.splitlines()
    assert STEPS[1] in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_environment_of_the_lines_is_no_part_of_the_repository() -> None:
    done = subprocess.run(["git", "check-ignore", "-q", ".venv/bin/python"], cwd=ROOT, check=False)
    if done.returncode == 128:
        pytest.skip("needs a git checkout")
    assert done.returncode == 0


def test_a_table_in_the_readme_says_which_command_printed_it() -> None:
    text = README.read_text(encoding="utf-8")
    after = text.split("| method |")[1].split("\n\n")[1]
    assert re.match(r"\*`python -m eval run [^`]+`, about \w+ minutes on ", after)
