"""Figures of a run, one style: printable, colour-blind safe (Okabe and Ito 2008), a marker as well as a colour per method."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from .columns import Column
from .contact_sheets import draw_sheets
from .groups import YAW_EDGES_DEG, yaw_range
from .metrics.id_retrieval import chance_top_k
from .summary import Summary

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_PNG_DPI = 200
_STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "mobilefaceswap",
    "svg.fonttype": "path",
}


def write_figures(run: Path, summary: Summary) -> list[Path]:
    """Draw everything that the run's records allow into ``figures/`` as PNG and SVG.

    Returns:
        The PNG files, in the order of the report.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    folder = run / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    drawings: list[tuple[str, Callable[[Any, Summary], bool]]] = [
        ("retrieval_pose", retrieval_against_pose),
        ("cumulative_match", cumulative_match),
        ("distributions", distributions),
        ("error_yaw", error_against_yaw),
        ("cost_identity", cost_against_identity),
    ]
    written = []
    # Figures of their own: no window opens, and a notebook that calls this keeps its backend and its open figures.
    with rc_context(cast(Any, _STYLE)):
        for name, draw in drawings:
            # The layout finds room for everything, legends outside of the axes too: cutting the margins off draws each twice.
            figure = Figure(figsize=(6.4, 4.2), layout="constrained")
            if draw(figure, summary):
                written.append(folder / f"{name}.png")
                _print(figure, written[-1])
        written += draw_sheets(run, summary, folder)
    return written


def _print(figure: Any, path: Path) -> None:
    """Write a figure as PNG and, beside it, as SVG; each is drawn once, where ``savefig`` draws twice."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.set_dpi(_PNG_DPI)
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})
    figure.set_layout_engine("none")  # everything has its place: a third of the drawing is finding it
    FigureCanvasSVG(figure).print_svg(path.with_suffix(".svg"), metadata={"Date": None})


def style_of(summary: Summary, method: str) -> dict[str, Any]:
    """Colour and marker of a method; reference rows are grey and hollow."""
    names = list(summary.methods)
    compared = [n for n in names if not summary.methods[n]["reference"]]
    if summary.methods[method]["reference"]:
        marker = MARKERS[::-1][[n for n in names if n not in compared].index(method) % len(MARKERS)]
        return {"color": "#7F7F7F", "marker": marker, "markerfacecolor": "white"}
    at = compared.index(method)
    return {"color": PALETTE[at % 7], "marker": MARKERS[at % len(MARKERS)]}


def first_column(summary: Summary, metric: str) -> Column | None:
    """The first judge's column of a metric."""
    return next((c for c in summary.columns if c.spec.key == metric), None)


def retrieval_against_pose(figure: Any, summary: Summary) -> bool:
    """Identity moved against pose lost: the upper left corner is where a method wants to be."""
    identity, pose = first_column(summary, "id_top1"), first_column(summary, "pose_error")
    if identity is None or pose is None:
        return False
    axes = figure.subplots()
    for name in summary.methods:
        x, y = summary.cell(name, pose.key), summary.cell(name, identity.key)
        if not (math.isfinite(x["mean"]) and math.isfinite(y["mean"])):
            continue
        style = style_of(summary, name)
        bars = {
            "xerr": [[max(0.0, x["mean"] - x["low"])], [max(0.0, x["high"] - x["mean"])]],
            "yerr": [[max(0.0, y["mean"] - y["low"])], [max(0.0, y["high"] - y["mean"])]],
        }
        axes.errorbar(
            x["mean"], y["mean"], **bars, **style, linestyle="none", capsize=2, linewidth=1, label=name, markersize=7
        )
    axes.axhline(summary.chance["top1"], color="#7F7F7F", linestyle=":", linewidth=1)
    axes.annotate(
        f"chance {summary.chance['top1']:.1f} %", (1.0, summary.chance["top1"]), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", ha="right", color="#555555", fontsize=8,
    )  # fmt: skip
    axes.set(
        xlabel=f"pose error (degrees) [{pose.judge}]",
        ylabel=f"ID retrieval top-1 (%) [{identity.judge}]",
        ylim=(-4, 104),
    )
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    _legend_below(figure, axes)
    return True


def cumulative_match(figure: Any, summary: Summary) -> bool:
    """Share of swapped faces whose source is among the k nearest of the gallery, for every k."""
    identity = first_column(summary, "id_top1")
    size = int(summary.meta["gallery"]["images"])
    if identity is None or size < 2:
        return False
    axes = figure.subplots()
    ks = np.unique(np.r_[1 : min(size, 20) + 1, np.geomspace(min(size, 20), size, 40).astype(int)])
    for name in summary.methods:
        rows = summary.pairs.loc[name]
        rank = rows.get(f"rank@{identity.judge}")
        known = rows[identity.key].notna().to_numpy()
        ranks = (
            np.where(rank.isna(), np.inf, rank.astype(float))[known]
            if rank is not None
            else np.full(known.sum(), np.inf)
        )
        if len(ranks):
            style = style_of(summary, name)
            axes.plot(
                ks, [100 * float((ranks <= k).mean()) for k in ks], **style, label=name, markevery=0.12, markersize=5
            )
    if summary.gallery[1]:
        chance = [100 * chance_top_k(*summary.gallery, int(k)) for k in ks]
        axes.plot(ks, chance, color="#7F7F7F", linestyle=":", linewidth=1, label="chance")
    identities = summary.meta["gallery"]["identities"]
    axes.set(
        xlabel=f"k nearest of {size} gallery faces ({identities} identities)", ylabel=f"right source among them (%) [{identity.judge}]",
        ylim=(-2, 102), xlim=(1, size),
    )  # fmt: skip
    if size > 40:
        axes.set_xscale("log")
    _legend_below(figure, axes)
    return True


