"""``video``, ``people`` and ``live``: clips, who appears in them, and frames that arrive one by one."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import Cancelled, OptionError
from ..files.atomic import check_file_place, make_folder
from .consent import check_consent
from .image import in_use, load_sources, photos_by_face
from .options import (
    AuditLogOption,
    BackendOption,
    BlocklistOption,
    ConsentOption,
    ContractOption,
    DetectorOption,
    DeviceOption,
    KeepPersonalOption,
    ModelOption,
    SourceFaceOption,
    ThreadsOption,
)
from .output import JsonOption, emit, emit_json, library_output_on_stderr, note, stderr_console
from .swap_options import with_swap_options
from .targets import check_run, plan_clip

if TYPE_CHECKING:
    from ..options import SwapOptions
    from ..video import VideoEvent, VideoReport

ClipOption = Annotated[
    Path, typer.Option("--target", metavar="CLIP", help="Clip, animation, folder of images, or in/%05d.png.")
]
SourceOption = Annotated[
    list[Path] | None,
    typer.Option("--source", metavar="PHOTO", help="Who appears. Repeat for more photos of the same person."),
]


def video(
    target: ClipOption,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="Result: .mp4 .mov .mkv .webm .gif .webp, or a folder for images."),
    ],
    source: SourceOption = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="N=PHOTO", help="Who goes on person N of the clip, as `people` numbers them. Repeat."
        ),
    ] = None,
    face: Annotated[Literal["all", "largest"], typer.Option("--face", help="Which faces --source goes to.")] = "all",
    model: ModelOption = "auto",
    detector: DetectorOption = "auto",
    device: DeviceOption = "auto",
    backend: BackendOption = "auto",
    contract: ContractOption = None,
    threads: ThreadsOption = None,
    source_face: SourceFaceOption = None,
    codec: Annotated[
        str, typer.Option("--codec", help="Encoder as FFmpeg calls it; auto is H.264, VP9 for .webm.")
    ] = "auto",
    crf: Annotated[float, typer.Option("--crf", min=0, max=63, help="Quality: lower is better and larger.")] = 17.5,
    preset: Annotated[
        str, typer.Option("--preset", help="Speed of x264 and x265, from ultrafast to veryslow, or auto.")
    ] = "auto",
    pixel_format: Annotated[
        str,
        typer.Option(
            "--pixel-format", help="keep the clip's depth and subsampling, or yuv420p, which plays everywhere."
        ),
    ] = "keep",
    shorter_side: Annotated[
        int | None,
        typer.Option("--shorter-side", metavar="PX", help="Make larger frames smaller first, such as 720 or 480."),
    ] = None,
    deinterlace: Annotated[
        bool, typer.Option("--deinterlace", help="Make whole pictures of interlaced ones; else they stay interlaced.")
    ] = False,
    sound: Annotated[bool, typer.Option("--sound/--no-sound", help="Copy the clip's sound.")] = True,
    smooth: Annotated[bool, typer.Option("--smooth/--no-smooth", help="Calm the landmarks over time.")] = True,
    key_interval: Annotated[
        int | None,
        typer.Option(
            "--key-interval",
            min=1,
            help="Frames from one detection to the next; 4 if not given, and 8 while the same faces are found again.",
        ),
    ] = None,
    start: Annotated[float, typer.Option("--start", min=0, metavar="SECONDS", help="Begin here in the clip.")] = 0,
    end: Annotated[
        float | None, typer.Option("--end", min=0, metavar="SECONDS", help="End here; the clip's end if not given.")
    ] = None,
    keep_personal: KeepPersonalOption = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write what happened as JSON.")
    ] = None,
    blocklist: BlocklistOption = None,
    audit_log: AuditLogOption = None,
    consent: ConsentOption = False,
    as_json: JsonOption = False,
    *,
    swap: SwapOptions,
) -> None:
    """Swap faces in a clip; sound and subtitles are copied untouched.

    The result appears only when it is complete. Frames without a face stay as they are and are counted. A clip that is cut
    off gives what could be read, and the report says so.
    """
    photos = photos_by_face(source or [], mapping or [], model=model)
    chosen = [path for group in photos.values() for path in group]
    out = plan_clip(target, out)
    check_run(
        {"a source": chosen, "--target": target},
        {"--out": out, "--report": report, "--audit-log": audit_log},
        model=model,
        blocklist=blocklist,
    )
    if report is not None:
        check_file_place(report)
    check_consent(consent, as_json=as_json)
    with library_output_on_stderr():
        from ..pipeline import Pipeline
        from ..rules.host import HostRules
        from ..video import EncodeOptions, Part, VideoOptions, swap_video

        options = VideoOptions(
            encode=EncodeOptions(codec, crf, preset, pixel_format, keep_personal, sound),
            swap=swap,
            faces=face,
            smooth=smooth,
            key_interval=key_interval,
            shorter_px=shorter_side,
            deinterlace=deinterlace,
        )
        pipeline = Pipeline.load(
            model, detector, device, backend=backend, threads=threads, contract=contract, video=True
        )
        name = pipeline.swapper.info.name
        rules = HostRules.load(pipeline.detector, blocklist=blocklist, audit_log=audit_log, model=name)
        sources = load_sources(pipeline, photos, source_face, rules, swap)
        with stopped_by_signals() as stop:
            part = Part(start, end)
            done = show_progress(swap_video(pipeline, target, out, sources, options=options, part=part, stop=stop))
        rules.record("video", sources=chosen, target=target, output=out, model=pipeline.swapper.info.name)
        if report is not None:
            done.write(report)
    emit(done.to_json(), _summary(done), as_json=as_json)


def people(
    target: ClipOption,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Write a thumbnail of each person, person1.png and so on."),
    ] = None,
    detector: DetectorOption = "auto",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """List who appears in a clip, to choose from with `video --map`."""
    if out is not None:
        make_folder(out)
        check_run({"--target": target}, {"--out": sorted(out.glob("person*.png"))})
    with library_output_on_stderr():
        from ..detect import load_detector
        from ..faces.numbers import number_of
        from ..files.images import write_image
        from ..identity.encoder import load_identity_encoder
        from ..video import find_people

        with stopped_by_signals() as stop:
            found = find_people(
                target,
                detector=load_detector(detector, device=device, fast=True),
                encoder=load_identity_encoder("cpu"),
                stop=stop,
            )
        if out is not None:
            for person in found:
                write_image(out / f"person{number_of(person.index)}.png", person.thumbnail)
    entries = [
        {
            "number": number_of(person.index),
            "first_frame": person.first_frame,
            "share": round(person.share, 4),
            "thumbnail": None if out is None else str(out / f"person{number_of(person.index)}.png"),
        }
        for person in found
    ]
    lines = [
        f"person {entry['number']}: in {entry['share']:.0%} of the frames looked at, first in frame {entry['first_frame']}"
        + (f", {entry['thumbnail']}" if entry["thumbnail"] else "")
        for entry in entries
    ]
    emit({"target": str(target), "people": entries}, "\n".join(lines) or f"{target} shows nobody.", as_json=as_json)


def live(
    source: SourceOption = None,
    camera: Annotated[
        int | None, typer.Option("--camera", min=0, metavar="N", help="Number of a local camera.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--target", metavar="CLIP", help="Play a clip as if it came from a camera.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Record the swapped frames.")] = None,
    show: Annotated[bool, typer.Option("--show/--no-show", help="Open a window; Escape or q ends.")] = False,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="Stop after this time.")] = None,
    budget_ms: Annotated[
        float, typer.Option("--budget-ms", min=1, help="Latency to keep below; later frames are dropped.")
    ] = 120,
    face: Annotated[Literal["all", "largest"], typer.Option("--face", help="Which faces are swapped.")] = "largest",
    model: ModelOption = "auto",
    detector: DetectorOption = "auto",
    device: DeviceOption = "auto",
    backend: BackendOption = "auto",
    contract: ContractOption = None,
    threads: ThreadsOption = None,
    source_face: SourceFaceOption = None,
    blocklist: BlocklistOption = None,
    audit_log: AuditLogOption = None,
    consent: ConsentOption = False,
    as_json: JsonOption = False,
    *,
    swap: SwapOptions,
) -> None:
    """Swap a camera's frames, or a clip played like one, and report the latency."""
    picture = target if camera is None else camera
    if picture is None or (camera is not None and target is not None):
        raise OptionError("Give either --camera N or --target CLIP.")
    photos = photos_by_face(source or [], [], model=model)
    check_run(
        {"--source": source, "--target": target}, {"--out": out, "--audit-log": audit_log}, model=model,
        blocklist=blocklist,
    )  # fmt: skip
    if out is not None:
        check_file_place(out)
    check_consent(consent, as_json=as_json)
    with library_output_on_stderr():
        from ..pipeline import Pipeline, Source
        from ..rules.host import HostRules
        from ..video.live import LiveSwapper
        from ..video.play import play

        pipeline = Pipeline.load(
            model, detector, device, backend=backend, threads=threads, contract=contract, video=True
        )
        name = pipeline.swapper.info.name
        rules = HostRules.load(pipeline.detector, blocklist=blocklist, audit_log=audit_log, model=name)
        who = load_sources(pipeline, photos, source_face, rules, swap)
        if not isinstance(who, Source):
            raise OptionError("Live frames take one person: give photos with --source.")
        swapper = LiveSwapper(pipeline, who, budget_ms=budget_ms, faces=face, options=swap)
        with stopped_by_signals() as stop:
            result = play(swapper, picture, record=out, show=show, seconds=seconds, stop=stop)
    payload = {**result.to_json(), **in_use(pipeline), "output": None if out is None else str(out)}
    line = (
        f"{result.frames} frames swapped, {result.frames_dropped} dropped; latency {result.p50_ms:.0f} ms (median), "
        f"{result.p95_ms:.0f} ms (95 %); {result.fps:.1f} frames per second ({payload['model']}, {payload['device']})"
    )
    emit(payload, line, as_json=as_json)


