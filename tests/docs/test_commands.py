"""Every command that a document shows exists, with every option it names."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from .pages import ROOT, documents, name_of, notebook_markdown

PROGRAMS = {
    "mobilefaceswap_core": ("mobilefaceswap_core.cli.app", "app"),
    "mobilefaceswap_core.training": ("mobilefaceswap_core.training.__main__", "app"),
    "eval": ("eval.cli", "app"),
    "eval cost": ("eval.cost.cli", "cost_app"),
}
CALL = re.compile(r"python -m (mobilefaceswap_core(?:\.training)?|eval)(?![\w.])([^`|#;&\n]*)")
PAGES = [*documents(), *sorted((ROOT / "notebooks").glob("*.ipynb"))]


@cache
def program(name: str) -> Any:
    module, attribute = PROGRAMS[name]
    return typer.main.get_command(getattr(importlib.import_module(module), attribute))


def options_of(command: Any) -> set[str]:
    return {"--help", *(o for p in command.params for o in (*p.opts, *p.secondary_opts))}


def problem_with(name: str, rest: str) -> str:
    """What is wrong with a call, or nothing."""
    words = [word.strip("\"'(),.[]") for word in rest.split()]
    if name == "eval" and words[:1] == ["cost"]:
        name, words = "eval cost", words[1:]
    command = program(name)
    while hasattr(command, "commands") and words and re.fullmatch(r"[a-z][a-z_-]*", words[0]):
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    unknown = [
        w
        for w in (word.partition("=")[0] for word in words)
        if re.fullmatch(r"--[a-z][\w-]*", w) and w not in options_of(command)
    ]
    return f"no option {unknown[0]}" if unknown else ""


def calls(path: Path) -> list[tuple[str, str]]:
    text = notebook_markdown(path) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    return CALL.findall(text.replace("\\\n", " "))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_shown_exist_with_their_options(path: Path) -> None:
    wrong = {f"{name}{rest}": said for name, rest in calls(path) if (said := problem_with(name, rest))}
    assert not wrong


def test_the_check_sees_commands_and_would_notice_wrong_ones() -> None:
    assert sum(len(calls(path)) for path in PAGES) > 60
    assert problem_with("eval", " run --datasets builtin") == "no option --datasets"
    assert problem_with("mobilefaceswap_core", " picture --source a") == "no command picture"
    assert (
        problem_with("eval", " cost --quick")
        == ""
        == problem_with("mobilefaceswap_core", " bench video --photo me.jpg")
    )
