"""Two figures: identity against computation, and where the time goes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobilefaceswap_core.errors import OptionError

from .report import CostReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with every kind of colour vision.
_BLUE, _ORANGE, _GREEN, _VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
_QUOTED = Path(__file__).parent.parent / "quoted.json"
_QUOTED_MARKERS = ("s", "^", "v", "P")
# Published names -> our rows, where a paper's row is a network counted or quoted here.
_PUBLISHED_NAMES = {"SimSwap": "simswap", "FaceShifter": "faceshifter", "GHOST": "ghost", "FSGAN": "fsgan"}
METRIC = "id_top1"


@dataclass(frozen=True, slots=True)
class Point:
    """One dot of the first figure.

    Attributes:
        label: beside it.
        giga: multiply-adds per frame, 10^9.
        percent: identity retrieval, top 1.
        source: the table the identity comes from; empty if it was measured here.
    """

    label: str
    giga: float
    percent: float
    source: str = ""


def measured_points(report: CostReport, table: Path) -> list[Point]:
    """Points of an evaluation run.

    Args:
        report: costs by method.
        table: the run's ``table.csv``.

    Raises:
        OptionError: not such a table, or none of its methods has a known cost.
    """
    if not table.is_file():
        raise OptionError(f"{table} is not a file; give the table.csv of an evaluation run")
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"method", "metric", "judge", "mean"} <= rows[0].keys():
        raise OptionError(f"{table} has not the columns of an evaluation run's table.csv (method, metric, judge, mean)")
    chosen = [row for row in rows if row["metric"] == METRIC]
    judges = list(dict.fromkeys(row["judge"] for row in chosen))
    unseen = [j for j in judges if all(r["judge_used_in_training"] != "True" for r in chosen if r["judge"] == j)]
    judge = (unseen or judges or [""])[0]  # the training recogniser flatters
    giga = {m.name: m.frame.multiply_adds / 1e9 for m in report.methods if m.frame.multiply_adds}
    points = [
        Point(row["method"], giga[row["method"]], float(row["mean"]))
        for row in chosen
        if row["judge"] == judge and row["method"] in giga
    ]
    if not points:
        raise OptionError(f"{table} names no method with a counted network; known are {', '.join(giga)}")
    return points


def quoted_points(report: CostReport) -> Iterator[Point]:
    """Published identity retrieval of methods whose computation is known here, each with its paper."""
    giga = {m.name: m.frame.multiply_adds / 1e9 for m in report.methods if m.frame.multiply_adds}
    for table in json.loads(_QUOTED.read_text(encoding="utf-8"))["tables"]:
        column = next((i for i, head in enumerate(table["columns"]) if head in ("ID %", "ID top-1 %")), None)
        for name, values in table["rows"].items() if column is not None else ():
            if _PUBLISHED_NAMES.get(name) in giga:
                yield Point(name, giga[_PUBLISHED_NAMES[name]], float(values[column]), table["source"])


def identity_figure(points: list[Point], *, note: str = "") -> Figure:
    """Identity retrieval against multiply-adds per frame; filled dots were measured, hollow ones are quoted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.subplots()
    sources = list(dict.fromkeys(p.source for p in points if p.source))
    handles = []
    if any(not p.source for p in points):
        handles.append(axes.scatter([], [], s=70, color=_BLUE, label="measured here"))
    for number, source in enumerate(sources):
        hollow: dict[str, Any] = {
            "marker": _QUOTED_MARKERS[number % len(_QUOTED_MARKERS)],
            "facecolors": "none",
            "edgecolors": _VERMILION,
        }
        chosen = [p for p in points if p.source == source]
        axes.scatter([p.giga for p in chosen], [p.percent for p in chosen], s=55, zorder=3, **hollow)
        handles.append(axes.scatter([], [], s=55, label=f"quoted: {source}", **hollow))
    measured = [p for p in points if not p.source]
    axes.scatter([p.giga for p in measured], [p.percent for p in measured], s=70, color=_BLUE, zorder=3)
    for point in [*measured, *_topmost(p for p in points if p.source)]:
        axes.annotate(point.label, (point.giga, point.percent), xytext=(7, 5), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set_ylim(-4, 108)
    axes.margins(x=0.15)
    axes.grid(True, which="major", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("multiply-adds per frame, 10$^9$ (log scale)")
    axes.set_ylabel("ID retrieval, top 1 (%)")
    figure.legend(handles=handles, loc="outside lower left", fontsize=8, frameon=False, ncols=1)
    axes.set_title("Identity against computation" + (f"\n{note}" if note else ""), loc="left", fontsize=11)
    return figure


def _topmost(points: Iterable[Point]) -> list[Point]:
    """One point per method: several papers quote the same network, and one label is enough."""
    best: dict[str, Point] = {}
    for point in points:
        if point.label not in best or point.percent > best[point.label].percent:
            best[point.label] = point
    return list(best.values())


def time_figure(report: CostReport) -> Figure:
    """Left: the student's network by part and by operator. Right: whole frames by stage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _stage_bars(left, report)
    _frame_bars(right, report)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def _stage_bars(axes: Any, report: CostReport) -> None:
    position, ticks = 0.0, []
    for group, colour in (("operator", _ORANGE), ("part", _BLUE)):
        stages = sorted((s for s in report.stages if s.group == group), key=lambda s: s.median_ms)
        total = sum(s.median_ms for s in stages) or 1.0
        small = [s for s in stages if s.median_ms < 0.02 * total]
        rows = [("other", sum(s.median_ms for s in small))] if small else []
        rows += [(s.stage, s.median_ms) for s in stages if s not in small]
        for name, value in rows:
            axes.barh(
                position, value, color=colour, height=0.75, label=f"by {group}" if (name, value) == rows[-1] else None
            )
            axes.text(value, position, f" {value:.2f} ({value / total:.0%})", va="center", fontsize=8)
            ticks.append((position, name))
            position += 1
        position += 0.6
    axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=9)
    axes.margins(x=0.25)
    axes.set_xlabel("ms per crop")
    axes.set_title("The student's network (ONNX Runtime)", loc="left", fontsize=10)
    axes.legend(loc="lower right", fontsize=8, frameon=False)


def _frame_bars(axes: Any, report: CostReport) -> None:
    # Shares, not times: the teacher's bar would leave the student's a line.
    for position, frame in enumerate(reversed(report.frames)):
        start = 0.0
        for colour, (stage, value) in zip((_BLUE, _ORANGE, _GREEN), frame.stages_ms.items(), strict=True):
            share = 100.0 * value / frame.total_ms
            label = stage if position == 0 else None
            axes.barh(position, share, left=start, color=colour, edgecolor="white", height=0.5, label=label)
            if share > 8:
                axes.text(
                    start + share / 2, position, f"{value:.0f}", ha="center", va="center", fontsize=9, color="white"
                )
            start += share
        axes.text(101, position, f"{frame.total_ms:.0f} ms", va="center", fontsize=9)
    axes.set_yticks(range(len(report.frames)), [f.method for f in reversed(report.frames)])
    axes.set_xlim(0, 115)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("share of a frame with one face, % (numbers in ms)")
    if report.frames:
        width, height = report.frames[0].size
        axes.set_title(f"A whole {width} x {height} frame", loc="left", fontsize=10)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize=8, frameon=False)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write PNG and SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        figure.savefig(path, dpi=150)
    return paths
