"""Evaluations in the background: one process each, progress read from the files it writes."""

from __future__ import annotations

import csv
import json
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from mobilefaceswap_core.errors import OptionError, OutputError
from mobilefaceswap_core.files.archives import open_zip
from mobilefaceswap_core.files.atomic import FULL_DISK
from mobilefaceswap_core.files.formats import is_photo, photos_in
from mobilefaceswap_core.files.images import picture_size, read_image
from mobilefaceswap_core.models import entries
from mobilefaceswap_core.types import Image

from ..examples.report import FOLDER as EXAMPLE_FOLDER
from ..examples.report import REFERENCES, SHEET
from ..limits import check_size
from ..settings import Settings
from .auditing import door, log_of
from .budgets import budget_of_set
from .processes import run_eval

Stage = Literal["swap", "judge", "report"]
BUILTIN = "builtin"  # the data set of the photos that ship, by its name in eval.datasets
_MOST_FILES = 2000
_GROWTH = 4  # a zip of photos hardly shrinks them; more than this is a trap
_MOST_LIST_BYTES = 1 << 20  # of pairs.csv
# What Python's reader raises for a damaged zip, an odd method, or an encrypted one.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, LookupError, NotImplementedError, RuntimeError, ValueError)
_PICTURES = (".png", ".webp")  # a plot is there as SVG too


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an evaluation is; counts are pairs times methods, but for the report."""

    stage: Stage
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run, ready to be read.

    Attributes:
        folder: of the run.
        table: Markdown.
        sheets: contact sheets of source, target and swapped faces, one picture a method.
        plots: pictures of the numbers.
        report: single HTML file.
    """

    folder: Path
    table: str
    sheets: tuple[Path, ...]
    plots: tuple[Path, ...]
    report: Path

    @property
    def figures(self) -> tuple[Path, ...]:
        """Every picture, faces first."""
        return self.sheets + self.plots


@door("evaluate")
def unpack(
    archive: str | Path, folder: Path, settings: Settings, *, check: Callable[[Image], None] | None = None
) -> str:
    """Unpack a visitor's photos and say which data set they are.

    Only photos and ``pairs.csv`` are taken. Each photo's pixels are checked before anything decodes it.

    Args:
        archive: a zip.
        folder: to write to.
        settings: limits.
        check: called with each photo; raises for one that must not be used.

    Returns:
        ``pairs`` (``pairs.csv``, or folders ``source`` and ``target``), ``folders`` (one a person) or ``flat``.

    Raises:
        OptionError: no zip, no photos in it, or over the host's limits.
        ImageError: a photo over the host's limits.
        BudgetError: too many pixels together, or reading them takes too long.
    """
    check_size(archive, settings)
    try:
        with open_zip(archive) as packed:
            entries = [e for e in packed.infolist() if _is_wanted(e.filename) and not e.is_dir()]
            if len(entries) > _MOST_FILES or sum(e.file_size for e in entries) > _GROWTH * settings.max_bytes:
                raise OptionError(f"The zip unpacks to too much; at most {_MOST_FILES} photos are used. Send fewer.")
            for entry, parts in zip(entries, _inner_paths([e.filename for e in entries]), strict=True):
                path = folder.joinpath(*parts)
                if path.name == "pairs.csv" and entry.file_size > _MOST_LIST_BYTES:
                    raise OptionError(f"pairs.csv has {entry.file_size} bytes; at most {_MOST_LIST_BYTES} are read.")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(packed.read(entry))
    except OSError as error:
        if error.errno in FULL_DISK:
            raise OutputError("There is no room for these photos just now. Send fewer, or come back later.") from error
        raise OptionError(f"A name in the zip cannot be used ({error.strerror}). Rename the photos.") from error
    except _DAMAGED as error:
        raise OptionError(f"This is not a zip that can be read ({error}). Pack the photos again.") from error
    photos = photos_in(folder, deep=True) if folder.is_dir() else []  # a zip without one made no folder
    if not photos:
        raise OptionError("There are no photos in the zip. Pack folders source/ and target/, or one folder per person.")
    _look_through(photos, settings, check)
    return dataset_of(folder)


def _look_through(photos: Sequence[Path], settings: Settings, check: Callable[[Image], None] | None) -> None:
    """Read each photo once; how many pixels they have together is known before the first is decoded."""
    spent = budget_of_set(settings).begin()
    for path in photos:
        spent.picture(*picture_size(path, max_bytes=settings.max_bytes))
    for path in photos:
        spent.check()
        image = read_image(path, max_pixels=settings.max_pixels, max_bytes=settings.max_bytes).image
        if check is not None:
            check(image)


def dataset_of(folder: Path) -> str:
    """Which kind of data set a folder of photos is."""
    inner = {entry.name.lower() for entry in folder.iterdir() if entry.is_dir()}
    if (folder / "pairs.csv").is_file() or ({"source", "target"} <= inner or {"sources", "targets"} <= inner):
        return "pairs"
    return "folders" if inner else "flat"


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and (is_photo(path) or path.name == "pairs.csv")


