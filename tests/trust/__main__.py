"""Print the tables of docs/marking.md: ``python -m tests.trust --faces FOLDER [--only survival,video]``.

``python -m tests.trust endurance --swaps 2000`` prints the one of docs/trust.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobilefaceswap_core.pipeline import Pipeline

from . import endurance
from .blocking import block_rates
from .photos import photo_paths
from .watermark import false_positives, library, speed, survival, video

Rows = list[dict[str, Any]]


def markdown(rows: Rows) -> str:
    """Rows as a Markdown table."""
    if not rows:
        return "(nothing measured)"

    def cell(value: object) -> str:
        if isinstance(value, float):
            return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.3f}"
        return str(value)

    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(cell(v) for v in row.values()) + " |" for row in rows])


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["endurance"]:
        uses = endurance.measure(endurance.options_of(sys.argv[2:]).swaps)
        print(f"{markdown(endurance.table(uses))}\n\nGrowth from the first row to the last: {endurance.growth(uses)}")
        return
    parser = argparse.ArgumentParser(prog="python -m tests.trust", description=__doc__)
    parser.add_argument("--faces", type=Path, nargs="+", required=True, help="folders PERSON/PHOTO of aligned crops")
    parser.add_argument("--count", type=int, default=24, help="swaps for survival")
    parser.add_argument("--clean", type=int, default=1000, help="clean images for false positives")
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--only", default="speed,blocking,library,survival,video,false_positives")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    photos = photo_paths(options.faces)
    if not photos:
        parser.error(f"no photo below {', '.join(map(str, options.faces))}; wanted folders PERSON/PHOTO of face crops")

    def survive() -> dict[str, Rows]:
        pipelines = [Pipeline.load("student", "lite"), Pipeline.load("graphics", "lite")]
        survived, looks = survival(pipelines, photos, options.count)
        return {"survival": survived, "quality": looks}

    parts: dict[str, Callable[[], dict[str, Rows]]] = {
        "speed": lambda: {"speed": speed(photos)},
        "blocking": lambda: {"blocking": block_rates(photos)},
        "library": lambda: {"library": library(photos, 8)},
        "survival": survive,
        "video": lambda: {"video": video(Pipeline.load("student", "lite"), photos, options.clips)},
        "false_positives": lambda: {"false_positives": false_positives(photos, options.clean)},
    }
    tables: dict[str, Rows] = {}
    for name in options.only.split(","):
        for title, rows in parts[name]().items():
            tables[title] = rows
            print(f"\n## {title}\n\n{markdown(rows)}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