def bench_video(
    photo: Path,
    *,
    models: list[str],
    sizes: list[str],
    frames: int = 250,
    repeats: int = 2,
    device: str = "auto",
    backend: str = "auto",
    threads: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """What ``bench video`` does: measure clips from file to file, and print where the time goes.

    Args:
        photo: shows a face; the clips are made of it.
        models: swappers that take turns.
        sizes: ``720p`` and ``1080p``, or one of them.

    Returns:
        What was printed with ``--json``.
    """
    from rich.table import Table

    with library_output_on_stderr():
        from ..diagnose.video_bench import SIZES, bench_clips, peak_mb
        from ..files.images import read_image

        if unknown := [size for size in sizes if size not in SIZES]:
            raise OptionError(f"Unknown frame size {unknown[0]!r}; wanted {', '.join(SIZES)}.")
        image = read_image(photo).image
        rows = bench_clips(
            image, models=models, sizes=sizes, frames=frames, repeats=repeats, device=device, backend=backend,
            threads=threads, told=note,
        )  # fmt: skip
    payload: dict[str, Any] = {"rows": [row.to_json() for row in rows], "peak_mb": round(peak_mb(), 1)}
    payload["times_first_model"] = {
        f"{row.size} {row.model}": round(first.fps / row.fps, 2)
        for row in rows
        for first in rows
        if first.size == row.size and first.model == rows[0].model
    }
    if as_json:
        emit_json(payload)
        return payload
    summary = Table("clip", "model", "device", "frames", "fps", "cpu ms/frame", "peak MB")
    for row in rows:
        summary.add_row(
            row.size,
            row.model,
            row.device,
            f"{row.frames}",
            f"{row.fps:.1f}",
            f"{row.cpu_ms:.1f}",
            f"{row.peak_mb:.0f}",
        )
    stages = Table("clip", "model", "stage", "busy ms/frame", "cpu ms/frame", "waiting ms/frame")
    for row in rows:
        for stage in row.stages:
            per_frame = [1e3 * value / max(1, stage.items) for value in (stage.busy_s, stage.cpu_s, stage.waiting_s)]
            stages.add_row(row.size, row.model, stage.name, *(f"{value:.2f}" for value in per_frame))
    ratios = [
        f"{name}: {rows[0].model} is {ratio:.1f} times as fast"
        for name, ratio in payload["times_first_model"].items()
        if not name.endswith(rows[0].model)
    ]
    emit({}, summary, stages, "\n".join(ratios), as_json=False)
    return payload


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("video")(with_swap_options(video))
    app.command("people")(people)
    app.command("live")(with_swap_options(live))


def show_progress(events: Iterator[VideoEvent]) -> VideoReport:
    """A progress bar on stderr while a job runs; its report."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    words = {"people": "Looking who is there", "swap": "Swapping", "done": "Done"}
    console = stderr_console()
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} frames"),
        TextColumn("{task.fields[fps]:.1f} fps"), TimeRemainingColumn(),
    )  # fmt: skip
    report = None
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(words["swap"], total=None, fps=0.0)
        for event in events:
            progress.update(
                task,
                description=words[event.stage],
                completed=event.frames_done,
                total=event.frames_total,
                fps=event.fps,
            )
            report = event.report or report
    if report is None:
        raise Cancelled("Stopped; nothing was written.")
    return report


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that the terminal's interrupt and a termination request set, so that jobs end in order."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may set handlers; whoever started this thread stops it otherwise
        return
    before: Mapping[Any, Any] = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(report: VideoReport) -> str:
    lines = [
        f"{report.output}: {report.frames} frames, {report.frames_swapped} with swapped faces, {report.frames_without_face} "
        f"without a face; {report.fps:.1f} frames per second ({report.model}, {report.detector}, {report.device})"
    ]
    lines += [f"left alone: {count} faces, {reason}" for reason, count in report.skipped.items()]
    lines += [f"note: {text}" for text in report.notes]
    return "\n".join(lines)
