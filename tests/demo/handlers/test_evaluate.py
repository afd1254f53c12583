"""The Evaluate tab's answers, without a browser."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.handlers import evaluate
from demo.messages import Visit
from demo.work.evaluate import example_run
from demo.work.services import Services
from mobilefaceswap_core.errors import Cancelled, OptionError, OutputError
from mobilefaceswap_core.marking.metadata import read_metadata
from tests.fakes.painted import painted_engine

VISIT = Visit(session="me")


def order(**changes: Any) -> dict[str, Any]:
    return {"data": "builtin", "archive": None, "pairs": 2, "models": ["graphics"], "consented": True} | changes


def test_own_photos_need_a_zip_and_its_place_is_shown(services: Services) -> None:
    assert evaluate.choose(services, VISIT, data=evaluate.ZIP)["archive"]["visible"] is True
    assert evaluate.choose(services, VISIT, data="builtin")["archive"]["visible"] is False
    with pytest.raises(OptionError, match="Add the zip"):
        next(evaluate.run(services, VISIT, **order(data=evaluate.ZIP)))
    assert list(evaluate.run(services, VISIT, **order(consented=False))) == [{}]


def test_a_zip_is_unpacked_beside_the_run_and_a_zip_not_chosen_is_left_alone(photo: str, tmp_path: Path) -> None:
    engine = painted_engine()
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(photo, "source/a.png"), packed.write(photo, "target/a.png")
    run = tmp_path / "work" / "run"
    assert evaluate.data_of(engine, None, run) == ("builtin", None)
    assert evaluate.data_of(engine, archive, run) == ("pairs", run.with_name("photos"))
    assert (run.with_name("photos") / "target" / "a.png").is_file()


def test_a_stopped_evaluation_says_so_and_leaves_no_job(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any, stop: Any, **__: Any) -> Iterator[Any]:
        assert stop.is_set()
        raise Cancelled("Stopped.")
        yield

    monkeypatch.setattr(evaluate, "evaluate", stopped)
    steps = evaluate.run(services, VISIT, **order())
    assert "Starting" in next(steps)["progress"]
    assert evaluate.halt(services, VISIT) == {}
    assert "Nothing was kept" in next(steps)["status"]
    assert next(steps, None) is None and len(services.jobs) == 0


def test_a_finished_evaluation_is_shown_as_the_visitors_own(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "evaluate", lambda *_, **__: iter([evaluate.Progress("judge", 1, 2)]))
    monkeypatch.setattr(evaluate, "read_run", lambda folder: example_run())
    first, step, last = evaluate.run(services, VISIT, **order())
    assert first["cancel"]["visible"] is True and first["sheets"]["visible"] is False and first["title"] == ""
    assert "1 of 2" in step["progress"]
    assert last["cancel"]["visible"] is False and last["progress"] == "" and "Done in" in last["status"]
    assert last["title"] == "## Your evaluation" and len(last["sheets"]["value"]) == 3 and last["plots"]["visible"]


def test_what_stops_an_evaluation_takes_its_cancel_button_away(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Iterator[Any]:
        raise OptionError("No pairs.")
        yield

    monkeypatch.setattr(evaluate, "evaluate", broken)
    steps = evaluate.run(services, VISIT, **order())
    next(steps)
    assert next(steps)["cancel"]["visible"] is False
    with pytest.raises(OptionError, match="No pairs"):
        next(steps)


def test_a_report_that_the_host_keeps_is_shown_by_its_name(tmp_path: Path) -> None:
    kept = tmp_path / "reports" / "one"
    kept.mkdir(parents=True)
    (kept / "report.html").write_text("<!doctype html>", encoding="utf-8")
    (kept / "table.md").write_text("table\n## All columns\nmore", encoding="utf-8")
    services = Services.of(painted_engine(reports=str(kept.parent)))
    shown = evaluate.open_run(services, VISIT, browse="one")
    assert (shown["title"], shown["table"], shown["more"]) == ("## one", "table\n", "**All columns**\nmore")
    assert shown["download"]["value"] == str(kept / "report.html")
    (kept / "table.md").unlink()
    with pytest.raises(OutputError, match="not a finished evaluation"):
        evaluate.open_run(services, VISIT, browse="one")
    with pytest.raises(OptionError, match="no finished reports"):
        evaluate.open_run(services, VISIT, browse="../one")


def test_the_report_that_ships_shows_faces_first_and_says_that_they_were_swapped() -> None:
    example = example_run()
    assert [path.stem for path in example.sheets] == ["pairs_student", "pairs_teacher", "pairs_graphics"]
    assert example.figures[:3] == example.sheets and len(example.plots) >= 4
    assert all(read_metadata(path).get("source_type") for path in example.sheets)
    report = example.report.read_text(encoding="utf-8")
    assert report.count("data:image/webp") == len(example.figures) and "data:image/png" not in report
    assert sum(path.stat().st_size for path in example.folder.rglob("*") if path.is_file()) < 2 << 20
    assert "student" in evaluate.parts(example)["table"]


def test_a_tables_chapters_are_no_headings_of_the_page() -> None:
    assert evaluate.without_heads("# Measured here\n\n| # |\n\n## All\n") == "**Measured here**\n\n| # |\n\n**All**\n"
