"""``export``: the per-frame network as a file, for other programs and for phones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import OptionError, OutputError
from ..files.atomic import check_file_place, check_folder_of
from .consent import check_consent
from .options import AuditLogOption, BlocklistOption, ConsentOption, DetectorOption, SourceFaceOption
from .output import JsonOption, emit, library_output_on_stderr
from .targets import check_run

if TYPE_CHECKING:
    from ..identity.glasses import Said
    from ..pipeline import Pipeline, Source
    from ..student.export import ExportReport
    from ..types import Face, Image

# Written out so that --help needs no import of networks; tests compare them with the table of formats.
FormatOption = Annotated[
    Literal["onnx", "tflite", "ncnn", "coreml", "executorch"] | None,
    typer.Option("--format", help="Whose file it is; if not given, the extension of --out says it."),
]
PartOption = Annotated[
    Literal["detector", "landmarks", "occlusion", "identity"] | None,
    typer.Option("--part", help="Not the network that swaps but one that works around it; needs no --source."),
]
PrecisionOption = Annotated[
    Literal["float32", "float16", "int8"],
    typer.Option("--precision", help="How numbers are stored; int8 also computes with them, and loses some likeness."),
]


def export(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to write: .onnx, .tflite (LiteRT), .param (ncnn; .bin and .json beside it), .mlpackage (Core ML) or .pte "
            "(ExecuTorch).",
        ),
    ],
    source: Annotated[
        list[Path] | None,
        typer.Option("--source", metavar="PHOTO", help="Who appears. Repeat for more photos of the same person."),
    ] = None,
    part: PartOption = None,
    format: FormatOption = None,
    precision: PrecisionOption = "float32",
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibrate", metavar="PHOTO|FOLDER", help="With int8: faces to measure ranges on, besides the source's."
        ),
    ] = None,
    dynamic: Annotated[
        bool,
        typer.Option(
            "--dynamic",
            help="One network for all sources, with their kernels as inputs: ONNX, LiteRT, ncnn.",
            show_default=False,
        ),
    ] = False,
    weights_out: Annotated[
        Path | None,
        typer.Option("--weights-out", metavar="FILE.npz", help="With --dynamic: write this source's inputs."),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option("--vectors", metavar="FOLDER", help="Write one swap step by step, to test another program with."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--target", metavar="PHOTO", help="With --vectors: what is swapped; else NASA's astronaut."),
    ] = None,
    model: Annotated[
        str,
        typer.Option("--model", metavar="student|official|FILE", help="A MobileFaceSwap network; others have no IDN."),
    ] = "student",
    detector: DetectorOption = "auto",
    source_face: SourceFaceOption = None,
    consent: ConsentOption = False,
    blocklist: BlocklistOption = None,
    audit_log: AuditLogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the per-frame network with a source's kernels inside, or one that works around it; refused if it differs from ours.

    The file swaps this person into any aligned face, with `image --model FILE` or in another program, on a phone for example.
    """
    source = source or []
    check_run(
        {"--source": source, "--calibrate": calibrate, "--target": target},
        {"--out": _places(out), "--weights-out": weights_out, "--vectors": vectors, "--audit-log": audit_log},
        model=model, blocklist=blocklist,
    )  # fmt: skip
    _check(out, format, precision, calibrate, dynamic, weights_out, vectors, target)
    if part is not None:
        _export_part(part, out, format, precision, vectors, target, source, dynamic, detector, as_json)
        return
    if not source:
        raise OptionError("Name who appears with --source PHOTO, or one of the networks around with --part.")
    check_consent(consent, as_json=as_json)
    with library_output_on_stderr():
        from ..files.images import read_image
        from ..pipeline import Pipeline
        from ..rules.host import HostRules
        from ..student.export import export_dynamic
        from ..student.mobile.export import export_as, export_source_outside
        from ..student.mobile.formats import choose_format
        from ..student.swapper import Student

        photos = [read_image(path).image for path in source]
        pipeline = Pipeline.load(model, detector, "cpu", backend="torch")
        student = pipeline.swapper
        if not isinstance(student, Student):
            raise OptionError(
                f"{model} has no network of the MobileFaceSwap layout; choose --model student or official."
            )
        rules = HostRules.load(pipeline.detector, blocklist=blocklist, audit_log=audit_log, model=student.info.name)
        check = rules.checker(source, model=student.info.name)
        face = "largest" if source_face is None else source_face
        person = pipeline.prepare_source(photos, face=face, check=check)  # type: ignore[arg-type]
        what = student, person.condition, out
        if dynamic and choose_format(out, format).name == "onnx":
            report = export_dynamic(*what, weights_path=weights_out, blue_eyes=person.blue_eyes)
        elif dynamic:
            report = export_source_outside(*what, format=format, weights_path=weights_out, blue_eyes=person.blue_eyes)
        else:
            faces = [*person.thumbnails, *_faces_of(pipeline, calibrate or ())] if precision == "int8" else []
            report = export_as(*what, format=format, precision=precision, faces=faces, blue_eyes=person.blue_eyes)
        beside = _vectors(pipeline, person, vectors, target) if vectors is not None else ()
        rules.note("export", sources=source, output=weights_out or out, model=student.info.name)
    _tell(report, beside, student.info.name, as_json=as_json, glasses=person.glasses)


