"""The blind study in the Evaluate tab and for programs: the commands of ``eval``, here without a process of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from typer.testing import CliRunner

from demo import endpoints
from demo.handlers import evaluate, study
from demo.messages import Visit
from demo.work import study as work
from demo.work.evaluate import Finished
from demo.work.services import Services
from eval.cli import app
from mobilefaceswap_core.errors import OptionError
from tests.fakes.made_runs import made_run

VISIT, CHINESE = Visit(session="me"), Visit("zh-CN", "me")
POSE = "pose_error@pnp"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_this_process(arguments: list[str], *_: Any) -> Iterator[None]:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
        yield

    monkeypatch.setattr(work, "run_eval", in_this_process)


def write_run(folder: Path, count: int = 6) -> Path:
    methods = {name: {POSE: np.linspace(1, 2, count)} for name in ("target", "student", "graphics")}
    return made_run(folder, methods, images=True)


def answers_to(key: dict[str, Any], folder: Path) -> str:
    """Somebody who prefers the student, but for one question that is the same to them."""
    lines = ["study,question,choice,seconds"]
    for number, question in enumerate(key["questions"]):
        choice = "same" if number == 0 else "left" if question["left"] == "student" else "right"
        lines.append(f"{key['study']},{number},{choice},1.0")
    path = folder / "answers.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_finished_run_offers_a_study_whose_answers_are_read_with_its_key(services: Services, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    offered = evaluate.shown(Finished(run, "", (), (), run / "report.html"), "Yours", own=True)
    assert offered["run"] == str(run) and offered["offer"]["visible"] and not offered["missing"]["visible"]
    made = study.make(services, VISIT, run=offered["run"], questions=4)
    page, key = Path(made["page"]["value"]), json.loads(Path(made["key"]["value"]).read_text())
    assert made["made"].startswith("4 questions") and len(key["questions"]) == 4
    text = page.read_text(encoding="utf-8")
    assert key["study"] in text and key["study"] in page.name and "student" not in text and "://" not in text
    answers = answers_to(key, tmp_path)
    shutil.copy(made["key"]["value"], tmp_path / "renamed.json")  # days later, in another visit
    for run_then, brought in ((str(run), [answers]), ("", [answers, str(tmp_path / "renamed.json")])):
        said = study.read(services, VISIT, run=run_then, answers=brought)["preferences"]
        assert "**student** was preferred to **graphics** in 3 of 3 decided answers: 100 %" in said
        assert "interval 29 to 100 %), p = 0.25; 1 saw no difference" in said and "Files of answers: 1." in said
    assert (
        "**student** 优于 **graphics**" in study.read(services, CHINESE, run=str(run), answers=[answers])["preferences"]
    )
    assert len(services.jobs) == 0


def test_what_a_study_lacks_is_said(services: Services, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    made = study.make(services, VISIT, run=str(run), questions=2)
    answers = answers_to(json.loads(Path(made["key"]["value"]).read_text()), tmp_path)
    other, no_key = tmp_path / "other.json", tmp_path / "no.json"
    other.write_text('{"study": "../../etc/pass"}'), no_key.write_text("[" * 3000)
    for run_then, brought, match in (
        ("", None, "Add the answers"), ("", [str(other)], "Add the answers"), ("", [answers], "Add the key"),
        ("", [answers, str(other)], "is not the key"), ("", [answers, str(no_key)], "is not the key"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=match):
            study.read(services, VISIT, run=run_then, answers=brought)
    with pytest.raises(OptionError, match="请先对至少两种方法"):
        study.make(services, CHINESE, run=str(tmp_path / "swept"), questions=2)
    with pytest.raises(OptionError, match="wanted 1 to 100"):
        study.make(services, VISIT, run=str(run), questions=101)


def test_reports_of_the_host_and_a_new_run_offer_no_study_of_another(services: Services, tmp_path: Path) -> None:
    finished = Finished(tmp_path, "", (), (), tmp_path / "report.html")
    for changes in (evaluate.shown(finished, "the host's"), next(evaluate.run(services, VISIT, data="builtin", archive=None,
                    pairs=2, models=["graphics"], consented=True))):  # fmt: skip
        assert changes["run"] == "" and not changes["offer"]["visible"] and changes["page"]["visible"] is False


def test_programs_make_a_study_and_read_its_answers(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluated(run: Path, **_: Any) -> Iterator[Any]:
        write_run(run)
        yield

    monkeypatch.setattr(endpoints, "evaluate", evaluated)
    monkeypatch.setattr(type(services.engine), "model_names", lambda _: ["student", "graphics"])
    page, key = endpoints.endpoint(endpoints.study_page, services)(None, True, [], 2, 3, None)
    assert page["orig_name"].endswith(".html") and key["orig_name"].endswith("-key.json")
    uploads = Path(get_upload_folder())
    uploads.mkdir(parents=True, exist_ok=True)
    sent = answers_to(json.loads(Path(key["path"]).read_text()), uploads)
    kept = shutil.copy(key["path"], uploads / "key.json")
    (row,) = endpoints.endpoint(endpoints.study_answers, services)([{"path": sent}], {"path": str(kept)}, None)
    assert (row["first"], row["second"], row["for_first"], row["for_second"], row["same"]) == (
        "graphics",
        "student",
        0,
        2,
        1,
    )
    assert (row["percent"], row["low"]) == (0, 0) and row["high"] == pytest.approx(84.19, abs=0.01) and row["p"] == 0.5
    for arguments, match in (
        ((None, True, ["student"], 2, 3), "two models or more"), ((None, True, [], 2, 0), "questions must be 1"),
        ((None, True, [], 2, float("nan")), "whole number"), ((None, False, [], 2, 3), "consent"),
    ):  # fmt: skip
        with pytest.raises(gr.Error, match=match):
            endpoints.endpoint(endpoints.study_page, services)(*arguments, None)
    for answers in (None, [], [{"path": "/etc/passwd"}], ["a"]):
        with pytest.raises(gr.Error, match="answers"):
            endpoints.endpoint(endpoints.study_answers, services)(answers, {"path": str(kept)}, None)
