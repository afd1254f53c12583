"""``image``: swap faces in a photo, or in every photo of a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import NoFaceError, OptionError, OutputError, SwapError
from ..files.atomic import make_folder, remove_leftovers
from .consent import check_consent
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
    parse_faces,
    parse_map,
)
from .output import JsonOption, emit, emit_error, emit_json, library_output_on_stderr, note, stderr_console
from .swap_options import with_swap_options
from .targets import Job, check_run, plan_jobs

if TYPE_CHECKING:
    from ..faces.choose import FaceChoice
    from ..options import SwapOptions
    from ..pipeline import Pipeline, Source
    from ..rules.host import HostRules


def image(
    target: Annotated[Path, typer.Option("--target", metavar="PHOTO|FOLDER", help="Where faces are replaced.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE|FOLDER", help="Result; a folder if the target is one.")],
    source: Annotated[
        list[Path] | None,
        typer.Option("--source", metavar="PHOTO", help="Who appears. Repeat for more photos of the same person."),
    ] = None,
    face: Annotated[
        str,
        typer.Option("--face", metavar="all|largest|N[,M]", help="Which faces of the target, from 1, left to right."),
    ] = "all",
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="N=PHOTO", help="Instead of --source: who goes on face N. Repeat for more faces."
        ),
    ] = None,
    model: ModelOption = "auto",
    detector: DetectorOption = "auto",
    device: DeviceOption = "auto",
    backend: BackendOption = "auto",
    contract: ContractOption = None,
    threads: ThreadsOption = None,
    source_face: SourceFaceOption = None,
    keep_personal: KeepPersonalOption = False,
    no_clobber: Annotated[
        bool, typer.Option("--no-clobber", "-n", help="Leave results that are already there.", show_default=False)
    ] = False,
    blocklist: BlocklistOption = None,
    audit_log: AuditLogOption = None,
    consent: ConsentOption = False,
    as_json: JsonOption = False,
    *,
    swap: SwapOptions,
) -> None:
    """Swap faces in a photo, or in every photo of a folder.

    A result appears only when it is complete, and keeps the size, mode and colour profile of its target. It carries a
    hidden watermark, metadata and, where the package for it is installed, a signed credential that say that faces were
    swapped. A photo without a face gives no result and counts as failed (exit code 3). In a folder the run goes on after
    a failure.
    """
    faces = parse_faces(face)
    photos = photos_by_face(source or [], mapping or [], model=model)
    jobs = plan_jobs(target, out)
    check_run(
        {"a source": [photo for group in photos.values() for photo in group], "--target": [job.target for job in jobs]},
        {"--out": [job.output for job in jobs], "--audit-log": audit_log},
        model=model,
        blocklist=blocklist,
    )
    remove_leftovers(jobs[0].output.parent)  # of runs that were killed
    check_consent(consent, as_json=as_json)
    with library_output_on_stderr():
        from ..pipeline import Pipeline
        from ..rules.host import HostRules

        pipeline = Pipeline.load(model, detector, device, backend=backend, threads=threads, contract=contract)
        name = pipeline.swapper.info.name
        rules = HostRules.load(pipeline.detector, blocklist=blocklist, audit_log=audit_log, model=name)
        sources = load_sources(pipeline, photos, source_face, rules, swap)
        record = partial(rules.record, "swap", sources=[path for group in photos.values() for path in group])
        swap_one = partial(
            swap_file, pipeline, sources, faces=faces, options=swap, personal=keep_personal, record=record
        )
        run = _run_folder if target.is_dir() else _run_single
        payload, error, summary = run(swap_one, jobs, in_use(pipeline), no_clobber)
    if as_json:
        emit_json(payload)
    elif summary:
        emit({}, summary, as_json=False)
    if error is not None:
        if not as_json:
            emit_error(type(error).__name__, str(error), as_json=False)
        raise typer.Exit(error.exit_code)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("image")(with_swap_options(image))


def photos_by_face(source: Sequence[Path], mapping: Sequence[str], *, model: str) -> dict[int | None, list[Path]]:
    """Source photos by face index; the key ``None`` stands for every chosen face.

    Raises:
        OptionError: none given, or both forms at once.
    """
    from ..models import holds_source

    carries_source = holds_source(model)
    if source and mapping:
        raise OptionError("Got both --source and --map; give one person with --source, or people by face with --map.")
    if carries_source and (source or mapping):
        raise OptionError(f"{model} already holds its source; leave --source and --map out, or choose another --model.")
    if not source and not mapping and not carries_source:
        raise OptionError("No source photo was given. Add --source PHOTO, or --map N=PHOTO for each face.")
    by_face: dict[int | None, list[Path]] = {}
    by_face.update(parse_map(mapping).items())
    return by_face if mapping else {None: list(source)}


def load_sources(
    pipeline: Pipeline,
    photos: Mapping[int | None, Sequence[Path]],
    source_face: int | None,
    rules: HostRules,
    options: SwapOptions,
) -> Source | dict[int, Source]:
    """Read the photos, check them against the host's rules and make a source of each person's."""
    from ..files.images import read_image
    from ..pipeline import Source

    face: int | Literal["largest"] = "largest" if source_face is None else source_face

    def person(paths: Sequence[Path]) -> Source:
        images = [read_image(path).image for path in paths]
        name = pipeline.swapper.info.name
        if not paths:  # an .onnx file with its source inside
            rules.check((), ())
            return Source(pipeline.swapper.condition(()), (), name)
        return pipeline.prepare_source(images, face=face, check=rules.checker(paths, model=name), options=options)

    if None in photos:
        return person(photos[None])
    return {number: person(paths) for number, paths in photos.items() if number is not None}


def swap_file(
    pipeline: Pipeline,
    sources: Source | dict[int, Source],
    job: Job,
    *,
    faces: FaceChoice,
    options: SwapOptions,
    personal: bool,
    record: Callable[..., None],
) -> dict[str, Any]:
    """Swap one photo, mark it, write and record the result; what the JSON object of a photo holds.

    Returns:
        With ``output`` ``None`` when no face could be swapped; nothing is written then.
    """
    from ..faces.numbers import number_of
    from ..files.images import read_image
    from ..files.losses import losses
    from ..identity.glasses import glasses_notes

    started = time.perf_counter()
    photo = read_image(job.target)
    result = pipeline.swap(photo.image, sources, faces=faces, options=options)
    written = result.report.faces_swapped > 0
    people = sources.values() if isinstance(sources, dict) else [sources]
    marked = {}
    if written:
        marks = result.save(job.output, like=photo, personal=personal)
        marked = {
            "notes": [
                *losses(photo, job.output, personal=personal),
                *glasses_notes(person.glasses for person in people),
            ],
            "marks": list(marks.applied),
            "marks_left_out": dict(marks.left_out),
        }
        record(target=job.target, output=job.output, model=pipeline.swapper.info.name)
    return {
        "target": str(job.target),
        "output": str(job.output) if written else None,
        "faces_found": result.report.faces_found,
        "faces_swapped": result.report.faces_swapped,
        "skipped": {str(number_of(index)): reason for index, reason in result.report.skipped.items()},
        **marked,
        **in_use(pipeline),
        "networks": list(options.networks),
        "seconds": round(time.perf_counter() - started, 4),
        "seconds_by_stage": {stage: round(value, 4) for stage, value in result.seconds.items()},
    }


def in_use(pipeline: Pipeline) -> dict[str, str]:
    """Detector, device and model really in use."""
    return {
        "detector": pipeline.detector.info.name,
        "device": pipeline.swapper.info.device,
        "model": pipeline.swapper.info.name,
    }


def no_swap_error(payload: Mapping[str, Any]) -> NoFaceError:
    """Why a photo gave no result."""
    if not payload["faces_found"]:
        return NoFaceError(f"No face was found in {payload['target']}; nothing was written. Try another --detector.")
    reasons = "; ".join(f"face {number}: {reason}" for number, reason in payload["skipped"].items())
    return NoFaceError(
        f"{payload['faces_found']} faces were found in {payload['target']}, none could be swapped ({reasons}); "
        "nothing was written."
    )


Swap = Callable[[Job], dict[str, Any]]
Outcome = tuple[dict[str, Any], SwapError | None, str]


def _run_single(swap: Swap, jobs: Sequence[Job], used: Mapping[str, str], no_clobber: bool) -> Outcome:
    (job,) = jobs
    if no_clobber and job.output.exists():
        raise OutputError(f"{job.output} is already there and --no-clobber was given; nothing was done.")
    payload = swap(job)
    if payload["output"] is None:
        error = no_swap_error(payload)
        return payload | {"error": _error_entry(error)}, error, ""
    return payload, None, _line(payload)


def _run_folder(swap: Swap, jobs: Sequence[Job], used: Mapping[str, str], no_clobber: bool) -> Outcome:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    started = time.perf_counter()
    entries: list[dict[str, Any]] = []
    errors: list[SwapError] = []
    kept = 0
    make_folder(jobs[0].output.parent)
    console = stderr_console()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        for job in progress.track(jobs, description="Swapping"):
            if no_clobber and job.output.exists():
                kept += 1
                continue
            try:
                entry = swap(job)
                if entry["output"] is None:
                    raise no_swap_error(entry)
                for text in entry["notes"]:
                    note(f"{job.target.name}: {text}")
            except SwapError as error:  # reported and counted; the other photos still get their turn
                entry = {"target": str(job.target), "output": None, "error": _error_entry(error)}
                errors.append(error)
                note(f"{job.target.name}: {error}")
            entries.append(entry)
    swapped = [entry for entry in entries if entry["output"]]
    payload = {
        "output": str(jobs[0].output.parent),
        "files_found": len(jobs),
        "files_swapped": len(swapped),
        "files_failed": len(errors),
        "files_kept": kept,
        "faces_found": sum(entry.get("faces_found", 0) for entry in entries),
        "faces_swapped": sum(entry["faces_swapped"] for entry in swapped),
        **used,
        "seconds": round(time.perf_counter() - started, 4),
        "files": entries,
    }
    summary = (
        f"{payload['output']}: {len(swapped)} of {len(jobs)} photos swapped, {len(errors)} failed, {kept} kept; "
        f"{payload['faces_swapped']} faces ({payload['model']}, {payload['detector']}, {payload['device']}) "
        f"in {payload['seconds']:.1f} s"
    )
    return payload, _error_of_run(errors, len(jobs)), summary


def _error_of_run(errors: Sequence[SwapError], total: int) -> SwapError | None:
    """One error for the whole folder: of the common class, so that the exit code says what all failures share."""
    if not errors:
        return None
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else SwapError
    return kind(f"{len(errors)} of {total} photos gave no result; the reasons are above.")


def _error_entry(error: SwapError) -> dict[str, str]:
    return {"type": type(error).__name__, "message": str(error)}


def _line(payload: Mapping[str, Any]) -> str:
    skipped = "".join(f"; face {number} left alone: {reason}" for number, reason in payload["skipped"].items())
    return (
        f"{payload['output']}: {payload['faces_swapped']} of {payload['faces_found']} faces swapped "
        f"({payload['model']}, {payload['detector']}, {payload['device']}) in {payload['seconds']:.1f} s{skipped}"
        + "".join(f"\nnote: {text}" for text in payload["notes"])
    )