def _export_part(
    name: str,
    out: Path,
    format: str | None,
    precision: Any,
    vectors: Path | None,
    target: Path | None,
    source: Sequence[Path],
    dynamic: bool,
    detector: str,
    as_json: bool,
) -> None:
    """Write one of the networks around; nobody is in it, so nobody is asked."""
    if source or dynamic:
        raise OptionError(f"The {name} network holds nobody; leave {'--source' if source else '--dynamic'} out.")
    with library_output_on_stderr():
        from ..student.mobile.export import export_part

        report = export_part(name, out, format=format, precision=precision)
        beside: tuple[Path, ...] = ()
        if vectors is not None:
            from ..detect import load_detector
            from ..student.mobile.around import part_named
            from ..student.mobile.vectors import make_part_vectors, write_part_vectors

            frame, face = _target_of(load_detector(detector, device="cpu").detect, target)
            part = part_named(name)
            beside = write_part_vectors(vectors, make_part_vectors(part, frame, face), part)
    _tell(report, beside, name, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def _places(out: Path) -> tuple[Path, ...]:
    """The files that will be written for ``--out``."""
    from ..student.mobile.formats import format_of_path

    entry = format_of_path(out)
    return entry.paths(out) if entry else (out,)


def _check(
    out: Path,
    format: str | None,
    precision: str,
    calibrate: Sequence[Path] | None,
    dynamic: bool,
    weights_out: Path | None,
    vectors: Path | None,
    target: Path | None,
) -> None:
    """Refuse what cannot be done before anything is loaded."""
    from ..student.mobile.formats import check_dynamic, check_precision, choose_format

    if out.is_dir() and not out.suffix:
        check_file_place(out)  # says that a folder was named
    entry = choose_format(out, format)
    check_precision(entry, precision)
    if weights_out is not None and not dynamic:
        raise OptionError("--weights-out needs --dynamic: a file with a source inside has no other inputs.")
    if dynamic:
        check_dynamic(entry, precision)
    if calibrate and precision != "int8":
        raise OptionError("--calibrate measures ranges for --precision int8; leave it out, or add that.")
    if target is not None and vectors is None:
        raise OptionError("--target is what --vectors swaps; leave it out, or say where the vectors go.")
    entry.require(entry.writes, to="write")
    if entry.name == "coreml":
        check_folder_of(out)  # the package is a folder
    for path in (*(() if entry.name == "coreml" else entry.paths(out)), *([weights_out] if weights_out else [])):
        check_file_place(path)
    if vectors is not None:
        check_folder_of(vectors)
        if vectors.exists() and not (vectors.is_dir() and not any(vectors.iterdir())):
            raise OutputError(f"{vectors} is there already; wanted a new folder for the vectors. Choose another name.")


def _faces_of(pipeline: Pipeline, places: Sequence[Path]) -> list[Image]:
    """Aligned crops of the largest face in each photo; photos without one are passed over."""
    from ..faces.choose import largest
    from ..files.formats import photos_in
    from ..files.images import read_image

    crops = []
    for path in [photo for place in places for photo in (photos_in(place) if place.is_dir() else [place])]:
        image = read_image(path).image
        if faces := pipeline.detect(image):
            crops.append(pipeline.align(image, faces[largest(faces)]).image)
    if places and not crops:
        raise OptionError("No face was found in what --calibrate names; give photos that show faces, or leave it out.")
    return crops


def _vectors(pipeline: Pipeline, person: Source, folder: Path, target: Path | None) -> tuple[Path, ...]:
    """Write the test vectors; the files."""
    from ..student.mobile.vectors import make_vectors, write_vectors

    frame, face = _target_of(pipeline.detect, target)
    student: Any = pipeline.swapper
    return write_vectors(folder, make_vectors(student, person.condition, frame, face), student)


def _target_of(detect: Callable[[Image], Sequence[Face]], target: Path | None) -> tuple[Image, Face]:
    """What vectors are made of: a photo, or NASA's astronaut, and the largest face in it."""
    from ..diagnose.bench import source_photo
    from ..errors import NoFaceError
    from ..faces.choose import largest
    from ..files.images import read_image

    frame = source_photo() if target is None else read_image(target).image
    faces = detect(frame)
    if not faces:
        raise NoFaceError(f"{target} shows no face that vectors could be made of. Use a photo that shows one.")
    return frame, faces[largest(faces)]


def _tell(report: ExportReport, vectors: tuple[Path, ...], model: str, *, as_json: bool, glasses: Said = "") -> None:
    from ..identity.glasses import glasses_notes
    from ..student.contract import KINDS_WITH_SOURCE

    notes = glasses_notes([glasses])
    sizes = {path: _bytes_in(path) for path in report.paths}
    payload = {
        "kind": report.kind,
        "format": report.format,
        "precision": report.precision,
        "model": model,
        "max_difference": report.max_difference,
        "mean_difference": report.mean_difference,
        "tolerance": report.tolerance,
        "files": [{"path": path, "bytes": size} for path, size in sizes.items()],
        "vectors": list(vectors),
        "notes": notes,
    }
    lines = [f"{path} ({size / 1e6:.1f} MB)" for path, size in sizes.items()]
    if report.mean_difference is None:
        whose = "PyTorch" if report.kind in KINDS_WITH_SOURCE else "the network that runs here"
        lines.append(f"Largest difference from {whose}: {report.max_difference:.1e} (tolerance {report.tolerance:g})")
    else:
        lines.append(
            f"Mean difference from PyTorch on faces: {report.mean_difference:.1e} (tolerance {report.tolerance:g}), "
            f"largest {report.max_difference:.1e}"
        )
    if report.format == "coreml":
        lines.append(
            "That is what PyTorch makes of the file's operators: Core ML itself runs on Apple's systems alone."
        )
    if vectors:
        lines.append(f"{len(vectors)} files of test vectors in {vectors[0].parent}")
    lines += [f"note: {note}" for note in notes]
    emit(payload, "\n".join(lines), as_json=as_json)


def _bytes_in(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
