"""Answers of the blind study in the Evaluate tab."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import OptionError

from ..messages import Visit
from ..texts import say
from ..work.services import Services
from ..work.study import Preference, keys_of, make_study, read_answers

_KIND = "study"
_KEY = ".json"  # everything else that is brought is taken for answers


def make(services: Services, visit: Visit, *, run: str, questions: float) -> dict[str, Any]:
    """Make the page and its key of the visitor's own run.

    Raises:
        OptionError: there is no run, or what :func:`~demo.work.study.make_study` says.
    """
    if not run or not Path(run).is_dir():  # it was deleted meanwhile
        raise OptionError(say("study_need_run", visit.language))
    services.engine.admit(visit.caller)
    stop = services.jobs.begin(visit.session, _KIND)
    try:
        study = make_study(Path(run), services.settings, questions=int(questions), stop=stop)
    finally:
        services.jobs.end(visit.session, _KIND, stop)
    return {
        "page": gr.update(value=str(study.page), visible=True), "key": gr.update(value=str(study.key), visible=True),
        "made": say("study_made", visit.language, questions=study.questions),
    }  # fmt: skip


def read(services: Services, visit: Visit, *, run: str, answers: Sequence[str] | None) -> dict[str, Any]:
    """Say what the answers prefer.

    Raises:
        OptionError: answers or key are missing, or what :func:`~demo.work.study.read_answers` says.
    """
    brought = [Path(path) for path in answers or ()]
    keys = [*keys_of(run), *(path for path in brought if path.suffix.lower() == _KEY)]
    given = [path for path in brought if path.suffix.lower() != _KEY]
    if not given:
        raise OptionError(say("study_need_answers", visit.language))
    if not keys:
        raise OptionError(say("study_need_key", visit.language))
    services.engine.admit(visit.caller)
    stop = services.jobs.begin(visit.session, _KIND)
    try:
        found = read_answers(services.engine, given, keys, stop=stop)
    finally:
        services.jobs.end(visit.session, _KIND, stop)
    return {"preferences": in_words(found, len(given), visit.language)}


def in_words(found: Sequence[Preference], people: int, spoken: str) -> str:
    """A line for every two methods, and how to read it, as Markdown."""
    lines = [f"* {_line(two, spoken)}" for two in found]
    return "\n".join([*lines, "", say("study_fine_print", spoken, files=people)])


def _line(two: Preference, spoken: str) -> str:
    first, second = (two.first, two.second) if two.for_first >= two.for_second else (two.second, two.first)
    if two.percent is None:
        return say("study_undecided", spoken, first=first, second=second, same=two.same)
    turned = first != two.first
    share, low, high = (
        (two.percent, two.low, two.high) if not turned else (100 - two.percent, 100 - two.high, 100 - two.low)
    )
    return say(
        "study_preferred", spoken, first=first, second=second, votes=max(two.for_first, two.for_second),
        decided=two.for_first + two.for_second, percent=f"{share:.0f}", low=f"{low:.0f}", high=f"{high:.0f}",
        p=f"{two.p:.2g}", same=two.same,
    )  # fmt: skip
