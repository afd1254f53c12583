"""Print every table of docs/trust.md and docs/marking.md: ``python -m tests.trust [SECTION ...]``.

Without names all sections run, for about an hour on two cores; ``--quick`` takes small sizes and some minutes. The hidden mark
is measured on the photos at hand unless ``--faces`` names folders of more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
Tables = dict[str, Rows]

QUICK = {"count": 2, "clean": 40, "clips": 1, "swaps": 60, "clients": 6, "visits": 1, "kills": 2, "seconds": 20}


def survival(options: argparse.Namespace) -> Tables:
    """How much of the hidden mark survives on stills, on every detector-aligned crop; and what it changes."""
    from mobilefaceswap_core.pipeline import Pipeline

    from . import watermark

    pipelines = [Pipeline.load("student", "lite"), Pipeline.load("graphics", "lite")]
    survived, looks = watermark.survival(pipelines, options.photos, options.count)
    return {"stills: survival": survived, "stills: change": looks}


def affine(options: argparse.Namespace) -> Tables:
    """The same for crops cut out by an affine fit, as the authors' weights take them."""
    from mobilefaceswap_core.pipeline import Pipeline

    from . import watermark

    pipeline = Pipeline.load("student", "lite")
    pipeline.swapper = watermark.OnAffineCrops(pipeline.swapper)
    survived, looks = watermark.survival([pipeline], options.photos, options.count, sides_px=(130, 220, 400))
    return {"stills on affine crops: survival": survived, "stills on affine crops: change": looks}


def clips(options: argparse.Namespace) -> Tables:
    """Frames of clips, alone and voting."""
    from mobilefaceswap_core.pipeline import Pipeline

    from . import watermark

    return {"clips": watermark.video(Pipeline.load("student", "lite"), options.photos, options.clips)}


def false_positives(options: argparse.Namespace) -> Tables:
    """Clean pictures through the whole search."""
    from . import watermark

    return {"false positives": watermark.false_positives(options.photos, options.clean)}


def speed(options: argparse.Namespace) -> Tables:
    """Time to write and read the mark."""
    from . import watermark

    return {"time of the mark": watermark.speed(options.photos)}


def library(options: argparse.Namespace) -> Tables:
    """The package that was not chosen; skipped without it."""
    from . import watermark

    try:
        return {"the library blind-watermark": watermark.library(options.photos, 8)}
    except ImportError as error:
        return {"the library blind-watermark": [{"left out": str(error)}]}


def blocking(options: argparse.Namespace) -> Tables:
    """Thresholds of the block list; needs several photos of each person."""
    from .blocking import block_rates

    if not options.faces:
        return {"block list": [{"left out": "needs --faces with several photos of each person"}]}
    return {"block list": block_rates(options.photos)}


def hostile(options: argparse.Namespace) -> Tables:
    """Every hostile case in a process of its own: outcome, seconds, megabytes."""
    from . import hostile as cases

    outcomes = cases.run_all()
    return {"hostile input, by entry": cases.by_entry(outcomes), "hostile input, by case": cases.rows(outcomes)}


def faults(options: argparse.Namespace) -> Tables:
    """Kill -9 at random moments, full disk, missing permission."""
    from . import faults as table

    return {"faults": table.measure(options.kills)}


def endurance(options: argparse.Namespace) -> Tables:
    """Thousands of swaps in one process."""
    from . import endurance as use

    uses = use.measure(options.swaps)
    return {"long use": use.table(uses), "long use: growth from the first row to the last": [use.growth(uses)]}


def visitors(options: argparse.Namespace) -> Tables:
    """Many clients of a real server."""
    from . import visitors as crowd

    return {"many visitors": crowd.table(crowd.measure(options.clients, options.visits))}


def host(options: argparse.Namespace) -> Tables:
    """Attacks on a served page, each with its bound; then hostile visitors beside orderly ones."""
    from dataclasses import asdict

    from . import host_measure as attacks
    from . import siege

    rows = attacks.table(attacks.measure())
    besieged = asdict(siege.measure(options.seconds)) if options.seconds else {}
    return {
        "a public host, by attack": rows,
        "64 hostile beside 8 orderly visitors": [
            {"measured": key.replace("_", " "), "value": value} for key, value in besieged.items()
        ],
    }


def dependencies(options: argparse.Namespace) -> Tables:
    """What the vulnerability services say of requirements.txt, or that they cannot be reached."""
    from .dependencies import audit

    return {"dependencies": audit()}


SECTIONS: dict[str, Callable[[argparse.Namespace], Tables]] = {
    "survival": survival, "affine": affine, "clips": clips, "false_positives": false_positives, "speed": speed,
    "library": library, "blocking": blocking, "hostile": hostile, "faults": faults, "endurance": endurance,
    "visitors": visitors, "host": host, "dependencies": dependencies,
}  # fmt: skip
MARKING = ("survival", "affine", "clips", "false_positives", "speed", "library", "blocking")


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


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.trust", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all if none is named"
    )
    parser.add_argument("--faces", type=Path, nargs="+", default=[], help="folders PERSON/PHOTO of aligned crops")
    parser.add_argument("--count", type=int, default=24, help="swaps for survival")
    parser.add_argument("--clean", type=int, default=1000, help="clean images for false positives")
    parser.add_argument("--clips", type=int, default=6, help="clips for voting")
    parser.add_argument("--swaps", type=int, default=2000, help="swaps of long use")
    parser.add_argument("--clients", type=int, default=32, help="web clients at the same time")
    parser.add_argument("--visits", type=int, default=3, help="swaps of each client")
    parser.add_argument(
        "--kills", type=int, default=6, help="times a writer of pictures is killed; of checkpoints and clips a third"
    )
    parser.add_argument(
        "--seconds", type=int, default=300, help="of hostile beside orderly visitors; 0 leaves them out"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.sections if name not in SECTIONS]:
        parser.error(f"no section {unknown[0]!r}; wanted some of {', '.join(SECTIONS)}")
    if options.quick:
        for name, size in QUICK.items():
            setattr(options, name, min(size, getattr(options, name)))
    options.sections = options.sections or list(SECTIONS)
    return options


def enter_own_network() -> None:
    """Go on in a network namespace with nothing but the loopback, where one can be made: the same command inside of it."""
    made, unshare = "MOBILEFACESWAP_OWN_NETWORK", shutil.which("unshare")
    if made in os.environ or unshare is None or shutil.which("ip") is None:
        return
    inside = [unshare, "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode == 0:
        os.environ[made] = "1"
        os.execv(unshare, [*inside, sys.executable, "-m", "tests.trust", *sys.argv[1:]])


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    from mobilefaceswap_core import __version__

    from .photos import own_photos, photo_paths

    options = options_of(arguments)
    if arguments is None and "host" in options.sections:
        enter_own_network()
    print(
        f"mobilefaceswap {__version__}, Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}"
    )
    tables: Tables = {}
    with tempfile.TemporaryDirectory() as folder:
        if set(options.sections) & set(MARKING):
            options.photos = photo_paths(options.faces) if options.faces else own_photos(Path(folder))
            if not options.photos:
                raise SystemExit(
                    f"no photo below {', '.join(map(str, options.faces))}; wanted PERSON/PHOTO of face crops"
                )
        for name in options.sections:
            for title, rows in SECTIONS[name](options).items():
                tables[title] = rows
                print(f"\n## {title}\n\n{markdown(rows)}", flush=True)
            if options.json:
                options.json.write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