def _inner_paths(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Paths inside the zip, without a folder that holds everything, and never leaving the target folder."""
    paths = [tuple(p for p in PurePosixPath(n.replace("\\", "/")).parts if p not in ("/", "..", ".")) for n in names]
    alone = len({path[0] for path in paths}) == 1 and all(len(path) > 1 for path in paths) and len(paths) > 1
    nested = alone and any(len(path) > 2 for path in paths)
    return [path[1:] for path in paths] if nested else paths


@door("evaluate")
def evaluate(
    run: Path, *, dataset: str, root: Path | None, methods: Sequence[str], pairs: int, settings: Settings,
    stop: threading.Event,
) -> Iterator[Progress]:  # fmt: skip
    """Run an evaluation in a process of its own, at low priority.

    Args:
        run: folder that will hold it.
        dataset: name of a data set of :mod:`eval.datasets`.
        root: its folder.
        methods: swappers to compare; the rows without a swap are added.
        pairs: to draw.
        settings: the host's.
        stop: set to end it.

    Raises:
        OptionError: what the evaluation says about its options or data.
        BudgetError: it takes longer than the host allows.
        Cancelled: ``stop`` was set.
    """
    if not 1 <= pairs <= settings.max_pairs:
        raise OptionError(f"{pairs} pairs were asked for; wanted 1 to {settings.max_pairs}.")
    if not methods:
        raise OptionError("No method was chosen. Name at least one.")
    log_of(settings).note("evaluate", model=",".join(methods), options={"pairs": pairs, "own_photos": root is not None})
    names = [*REFERENCES, *methods]
    arguments = [
        "run", "--out", str(run), "--dataset", dataset, "--pairs", str(pairs), "--limit", str(pairs),
        "--methods", ",".join(names), "--threads", "1", "--detector", settings.detector,
        "--executor", "serial",  # one processor and the memory of one: visitors who wait for a swap come first
    ]  # fmt: skip
    arguments += ["--root", str(root)] if root is not None else []
    for _ in run_eval(arguments, run.with_name("evaluation.log"), settings, stop):
        yield _look(run, pairs, len(names))


def _look(run: Path, pairs: int, methods: int) -> Progress:
    total = _lines(run / "pairs.csv", heads=1) or pairs
    total = min(total, pairs) * methods
    swapped, judged = _lines(run / "manifest.jsonl"), _lines(run / "records.jsonl")
    if judged >= total:
        return Progress("report", 0, 1)
    if judged or (run / "gallery.jsonl").is_file():
        return Progress("judge", judged, total)
    return Progress("swap", min(swapped, total), total)


def _lines(path: Path, *, heads: int = 0) -> int:
    try:
        return max(0, path.read_bytes().count(b"\n") - heads)
    except OSError:
        return 0


def read_run(folder: Path) -> Finished:
    """What a finished run shows.

    Raises:
        OutputError: the folder holds no finished run.
    """
    report, table = folder / "report.html", folder / "table.md"
    if not report.is_file() or not table.is_file():
        raise OutputError(f"{folder.name} is not a finished evaluation.")
    pictures = [path for path in sorted((folder / "figures").glob("*")) if path.suffix in _PICTURES]
    order = [*entries()]  # the first is what the page swaps with
    sheets = sorted(
        (path for path in pictures if path.name.startswith(SHEET)),
        key=lambda path: order.index(name) if (name := path.stem.removeprefix(SHEET)) in order else len(order),
    )
    plots = [path for path in pictures if path not in sheets]
    return Finished(folder, table.read_text(encoding="utf-8"), tuple(sheets), tuple(plots), report)


def example_run() -> Finished:
    """The report that ships: what an evaluation brings, before anything was evaluated."""
    return read_run(EXAMPLE_FOLDER)


def table_rows(finished: Finished) -> list[dict[str, Any]]:
    """The numbers of a run, one object per row of ``table.csv``."""
    with (finished.folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def public_files(settings: Settings) -> list[Path]:
    """What of the host's reports everybody may fetch: the report and its figures, not the run's swaps, lists and paths."""
    runs = [read_run(folder) for folder in finished_runs(settings).values() if (folder / "table.md").is_file()]
    return [path for run in runs for path in (run.report, *run.figures)]


def finished_runs(settings: Settings) -> dict[str, Path]:
    """Reports that the host shows to everybody, by name, newest first."""
    if not settings.reports or not (folder := Path(settings.reports)).is_dir():
        return {}
    runs = sorted(folder.glob("*/report.html"), key=lambda path: -path.stat().st_mtime)
    return {_label(path.parent): path.parent for path in runs}


def _label(folder: Path) -> str:
    try:
        meta = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        when = time.strftime("%Y-%m-%d", time.gmtime((folder / "report.html").stat().st_mtime))
        return f"{folder.name} · {meta['dataset']}, {meta['used_pairs']} pairs, {when}"
    except (OSError, ValueError, KeyError):
        return folder.name
