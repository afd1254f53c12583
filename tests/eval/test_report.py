"""Pages and tables from templates: every form escapes what comes from outside; run files are read whole or refused."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from eval.failures import reasons_of_failures
from eval.paper_table import PaperCell
from eval.records import RecordWriter, write_json
from eval.rendering import render
from eval.run_files import read_card, read_gallery_summary
from eval.tables import Cell, Grid
from mobilefaceswap_core.errors import OptionError

NASTY = "<b>&_{|}\n%"


def views(text: str) -> dict[str, object]:
    grid = Grid(["method", text], [[Cell(text), Cell("1.0", "[0.5, 1.5]", best=True)]])
    paper = {"source": text, "heads": ["method"], "rows": [[Cell(text)]]}
    return {
        "headline": grid, "full": grid, "differences": grid, "footer": [text], "quoted": {"note": text, "papers": [paper]},
    }  # fmt: skip


def test_html_escapes_every_value_of_tables_and_report() -> None:
    meta = {"dataset": NASTY, "dataset_note": NASTY, "used_pairs": 1}
    spec = SimpleNamespace(label=NASTY, definition=NASTY, source=NASTY)
    figure = SimpleNamespace(caption=NASTY, data="", wide=True)
    result = SimpleNamespace(image="", text=NASTY, failed=False)
    row = SimpleNamespace(
        number=0, source="", target="", results=[result], values={NASTY: 1.0}, failed=True, extreme=False
    )
    page = render(
        "report.html.j2",
        rows=[row],
        compared=[NASTY],
        **views(NASTY),
        meta=meta,
        names=[NASTY],
        failures=[((NASTY, NASTY), 2)],
        figures=[figure],
        specs=[spec],
    )
    for text in (page, render("table.html.j2", **views(NASTY))):
        assert "<b>&_" not in text and "&lt;b&gt;&amp;_" in text
        assert '<b>1.0</b><br><span class="ci">[0.5, 1.5]</span>' in text


def test_latex_and_markdown_escape_cells() -> None:
    rows = [[PaperCell(NASTY), PaperCell("1.0", best=True), PaperCell("0.9", level=True)]]
    made = render(
        "table.tex.j2",
        head=["", NASTY, NASTY],
        under=None,
        rows=rows,
        breaks=set(),
        caption=NASTY,
        label="t",
        footer=[NASTY],
    )
    assert r"<b>\&\_\{|\}" in made and r"\textbf{1.0}" in made and r"\underline{0.9}" in made
    assert made.splitlines()[-1] == "% <b>&_{|} %"  # a comment stays on its line
    row = next(line for line in render("table.md.j2", **views(NASTY)).splitlines() if "1.0" in line)
    assert r"\|} %" in row and "| **1.0** [0.5, 1.5] |" in row


def test_a_name_that_a_template_misses_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError, match="headline"):
        render("table.html.j2")


def test_a_swap_that_was_made_after_all_is_no_failure_of_the_report(tmp_path) -> None:
    with RecordWriter(tmp_path / "manifest.jsonl") as writer:
        for pair, status in ((0, "failed"), (1, "failed"), (0, "ok")):
            writer.write({"method": "m", "pair": pair, "status": status, "reason": "no face"})
    index = pd.MultiIndex.from_tuples([("m", 0), ("m", 1)], names=["method", "pair"])
    pairs = pd.DataFrame({"failed": [0.0, 1.0], "status": ["ok", "failed"]}, index=index)
    assert reasons_of_failures(tmp_path, pairs) == [(("m", "no face"), 1)]


GALLERY = {"images": 1, "identities": 1, "without_face": [], "false_accept_rate": 0.01, "thresholds": {}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"surprise": 1}, r"gallery\.json: surprise cannot be used \(got 1, wanted no such key\)"),
        ({"images": -1}, r"images cannot be used \(got -1, wanted greater than or equal to 0"),
        ({"images": True}, "got True, wanted a whole number"),
        ({"thresholds": {"a": {"cosine": "x", "impostor_pairs": 1}}}, r"thresholds\.a\.cosine"),
    ],
)
def test_a_run_file_with_another_key_or_kind_is_refused_by_its_place(tmp_path, change, said) -> None:
    write_json(tmp_path / "gallery.json", GALLERY)
    assert read_gallery_summary(tmp_path) == GALLERY
    (tmp_path / "gallery.json").write_text(json.dumps(GALLERY | change))
    with pytest.raises(OptionError, match=said):
        read_gallery_summary(tmp_path)


def test_a_card_is_what_the_dataclass_says(tmp_path) -> None:
    card = {"name": "m", "title": "t", "reference": False, "details": {}}
    write_json(tmp_path / "methods" / "m.json", card)
    assert read_card(tmp_path, "m") == card
    write_json(tmp_path / "methods" / "m.json", {**card, "reference": "yes"})
    with pytest.raises(OptionError, match="reference cannot be used"):
        read_card(tmp_path, "m")
