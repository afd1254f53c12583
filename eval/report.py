"""One HTML file with tables, figures and provenance; opens anywhere, loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .failures import reasons_of_failures
from .records import write_text
from .rendering import render
from .report_pairs import pair_rows
from .summary import Summary
from .tables import table_views

_CAPTIONS = {
    "retrieval_pose": "Identity against pose. Up is more of the source, left is closer to the target; bars are 95 % intervals.",
    "cumulative_match": "How often the right source is among the k nearest faces of the gallery. Failures never are.",
    "distributions": "Every measured pair as a dot; black: middle half, white tick: median. Failures are left out here.",
    "error_yaw": "Means by how far the target is turned. Failures count at their worst value; a class of few pairs says little.",
    "cost_identity": "Multiply-adds per frame against identity, of the methods that run a network.",
}
_WIDE = ("distributions", "error_yaw")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture inside the page: its caption, its bytes in base64, and whether it takes the page's whole width."""

    caption: str
    data: str
    wide: bool


def write_report(run: Path, summary: Summary) -> None:
    """Write ``report.html``."""
    write_text(run / "report.html", report_html(run, summary))


def report_html(run: Path, summary: Summary) -> str:
    """The report's text; images are inside it as data."""
    return render(
        "report.html.j2",
        **table_views(summary),
        meta=summary.meta,
        names=list(summary.methods),
        failures=reasons_of_failures(run, summary.pairs),
        figures=list(_figures(run, summary)),
        rows=pair_rows(run, summary),
        compared=[name for name, card in summary.methods.items() if not card["reference"]],
        specs=list(dict.fromkeys(column.spec for column in summary.columns)),
    )


def _figures(run: Path, summary: Summary) -> Iterator[Figure]:
    """Those that were drawn."""
    captions = {
        **_CAPTIONS,
        **{
            f"pairs_{name}": f"{card['title']}: best, median and worst pairs (cosine to source and pose error)."
            for name, card in summary.methods.items()
            if not card["reference"]
        },
    }
    for name, caption in captions.items():
        path = run / "figures" / f"{name}.png"
        if path.is_file():
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            yield Figure(caption, data, wide=name in _WIDE or name not in _CAPTIONS)
