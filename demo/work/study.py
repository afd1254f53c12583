"""The blind study of an evaluation: a page to send to people, its key, and what their answers prefer.

Both are ``python -m eval study``. A study outlives the run on this host, so its maker keeps the key and brings it back.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import OptionError

from ..limits import check_size
from ..settings import Settings
from .auditing import door
from .engine import Engine
from .processes import run_eval

MOST_QUESTIONS = 100  # four pictures each: a page of about 10 MB
_NAME = re.compile(r"[0-9a-f]{12}")  # of a study, as eval.study gives it
_MOST_KEY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Study:
    """A study that was made.

    Attributes:
        page: HTML file that loads nothing and names no method.
        key: JSON file that says which method stood where; answers cannot be read without it.
        questions: on the page.
    """

    page: Path
    key: Path
    questions: int


@dataclass(frozen=True, slots=True)
class Preference:
    """What all answers say of two methods.

    Attributes:
        first: a method; second: the other.
        for_first: answers that prefer it; for_second: the other; same: that saw no difference.
        percent: share of the first among decided answers; ``None`` if there is none.
        low: end of its 95 % interval (Clopper and Pearson), in percent; high: the other.
        p: of a binomial test.
    """

    first: str
    second: str
    for_first: int
    for_second: int
    same: int
    percent: float | None
    low: float
    high: float
    p: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@door("study")
def make_study(run: Path, settings: Settings, *, questions: int, stop: threading.Event) -> Study:
    """Make the page and the key of a finished run.

    Args:
        run: its folder, with the swapped pictures.
        settings: the host's.
        questions: wanted; fewer come where fewer pairs were swapped by two methods.
        stop: set to end it.

    Raises:
        OptionError: fewer than two methods were compared, or no pair was swapped by two of them.
        Cancelled: ``stop`` was set.
    """
    if not 1 <= questions <= MOST_QUESTIONS:
        raise OptionError(f"{questions} questions were asked for; wanted 1 to {MOST_QUESTIONS}.")
    page = run.with_name("study.html")
    _finish(["study", str(run), "--file", str(page), "--questions", str(questions)], run, settings, stop)
    made = max((run / "study").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)  # earlier ones stay valid
    key = Path(shutil.copyfile(made, run.with_name(f"study-{made.stem}-key.json")))
    asked = json.loads(key.read_text(encoding="utf-8"))["questions"]
    return Study(page.rename(run.with_name(f"study-{made.stem}.html")), key, len(asked))


@door("study")
def read_answers(
    engine: Engine, answers: Sequence[Path], keys: Sequence[Path], *, stop: threading.Event
) -> list[Preference]:
    """What people prefer.

    Args:
        engine: with the host's settings.
        answers: CSV files as the page saves them, one a person.
        keys: of the studies that they answer.
        stop: set to end it.

    Raises:
        OptionError: a file is too large or no key, answers fit no key, or there is none.
        Cancelled: ``stop`` was set.
    """
    for path in (*answers, *keys):
        check_size(path, engine.settings)
    table = engine.new_file("preferences.csv")
    run = table.with_name("run")
    (run / "study").mkdir(parents=True)
    for path in keys:
        shutil.copyfile(path, run / "study" / f"{_name_of(path)}.json")
    scored = [word for path in answers for word in ("--score", str(path))]
    _finish(["study", str(run), "--file", str(table), *scored], run, engine.settings, stop)
    with table.open(encoding="utf-8", newline="") as file:
        return [_preference(row) for row in csv.DictReader(file)]


def keys_of(run: str) -> list[Path]:
    """Keys of the studies that were made of a run, if it is still there."""
    return sorted((Path(run) / "study").glob("*.json")) if run else []


def _finish(arguments: list[str], run: Path, settings: Settings, stop: threading.Event) -> None:
    for _ in run_eval(arguments, run.with_name("study.log"), settings, stop):
        pass


def _name_of(key: Path) -> str:
    """The study that a file is the key of; ``eval`` checks the rest."""
    try:
        text = key.read_text(encoding="utf-8") if key.stat().st_size <= _MOST_KEY_BYTES else ""
        value = json.loads(text)
    except (OSError, RecursionError, ValueError):
        value = None
    name = value.get("study") if isinstance(value, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise OptionError(f"{key.name} is not the key of a study; wanted the JSON file that came with the page.")
    return name


def _preference(row: dict[str, str]) -> Preference:
    share = row["first preferred (%)"]
    return Preference(
        row["first"], row["second"], int(row["for first"]), int(row["for second"]), int(row["same"]),
        float(share) if share else None, float(row["low"]), float(row["high"]), float(row["p"]),
    )  # fmt: skip