def distributions(figure: Any, summary: Summary) -> bool:
    """Every pair as a dot, with the quartiles: a mean hides what happens to the worst pairs."""
    columns = [c for c in (first_column(summary, k) for k in ("cosine_source", "pose_error", "expression_error")) if c]
    if not columns:
        return False
    figure.set_size_inches(9.6, 0.5 * len(summary.methods) + 1.6)
    names = list(summary.methods)
    random = np.random.default_rng(0)  # vertical scatter of the dots only
    for axes, column in zip(np.atleast_1d(figure.subplots(1, len(columns), sharey=True)), columns, strict=True):
        for row, name in enumerate(names):
            part = summary.pairs.loc[name]
            flag = part.get(f"worst:{column.key}")
            measured = part[column.key][~flag] if flag is not None else part[column.key]
            values = measured.dropna().to_numpy() * column.spec.scale
            if not len(values):
                continue
            style = style_of(summary, name)
            axes.scatter(
                values,
                row + random.uniform(-0.22, 0.22, len(values)),
                s=7,
                color=style["color"],
                alpha=0.4,
                linewidths=0,
            )
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            axes.plot([low, high], [row, row], color="black", linewidth=3, solid_capstyle="butt")
            axes.plot(middle, row, marker="|", color="white", markersize=9, markeredgewidth=2)
        axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
        axes.set_xlabel(_axis_label(column))
        axes.grid(axis="y", visible=False)
    return True


def error_against_yaw(figure: Any, summary: Summary) -> bool:
    """Where methods fail: pose error and identity by how far the target is turned."""
    columns = [c for c in (first_column(summary, k) for k in ("cosine_source", "pose_error")) if c]
    yaw = summary.pairs["target_yaw"].abs()
    if not columns or yaw.notna().sum() < 4:
        return False
    figure.set_size_inches(9.6, 4.0)
    reference = next(iter(summary.methods))
    at = np.digitize(yaw.loc[reference], YAW_EDGES_DEG)  # beyond the last edge where it is unknown
    counts = np.bincount(at[yaw.loc[reference].notna().to_numpy()], minlength=len(YAW_EDGES_DEG) + 1)
    shown = [k for k in range(len(YAW_EDGES_DEG) + 1) if counts[k]]
    all_axes = np.atleast_1d(figure.subplots(1, len(columns)))
    offsets = np.linspace(-0.16, 0.16, len(summary.methods)) if len(summary.methods) > 1 else [0.0]
    for axes, column in zip(all_axes, columns, strict=True):
        for name, offset in zip(summary.methods, offsets, strict=True):
            part = summary.pairs.loc[name]
            turned = part["target_yaw"].abs()
            values = part[column.key] * column.spec.scale
            means = values[turned.notna()].groupby(np.digitize(turned.dropna(), YAW_EDGES_DEG)).mean()
            places = [i for i, k in enumerate(shown) if k in means.index and np.isfinite(means[k])]
            axes.plot(
                [i + offset for i in places], [means[shown[i]] for i in places],
                **style_of(summary, name), label=name, markersize=6, linewidth=0.8,
            )  # fmt: skip
        axes.set_xticks(range(len(shown)), [f"{yaw_range(k)}\n{counts[k]} pairs" for k in shown])
        axes.set(xlabel="target's yaw, absolute", ylabel=_axis_label(column), xlim=(-0.5, len(shown) - 0.5))
        axes.grid(axis="x", visible=False)
    _legend_below(figure, all_axes[0])
    return True


def cost_against_identity(figure: Any, summary: Summary) -> bool:
    """Multiply-adds per frame against identity, where ``cost.json`` says what a method costs."""
    identity = first_column(summary, "id_top1")
    cost = summary.meta.get("cost") or {}
    known = {n: cost[n]["multiply-adds (G)"] for n in summary.methods if "multiply-adds (G)" in cost.get(n, {})}
    if identity is None or len(known) < 2:
        return False
    axes = figure.subplots()
    for name, giga in known.items():
        axes.plot(
            float(giga),
            summary.cell(name, identity.key)["mean"],
            **style_of(summary, name),
            linestyle="none",
            label=name,
        )
    axes.set(
        xscale="log",
        xlabel="multiply-adds per frame (G)",
        ylabel=f"ID retrieval top-1 (%) [{identity.judge}]",
        ylim=(-4, 104),
    )
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _legend_below(figure, axes)
    return True


def _axis_label(column: Column) -> str:
    unit = f" ({column.spec.unit})" if column.spec.unit else ""
    return f"{column.spec.label}{unit} [{column.judge}]" if column.judge else f"{column.spec.label}{unit}"


def _legend_below(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    # One row where the labels fit the narrow figure (about 60 characters), two or more otherwise.
    rows = math.ceil((sum(map(len, labels)) + 4 * len(labels)) / (9.4 * figure.get_size_inches()[0]))
    figure.legend(handles, labels, loc="outside lower center", ncols=max(1, math.ceil(len(labels) / max(1, rows))))
