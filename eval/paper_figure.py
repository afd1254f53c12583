"""A figure for papers: one row for each pair, source and target, then one column for each method, faces cut out, names above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.marking import MarkOptions, finish_file

from .crops import crop_pair
from .pairs import iterate_pairs
from .run_files import open_reader
from .summary import Summary

_SIDE_PX = 256
_INCHES = 1.1  # of a tile; six stand in the width of a page


def write_paper_figure(
    run: Path, summary: Summary, pairs: Sequence[int], file: Path, *, methods: Sequence[str] = ()
) -> list[Path]:
    """Draw the figure as PDF and PNG; every result carries the visible badge.

    Args:
        run: the run's folder, with its images.
        summary: of it.
        pairs: numbers, one row each.
        file: to write, without its ending.
        methods: columns; all but the reference rows if none is given.

    Returns:
        The two files.

    Raises:
        OptionError: no pair, or a pair or method that the run does not have.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = list(methods) or [name for name, card in summary.methods.items() if not card["reference"]]
    if unknown := [name for name in names if name not in summary.methods]:
        raise OptionError(f"No method {unknown[0]!r} in {run.name}; it has {', '.join(summary.methods)}.")
    known = {pair.index: pair for pair in iterate_pairs(run / "pairs.csv") if pair.index in set(pairs)}
    if not pairs or (missing := [number for number in pairs if number not in known]):
        raise OptionError(
            f"Pairs {missing[:3] if pairs else 'none'} are not in {run.name}; wanted numbers of pairs.csv."
        )
    reader = open_reader(run, Path(summary.meta["root"]))
    heads = ["source", "target", *names]
    with rc_context(cast(Any, {"font.size": 9, "savefig.dpi": 300, "pdf.fonttype": 42})):
        figure = Figure(figsize=(_INCHES * len(heads), _INCHES * len(pairs) + 0.2), layout="constrained")
        grid = figure.subplots(len(pairs), len(heads), squeeze=False)
        for line, number in zip(grid, pairs, strict=True):
            crops = crop_pair(run, known[number], names, reader, _SIDE_PX)
            for axes, tile in zip(line, (crops.source, crops.target, *crops.results.values()), strict=True):
                axes.imshow(tile)
                axes.axis("off")
        for axes, head in zip(grid[0], heads, strict=True):
            axes.set_title(head)
        file.parent.mkdir(parents=True, exist_ok=True)
        written = [file.with_name(f"{file.name}{ending}") for ending in (".pdf", ".png")]
        figure.savefig(written[0], metadata={"CreationDate": None})
        figure.savefig(written[1], metadata={"Software": None})
    finish_file(written[1], model=", ".join(names), options=MarkOptions(credentials=False))
    return written
