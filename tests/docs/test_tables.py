"""The tables of measured methods are those that the kept runs give, and the commands beside them made those runs."""

from __future__ import annotations

import json
import re
import runpy
import shlex

import pytest

from eval.records import read_records

from .pages import DOCS

PROGRAM = runpy.run_path(str(DOCS / "tables.py"))  # by its path: other packages are called docs too
RUNS = sorted(path.name for path in PROGRAM["RUNS"].iterdir())


@pytest.mark.parametrize("page", PROGRAM["PAGES"], ids=lambda page: page.name)
def test_a_page_shows_what_the_kept_runs_give(page) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- table: " in text and text == PROGRAM["written"](text), "run `python -m docs.tables`"


def test_every_run_has_a_block_and_each_block_stands_once() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PROGRAM["PAGES"])
    shown = re.findall(r"<!-- table: ([\w ]+) -->", pages)
    assert set(PROGRAM["COLUMNS"]) <= set(shown) <= set(PROGRAM["BLOCKS"]) and len(shown) == len(set(shown))
    assert {"builtin", "occluded"} <= set(RUNS) <= set(PROGRAM["COLUMNS"])
    assert pages.count("<!-- end of table -->") == len(shown)


@pytest.mark.parametrize("name", RUNS)
def test_the_command_above_a_table_made_its_run(name) -> None:
    text = (DOCS / "evaluation.md").read_text(encoding="utf-8").replace("\\\n", " ")
    command = text.split(f"<!-- table: {name} -->")[0].split("python -m eval run ")[-1].split("\n")[0].split("`")[0]
    words = shlex.split(command)
    if "--out" in words:
        at = words.index("--out")
        del words[at : at + 2]
    asked, made = PROGRAM["same_options"](name, words)
    assert asked == made


@pytest.mark.parametrize("name", RUNS)
def test_a_kept_run_holds_numbers_alone_and_no_place_of_a_machine(name) -> None:
    folder = PROGRAM["RUNS"] / name
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 250_000
    assert not [path for path in folder.rglob("*") if path.suffix not in ("", ".json", ".jsonl", ".csv")]
    meta = json.loads((folder / "run.json").read_text())
    assert "/" not in meta["root"] and "/" not in str(meta["options"]["root"])
    assert all(record["vectors"] == {} for record in read_records(folder / "gallery.jsonl"))


def test_a_number_that_was_changed_by_hand_is_seen() -> None:
    page = PROGRAM["PAGES"][0]
    text = page.read_text(encoding="utf-8")
    changed = re.sub(r"\| student \| [\d.]+", "| student | 12.3", text, count=1)
    assert changed != text and PROGRAM["written"](changed) == text
