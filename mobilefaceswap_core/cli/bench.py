"""``bench``: how long each part of a swap takes on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from ..choices import MARKS, stages_off
from ..errors import OptionError
from .options import BackendOption, ModelOption, ThreadsOption
from .output import JsonOption, emit, library_output_on_stderr, note

if TYPE_CHECKING:
    from ..options import SwapOptions

_TITLES = {
    "idn_ms": "per-frame network, default backend",
    "idn_eager_ms": "per-frame network, naive port",
    "condition_ms": "conditioning, once per source",
    "detect_ms": "detection",
    "paste_ms": "finish and paste back, one face",
    "image_ms": "whole image, one face",
    "image_six_faces_ms": "whole image, six faces",
}
_STAGES = (*stages_off(), MARKS)


def bench(
    what: Annotated[Literal["all", "image", "idn", "video", "mobile"], typer.Argument(help="What to measure.")] = "all",
    model: ModelOption = "student",
    backend: BackendOption = "auto",
    threads: ThreadsOption = None,
    runs: Annotated[
        int | None,
        typer.Option("--runs", min=1, help="Counted runs of each part; 40 for idn and mobile, 15 for image."),
    ] = None,
    photo: Annotated[
        Path | None, typer.Option("--photo", metavar="PHOTO", help="video: shows a face; the clips are made of it.")
    ] = None,
    size: Annotated[
        list[str] | None, typer.Option("--size", metavar="720p|1080p", help="video: repeat for both.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="video: length of the clips.")] = 250,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="REVISION", help="Instead: this tree and another revision of git in turns."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PART",
            help="against: network, still, cold, clips, evaluation or page; repeat for several.",
        ),
    ] = None,
    pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="against: of the evaluation; 16.")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="STAGE", help=f"image: leave out {', '.join(_STAGES)}; repeat for several."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure speed: medians and the 10th to 90th percentile of runs that take turns.

    `idn` times the per-frame network in every installed backend, `image` the steps of swapping a 1280-px photo, `all` both,
    `video` clips from file to file, `mobile` the network in every runtime of phones that is installed. Needs no download.
    `--against REVISION` measures that revision beside this tree, in turns (`--runs` rounds, 3), and prints ratios: of all
    parts, or of those that `--only` names. Photos, clips and the page are measured once more without the stages that it lacks.
    """
    if against is not None:
        _against(against, photo, runs or 3, frames, pairs, only or [], as_json)
        return
    if what == "mobile":
        _mobile(threads, runs or 40, as_json)
        return
    if what == "video":
        _video(photo, model, size, frames, backend, threads, as_json)
        return
    payload: dict[str, Any] = {}
    with library_output_on_stderr():
        from ..diagnose.bench import bench_idn, bench_image

        if what in ("all", "idn"):
            payload |= bench_idn(threads=threads, runs=runs or 40)
        if what in ("all", "image"):
            options = _options(without or [])
            payload |= bench_image(model=model, backend=backend, threads=threads, runs=runs or 15, options=options)
    table = Table("part", "median ms", "10-90 % ms", "runs", "ran on")
    rows = [(title, payload[key]) for key, title in _TITLES.items() if key in payload]
    rows += [(f"  per-frame network, {label}", timing) for label, timing in payload.get("idn_backends", {}).items()]
    rows += [(f"  detection, {name}", timing) for name, timing in payload.get("detect_backends", {}).items()]
    rows += [(f"  of one face: {name}", timing) for name, timing in payload.get("stages_ms", {}).items()]
    for title, timing in rows:
        low, high = timing["spread"]
        table.add_row(
            title, f"{timing['median']:.1f}", f"{low:.1f} - {high:.1f}", f"{timing['runs']}", timing["backend"]
        )
    about = f"{payload['threads']} threads, CPU"
    if "image_px" in payload:
        about += (
            f"; photo {payload['image_px'][0]} x {payload['image_px'][1]} px; {payload['model']}, {payload['detector']}"
        )
    emit(payload, table, about, as_json=as_json)


def _options(without: list[str]) -> SwapOptions:
    from ..marking import UNMARKED
    from ..options import SwapOptions

    if unknown := [name for name in without if name not in _STAGES]:
        raise OptionError(f"No stage is called {unknown[0]!r}; wanted one of {', '.join(_STAGES)}.")
    values: dict[str, Any] = {name: value for name, value in stages_off().items() if name in without}
    if MARKS in without:
        values[MARKS] = UNMARKED
    return SwapOptions(**values)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def _against(
    revision: str, photo: Path | None, rounds: int, frames: int, pairs: int | None, only: list[str], as_json: bool
) -> None:
    if photo is None:
        raise OptionError("bench --against swaps a photo that shows a face; give one with --photo.")
    from ..diagnose.against import PAIRS, compare

    with library_output_on_stderr():
        rows = compare(
            revision, photo.resolve(), rounds=rounds, frames=frames, pairs=pairs or PAIRS, only=only, told=note
        )
    table = Table("what", revision, "this tree", "", "times", "of each round")
    for row in rows:
        low, high = row.spread
        table.add_row(
            row.what, f"{row.before:.1f}", f"{row.now:.1f}", row.unit, f"{row.times:.2f}", f"{low:.2f} - {high:.2f}"
        )
    payload = {"against": revision, "rounds": rounds, "rows": [asdict(row) for row in rows]}
    emit(
        payload, table, "times: how often this tree's figure fits into the other's; above 1 is better", as_json=as_json
    )


def _mobile(threads: int | None, runs: int, as_json: bool) -> None:
    with library_output_on_stderr():
        from ..diagnose.mobile import THREADS, bench_mobile

        payload = bench_mobile(runs=runs, threads=(threads,) if threads else THREADS)
    counts = payload["threads"]
    heads = [f"ms, {count} thread{'s' * (count > 1)}" for count in counts]
    table = Table("runtime", "file", "computes in", "kB", "largest", "mean", *heads)
    for row in payload["rows"]:
        spreads = [(row["ms"][count], *row["spread_ms"][count]) for count in counts]
        table.add_row(
            row["runtime"],
            row["format"],
            row["precision"],
            f"{row['size_bytes'] / 1e3:.0f}",
            f"{row['largest_levels']:.2f}",
            f"{row['mean_levels']:.3f}",
            *(f"{median:.1f} ({low:.1f} - {high:.1f})" for median, low, high in spreads),
        )
    said = [
        f"Largest and mean: differences of the face from PyTorch in levels of 255. Medians of {runs} runs in turns."
    ]
    said += [f"Left out: {title} ({', '.join(names)} not installed)." for title, names in payload["missing"].items()]
    emit(payload, table, "\n".join(said), as_json=as_json)


def _video(
    photo: Path | None,
    model: str,
    sizes: list[str] | None,
    frames: int,
    backend: str,
    threads: int | None,
    as_json: bool,
) -> None:
    if photo is None:
        raise OptionError("bench video makes its clips of a photo that shows a face; give one with --photo.")
    from .video import bench_video

    models = ["student", "teacher"] if model in ("auto", "student") else ["student", model]
    bench_video(
        photo, models=models, sizes=sizes or ["720p", "1080p"], frames=frames, backend=backend, threads=threads,
        as_json=as_json,
    )  # fmt: skip
