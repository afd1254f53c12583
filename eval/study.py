"""A blind study: people see source, target and two results, and say which is the better swap.

The page is one file that loads nothing and names no method; which method stood on which side is in the key, which stays in
the run's folder (``study/ID.json``). Answers come back as CSV.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from scipy import special

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.digest import bytes_sha256
from mobilefaceswap_core.files.ordinary import check_ordinary

from .crops import as_data, crop_pair
from .failures import failed_pairs
from .pairs import iterate_pairs
from .records import write_json, write_text
from .rendering import render
from .run import summary_of
from .run_files import open_reader, read_study_key
from .statistics import clopper_pearson

_SIDE_PX = 320
_MOST_BYTES = 4 << 20  # of a file of answers; a thousand questions take some 30 kB
CHOICES = ("left", "right", "same")


def write_study(run: Path, page: Path, *, questions: int, methods: Sequence[str] = (), seed: int = 0) -> int:
    """Write the page and its key.

    Args:
        run: a judged run with its images.
        page: HTML file to write.
        questions: how many are wanted; fewer come where fewer pairs have images by two methods.
        methods: labels that are compared; all but the reference rows if none is given.
        seed: of pairs, order and sides.

    Returns:
        Questions on the page.

    Raises:
        OptionError: fewer than two methods, an unknown one, or no pair that two of them swapped.
    """
    summary = summary_of(run)
    names = list(methods) or [name for name, card in summary.methods.items() if not card["reference"]]
    if unknown := [name for name in names if name not in summary.methods]:
        raise OptionError(f"No method {unknown[0]!r} in {run.name}; it has {', '.join(summary.methods)}.")
    if len(set(names)) < 2:
        raise OptionError(f"A study compares two methods or more; got {', '.join(names) or 'none'}.")
    key = _draw(run, summary.pairs, names, questions, seed)
    if not key:
        raise OptionError(f"No pair of {run.name} has images with a face by two of {', '.join(names)}.")
    name = bytes_sha256(json.dumps([summary.meta["pairs_sha256"], seed, key]).encode())[:12]
    pairs = {pair.index: pair for pair in iterate_pairs(run / "pairs.csv")}
    reader = open_reader(run, Path(summary.meta["root"]))
    shown = []
    for question in key:
        crops = crop_pair(run, pairs[question["pair"]], names, reader, _SIDE_PX)
        shown.append({
            "source": as_data(crops.source), "target": as_data(crops.target),
            "left": as_data(crops.results[question["left"]]), "right": as_data(crops.results[question["right"]]),
        })  # fmt: skip
    # Inside a script element only the end of one must not appear.
    data = Markup(json.dumps({"study": name, "questions": shown}).replace("<", "\\u003c"))
    write_json(run / "study" / f"{name}.json", {"study": name, "seed": seed, "methods": names, "questions": key})
    write_text(page, render("study.html.j2", data=data, count=len(key)))
    return len(key)


def _draw(run: Path, pairs: pd.DataFrame, names: list[str], count: int, seed: int) -> list[dict[str, Any]]:
    """Questions in order: every two methods equally often, each pair at most once for two methods, sides by chance."""
    random = np.random.default_rng(seed)
    lost = {(method, pair) for method, pair, _ in failed_pairs(run, pairs)}
    numbers = sorted(set(pairs.index.get_level_values("pair")))
    good = {
        name: {n for n in numbers if (name, n) not in lost and (name, n) in pairs.index and not pairs.loc[(name, n), "left_out"]}
        for name in names
    }  # fmt: skip
    pools = {two: random.permutation(sorted(good[two[0]] & good[two[1]])).tolist() for two in combinations(names, 2)}
    drawn: list[dict[str, Any]] = []
    while len(drawn) < count and any(pools.values()):
        for two, pool in pools.items():
            if pool and len(drawn) < count:
                left, right = two if random.random() < 0.5 else two[::-1]
                drawn.append({"pair": int(pool.pop()), "left": left, "right": right})
    return [drawn[i] for i in random.permutation(len(drawn))]


def score_study(run: Path, answers: Sequence[Path]) -> pd.DataFrame:
    """Preferences of everybody who answered.

    Args:
        run: whose ``study`` folder holds the key.
        answers: CSV files that the page gave, with the columns ``study``, ``question`` and ``choice``.

    Returns:
        One row for every two methods, with answers for each, answers that saw no difference, share of the first among decided
        answers with its 95 % interval (Clopper and Pearson), and the p-value of a binomial test. Answers of one person are
        taken as independent, which makes intervals a little narrow when few people answer much.

    Raises:
        OptionError: no such study, or a file that is no list of answers.
    """
    wins: dict[tuple[str, str], Counter[str]] = {}
    for path in answers:
        for row in _rows(path):
            key = _key(run, row["study"], path)
            number, questions = row["question"] or "", key["questions"]
            if not (number.isdecimal() and len(number) < 10 and int(number) < len(questions)):
                raise OptionError(
                    f"{path.name} answers question {row['question']!r}; wanted 0 to {len(questions) - 1}."
                )
            left, right = questions[int(number)]["left"], questions[int(number)]["right"]
            if row["choice"] not in CHOICES:
                raise OptionError(f"{path.name} has the choice {row['choice']!r}; wanted one of {', '.join(CHOICES)}.")
            two = (min(left, right), max(left, right))
            preferred = {"left": left, "right": right}.get(row["choice"], "same")
            wins.setdefault(two, Counter())[preferred] += 1
    if not wins:
        raise OptionError("There is not one answer in these files.")
    return pd.DataFrame([_score(two, counts) for two, counts in sorted(wins.items())])


def _score(two: tuple[str, str], counts: Counter[str]) -> dict[str, Any]:
    first, second = (counts[name] for name in two)
    decided = first + second
    low, high = clopper_pearson(first / decided, decided) if decided else (0.0, 1.0)
    return {
        "first": two[0], "second": two[1], "for first": first, "for second": second, "same": counts["same"],
        "first preferred (%)": 100 * first / decided if decided else float("nan"), "low": 100 * low, "high": 100 * high,
        "p": _two_sided(first, decided),
    }  # fmt: skip


def _two_sided(first: int, decided: int) -> float:
    """The binomial test of two names that are preferred equally often."""
    return min(1.0, 2 * float(special.bdtr(min(first, decided - first), decided, 0.5))) if decided else 1.0


def _rows(path: Path) -> list[dict[str, str]]:
    check_ordinary(path, error=OptionError, wanted="a CSV file")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise OptionError(f"{path.name} has {path.stat().st_size} bytes; wanted at most {_MOST_BYTES} of answers.")
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"{path.name} cannot be read as CSV in UTF-8 ({error}).") from error
    if rows and not {"study", "question", "choice"} <= rows[0].keys():
        raise OptionError(f"{path.name} has the columns {list(rows[0])}; wanted study, question and choice.")
    return rows


def _key(run: Path, study: str | None, path: Path) -> dict[str, Any]:
    file = run / "study" / f"{study}.json"
    if not re.fullmatch(r"[0-9a-f]{12}", study or "") or not file.is_file():
        raise OptionError(f"{path.name} answers the study {study!r}, whose key is not in {run / 'study'}.")
    return read_study_key(file)
