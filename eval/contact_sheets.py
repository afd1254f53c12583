"""Contact sheets: the faces of the best, median and worst pairs of a method, so that numbers can be checked by eye.

They go into reports that are handed on, unlike the images of a run: each swapped tile has the visible badge, and the file
says what it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.files.codecs import PNG_OPTIONS
from mobilefaceswap_core.marking import MarkOptions, finish_file
from mobilefaceswap_core.marking.badge import draw_badge
from mobilefaceswap_core.types import Face, Image

from .crops import fit_tile, missing_tile
from .face_region import largest_face
from .images import ImageReader, read_image
from .pairs import Pair, iterate_pairs
from .run_files import open_reader
from .summary import Summary

_SIDE_PX = 160
_PER_GROUP = 4
_DPI = 110
# Three rows of tiles, each below its line of text, and the name of the method above them.
_PLACES = {"left": 0.005, "right": 0.995, "top": 0.88, "bottom": 0.01, "wspace": 0.02, "hspace": 0.16}
_WIDER = 0.8  # half a tile's side, in sides of the face's box: hair and chin are in it


def draw_sheets(run: Path, summary: Summary, folder: Path) -> list[Path]:
    """One sheet per compared method, chosen by cosine to the source less pose error on the common scale of their spreads."""
    identity = next((c for c in summary.columns if c.spec.key == "cosine_source"), None)
    pose = next((c for c in summary.columns if c.spec.key == "pose_error"), None)
    if identity is None or pose is None:
        return []
    tiles = _Tiles(run, open_reader(run, Path(summary.meta["root"])))
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
        figure = _sheet(run, tiles, name, groups, part, identity.key, pose.key)
        path = folder / f"pairs_{name}.png"
        figure.savefig(path, metadata={"Software": None}, dpi=_DPI, pil_kwargs=dict(PNG_OPTIONS))
        finish_file(path, model=name, options=MarkOptions(credentials=False))
        written.append(path)
    return written


def _sheet(
    run: Path,
    tiles: _Tiles,
    method: str,
    groups: dict[str, Any],
    part: Any,
    identity: str,
    pose: str,
) -> Any:
    from matplotlib.figure import Figure

    chosen = {int(i) for rows in groups.values() for i in rows}
    pairs = {p.index: p for p in iterate_pairs(run / "pairs.csv") if p.index in chosen}
    columns = max(len(rows) for rows in groups.values())
    figure = Figure(figsize=(3.4 * columns, 4.4))
    grid = figure.subplots(3, columns, squeeze=False, gridspec_kw=_PLACES)
    for row, (group, indices) in enumerate(groups.items()):
        for axes in grid[row]:
            axes.axis("off")
        for axes, index in zip(grid[row], indices, strict=False):
            pair = pairs[int(index)]
            axes.imshow(np.concatenate(tiles.of(method, pair), 1))
            cell = part.loc[index]
            text = f"{group}: pair {index}, cosine {cell[identity]:.2f}, pose {cell[pose]:.1f} deg"
            axes.set_title(text if cell["status"] == "ok" else f"{group}: pair {index}, {cell['status']}", fontsize=8)
    figure.suptitle(f"{method}: source, target, swapped", fontsize=11)
    return figure


class _Tiles:
    """Cuts tiles out of a run's pictures; what a source and a target show is looked for once for all methods."""

    def __init__(self, run: Path, reader: ImageReader) -> None:
        self._run, self._reader = run, reader
        # Not one of the judges: it only says where to look, and needs a hundredth of a second.
        self._detector = load_detector("lite", device="cpu")
        self._sources: dict[str, Image] = {}
        self._targets: dict[str, tuple[Image, Face | None]] = {}

    def of(self, method: str, pair: Pair) -> list[Image]:
        """Source, target and result around their faces; where the target's is, the result's is as well."""
        path = self._run / "swapped" / method / f"{pair.name}.png"
        if pair.source not in self._sources:
            self._sources[pair.source] = self._cut(_read(self._reader.read, pair.source))[0]
        if pair.target not in self._targets:
            self._targets[pair.target] = self._cut(_read(self._reader.read_target, pair.target))
        target, place = self._targets[pair.target]
        swapped = draw_badge(around(read_image(path), place)) if path.is_file() else missing_tile(_SIDE_PX)
        return [self._sources[pair.source], target, swapped]

    def _cut(self, image: Image | None) -> tuple[Image, Face | None]:
        if image is None:
            return missing_tile(_SIDE_PX), None
        face = largest_face(self._detector.detect(image))  # the one that is swapped
        return around(image, face), face


def _read(read: Callable[[str], Image], reference: str) -> Image | None:
    try:
        return read(reference)
    except SwapError:
        return None


def around(image: Image, face: Face | None) -> Image:
    """A square tile: the face from near; the picture's border is repeated where even a moved tile reaches over it.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        face: in it; without one the whole picture is shown.
    """
    if face is None:
        return fit_tile(image, _SIDE_PX)
    centre, half = face.box.reshape(2, 2).mean(0), _WIDER * face.size_px
    corner = np.round(centre - half).astype(int)
    side = max(1, round(2 * half))
    room = np.array([image.shape[1] - side, image.shape[0] - side])
    corner = np.where(room >= 0, np.clip(corner, 0, np.maximum(room, 0)), corner)
    columns = np.clip(np.arange(corner[0], corner[0] + side), 0, image.shape[1] - 1)
    rows = np.clip(np.arange(corner[1], corner[1] + side), 0, image.shape[0] - 1)
    return fit_tile(image[rows][:, columns], _SIDE_PX)
