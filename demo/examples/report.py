"""Make the report that the Evaluate tab shows before anything was evaluated: pictures that show nobody, and the astronaut.

    python -m demo.examples.report [--out demo/examples/evaluation]

Runs ``python -m eval run`` over pairs of the photos that ship, and keeps what the tab shows, its pictures smaller.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image as PillowImage

from mobilefaceswap_core.files.atomic import written_whole
from mobilefaceswap_core.marking import MarkOptions, finish_file

from .pairs import shipped_photos

PAIRS = 24
REFERENCES = ("target", "target-jpeg")  # rows that the others are read against
METHODS = ("student", "teacher", "graphics")
FOLDER = Path(__file__).parent / "evaluation"
SHEET = "pairs_"  # begins the name of a contact sheet; a method's name ends it
_WEBP_QUALITY = 82
_WIDEST_PX = 1500


def run_evaluation(folder: Path) -> Path:
    """Evaluate over the photos that ship, each of them another person; the run's folder."""
    photos = folder / "photos"
    photos.mkdir()
    for path in shipped_photos():
        shutil.copy(path, photos)
    run = folder / "run"
    command = [
        sys.executable, "-m", "eval", "run", "--dataset", "flat", "--root", str(photos), "--pairs", str(PAIRS),
        "--methods", ",".join((*REFERENCES, *METHODS)), "--threads", "1", "--detector", "lite", "--out", str(run),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return run


def keep_report(run: Path, out: Path) -> None:
    """Copy what the tab shows of a run: its table, its pictures as WebP, and the report with these pictures inside.

    Args:
        run: a finished run.
        out: folder to write; replaced whole.
    """
    with written_whole(out, replacing=True) as part:
        figures = part / "figures"
        figures.mkdir(parents=True)
        report = (run / "report.html").read_text(encoding="utf-8")
        for path in sorted((run / "figures").glob("*.png")):
            small = _smaller(path, figures / f"{path.stem}.webp")
            report = report.replace(_data(path, "png"), _data(small, "webp"))
        (part / "report.html").write_text(report, encoding="utf-8")
        shutil.copy(run / "table.md", part)


def _smaller(path: Path, out: Path) -> Path:
    with PillowImage.open(path) as picture:
        drawn = picture.convert("RGB")
        drawn.thumbnail((_WIDEST_PX, _WIDEST_PX * 2))
        drawn.save(out, quality=_WEBP_QUALITY, method=6)
    if path.name.startswith(SHEET):  # shows swapped faces, so the file has to say so again
        finish_file(out, model=path.stem.removeprefix(SHEET), options=MarkOptions(credentials=False))
    return out


def _data(path: Path, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        run = run_evaluation(Path(temporary))
        keep_report(run, options.out)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"{options.out}: {size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
