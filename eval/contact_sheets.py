"""Contact sheets: the best, median and worst pairs of a method, so that numbers can be checked by eye.

They go into reports that are handed on, unlike the images of a run: each swapped tile has the visible badge, and the file
says what it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.marking import MarkOptions, finish_file
from mobilefaceswap_core.marking.badge import draw_badge
from mobilefaceswap_core.types import Image

from .crops import fit_tile, missing_tile
from .images import ImageReader, read_image
from .pairs import iterate_pairs
from .run_files import open_reader
from .summary import Summary

_SIDE_PX = 160
_PER_GROUP = 4


def draw_sheets(run: Path, summary: Summary, folder: Path) -> list[Path]:
    """One sheet per compared method, chosen by cosine to the source less pose error on the common scale of their spreads."""
    identity = next((c for c in summary.columns if c.spec.key == "cosine_source"), None)
    pose = next((c for c in summary.columns if c.spec.key == "pose_error"), None)
    if identity is None or pose is None:
        return []
    reader = open_reader(run, Path(summary.meta["root"]))
    written = []
    for name in (n for n, card in summary.methods.items() if not card["reference"]):
        part = summary.pairs.loc[name][[identity.key, pose.key, "status"]].dropna()
        if len(part) < 3:
            continue
        score = part[identity.key] / (part[identity.key].std() or 1.0) - part[pose.key] / (part[pose.key].std() or 1.0)
        order = score.sort_values(kind="stable").index.to_numpy()
        count = min(_PER_GROUP, len(order) // 3)
        middle = len(order) // 2 - count // 2
        groups = {"best": order[::-1][:count], "median": order[middle : middle + count], "worst": order[:count]}
        figure = _sheet(run, reader, name, groups, part, identity.key, pose.key)
        path = folder / f"pairs_{name}.png"
        figure.savefig(path, metadata={"Software": None}, dpi=110)
        finish_file(path, model=name, options=MarkOptions(credentials=False))
        written.append(path)
    return written


def _sheet(
    run: Path, reader: ImageReader, method: str, groups: dict[str, Any], part: Any, identity: str, pose: str
) -> Any:
    from matplotlib.figure import Figure

    chosen = {int(i) for rows in groups.values() for i in rows}
    pairs = {p.index: p for p in iterate_pairs(run / "pairs.csv") if p.index in chosen}
    columns = max(len(rows) for rows in groups.values())
    figure = Figure(figsize=(3.4 * columns, 5.2), layout="constrained")
    grid = figure.subplots(3, columns, squeeze=False)
    for row, (group, indices) in enumerate(groups.items()):
        for axes in grid[row]:
            axes.axis("off")
        for axes, index in zip(grid[row], indices, strict=False):
            pair = pairs[int(index)]
            tiles = [
                _tile(reader.read, pair.source),
                _tile(reader.read_target, pair.target),
                _result(run, method, pair.name),
            ]
            axes.imshow(np.concatenate(tiles, 1))
            cell = part.loc[index]
            text = f"{group}: pair {index}, cosine {cell[identity]:.2f}, pose {cell[pose]:.1f} deg"
            axes.set_title(text if cell["status"] == "ok" else f"{group}: pair {index}, {cell['status']}", fontsize=8)
    figure.suptitle(f"{method}: source, target, swapped", fontsize=11)
    return figure


def _tile(read: Callable[[str], Image], reference: str) -> Image:
    try:
        return fit_tile(read(reference), _SIDE_PX)
    except SwapError:
        return missing_tile(_SIDE_PX)


def _result(run: Path, method: str, name: str) -> Image:
    path = run / "swapped" / method / f"{name}.png"
    return draw_badge(fit_tile(read_image(path), _SIDE_PX)) if path.is_file() else missing_tile(_SIDE_PX)
