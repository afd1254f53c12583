"""The report's pairs, side by side: source, target and every method's result, to sort and to filter."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .columns import Column
from .crops import as_data, crop_pair
from .failures import failed_pairs
from .pairs import iterate_pairs
from .run_files import open_reader
from .summary import Summary

MOST_ROWS = 60  # of some 30 KB each
_SIDE_PX = 112
_EXTREMES = 3  # at either end of each column, for each method
_SHOWN = ("cosine_source", "pose_error", "expression_error")


@dataclass(frozen=True, slots=True)
class Result:
    """A method's result of a pair: picture in base64, its numbers as text, and whether it failed."""

    image: str
    text: str
    failed: bool


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair.

    Attributes:
        number: of the pair.
        source: picture in base64.
        target: picture in base64.
        results: in the order of the methods.
        values: what rows are sorted by; ``None`` where nothing is measured.
        failed: whether a compared method failed.
        extreme: whether it is among the best or worst of a method in a column.
    """

    number: int
    source: str
    target: str
    results: list[Result]
    values: dict[str, float | None]
    failed: bool
    extreme: bool


def pair_rows(run: Path, summary: Summary) -> list[PairRow]:
    """Up to sixty pairs: those that a compared method failed on, the extremes, then others spread evenly.

    Args:
        run: the run's folder, with its images.
        summary: of it.
    """
    methods = [name for name, card in summary.methods.items() if not card["reference"]]
    columns = [c for key in _SHOWN if (c := next((c for c in summary.columns if c.spec.key == key), None)) is not None]
    lost = {(method, pair) for method, pair, _ in failed_pairs(run, summary.pairs)}
    failed = {pair for method, pair in lost if method in methods}
    extreme = _extremes(summary, methods, columns)
    chosen = _chosen(sorted(set(summary.pairs.index.get_level_values("pair"))), failed, extreme)
    reader, rows = open_reader(run, Path(summary.meta["root"])), []
    for pair in (p for p in iterate_pairs(run / "pairs.csv") if p.index in chosen):
        crops = crop_pair(run, pair, methods, reader, _SIDE_PX)
        values = {
            f"{method}: {column.head}": _value(summary, method, pair.index, column)
            for method in methods
            for column in columns
        }
        results = [
            Result(
                as_data(crops.results[method]),
                ", ".join(_text(summary, method, pair.index, column) for column in columns),
                (method, pair.index) in lost,
            )
            for method in methods
        ]
        rows.append(
            PairRow(
                pair.index, as_data(crops.source), as_data(crops.target), results, values,
                pair.index in failed, pair.index in extreme,
            )
        )  # fmt: skip
    return rows


def _extremes(summary: Summary, methods: Iterable[str], columns: Iterable[Column]) -> set[int]:
    found: set[int] = set()
    for method in methods:
        part = summary.pairs.loc[method]
        for column in columns:
            flag = part.get(f"worst:{column.key}")
            values = (part[column.key] if flag is None else part[column.key][~flag.astype(bool)]).dropna()
            order = values.sort_values(kind="stable").index
            found |= {int(pair) for pair in (*order[:_EXTREMES], *order[-_EXTREMES:])}
    return found


def _chosen(numbers: list[int], failed: set[int], extreme: set[int]) -> set[int]:
    ordered = [*sorted(failed), *sorted(extreme - failed)][:MOST_ROWS]
    rest = [number for number in numbers if number not in failed | extreme]
    room = MOST_ROWS - len(ordered)
    if room > 0 and rest:
        step = max(1.0, len(rest) / room)
        ordered += [rest[int(k * step)] for k in range(min(room, len(rest)))]
    return set(ordered)


def _value(summary: Summary, method: str, pair: int, column: Column) -> float | None:
    key = (method, pair)
    value = float(summary.pairs.loc[key, column.key]) if key in summary.pairs.index else math.nan
    return value * column.spec.scale if math.isfinite(value) else None


def _text(summary: Summary, method: str, pair: int, column: Column) -> str:
    value = _value(summary, method, pair, column)
    shown = "n/a" if value is None else f"{value:.{column.spec.decimals}f}"
    return f"{column.spec.label} {shown}"
