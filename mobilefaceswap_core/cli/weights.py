"""``parity``, ``convert`` and ``export``: the networks' weights and graphs as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..errors import OptionError
from ..files.atomic import check_file_place, check_new_folder
from .consent import check_consent
from .options import AuditLogOption, BlocklistOption, ConsentOption, DetectorOption, SourceFaceOption
from .output import JsonOption, emit, library_output_on_stderr
from .targets import check_run


def parity(
    file: Annotated[Path, typer.Argument(metavar="FILE.npz", help="Inputs and outputs of the official network.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of that network's weights.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Compare this port with outputs of the official implementation; exit code 1 above the tolerance.

    The weights are rebuilt from the seed as an official .pdparams file and read back through the converter.
    """
    with library_output_on_stderr():
        from ..student.parity import MAX_UNDETERMINED, TOLERANCE, check_parity

        rows = check_parity(file, seed=seed)
    passed = all(row.passed for row in rows)
    table = Table("array", "shape", "max difference", "anywhere", "undetermined", "verdict")
    for row in rows:
        verdict = "[green]equal[/]" if row.passed else "[red]differs[/]"
        shape = " x ".join(map(str, row.shape))
        numbers = f"{row.max_difference:.1e}", f"{row.max_difference_anywhere:.1e}", f"{row.undetermined:.2%}"
        table.add_row(row.name, shape, *numbers, verdict)
    payload = {
        "file": file,
        "seed": seed,
        "tolerance": TOLERANCE,
        "max_undetermined": MAX_UNDETERMINED,
        "passed": passed,
        "arrays": [
            {
                "name": row.name,
                "shape": list(row.shape),
                "max_difference": _finite(row.max_difference),
                "max_difference_anywhere": _finite(row.max_difference_anywhere),
                "undetermined": row.undetermined,
                "passed": row.passed,
            }
            for row in rows
        ],
    }
    verdict = f"{sum(row.passed for row in rows)} of {len(rows)} arrays are equal within {TOLERANCE:g}"
    emit(payload, table, f"{verdict}, judged where float32 determines a value to that tolerance.", as_json=as_json)
    if not passed:
        raise typer.Exit(1)


def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="checkpoints.tar of the authors, or one .pdparams file.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where to write; the folder --model official reads.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn the authors' released checkpoint into safetensors, so that --model official runs.

    The archive's SHA-256 is checked; the file is read without running anything in it.
    """
    with library_output_on_stderr():
        from ..files.digest import file_sha256
        from ..files.folders import cache_folder
        from ..models import entries
        from ..student.official import KNOWN_ARCHIVE
        from ..student.official import convert as convert_checkpoint

        folder = out or cache_folder() / "official"
        check_run({"the file": file}, {"--out": [folder / path.name for path in entries()["official"].files]})
        check_new_folder(folder)  # made when there is something to write into it
        written = convert_checkpoint(file, folder)
        sha256 = file_sha256(file)
        missing = [path.name for path in entries()["official"].files if not (folder / path.name).is_file()]
    payload = {
        "file": file,
        "sha256": sha256,
        "is_published_archive": sha256 == KNOWN_ARCHIVE[2],
        "folder": folder,
        "written": [{"path": path, "sha256": file_sha256(path)} for path in written],
        "missing": missing,
    }
    lines = [f"{path}" for path in written]
    known = "that of the published archive" if payload["is_published_archive"] else "not one this package knows"
    lines.append(f"SHA-256 {sha256} is {known}.")
    if missing:
        lines.append(f"The official model also needs {', '.join(missing)}: convert that file too.")
    emit(payload, "\n".join(lines), as_json=as_json)


def export(
    source: Annotated[
        list[Path],
        typer.Option("--source", metavar="PHOTO", help="Who appears. Repeat for more photos of the same person."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.onnx", help="Where to write the network.")],
    dynamic: Annotated[
        bool,
        typer.Option("--dynamic", help="One graph for all sources, with their kernels as inputs.", show_default=False),
    ] = False,
    weights_out: Annotated[
        Path | None,
        typer.Option("--weights-out", metavar="FILE.npz", help="With --dynamic: write this source's inputs."),
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
    """Write the per-frame network as ONNX, with a source's kernels inside; refused if it differs from PyTorch.

    The file swaps this person into any aligned face, with `image --model FILE.onnx` or in another program.
    """
    if weights_out is not None and not dynamic:
        raise OptionError("--weights-out needs --dynamic: a file with a source inside has no other inputs.")
    check_run(
        {"--source": source}, {"--out": out, "--weights-out": weights_out, "--audit-log": audit_log}, model=model,
        blocklist=blocklist,
    )  # fmt: skip
    for place in (out, *([weights_out] if weights_out else [])):
        check_file_place(place)
    check_consent(consent, as_json=as_json)
    with library_output_on_stderr():
        from ..files.images import read_image
        from ..pipeline import Pipeline
        from ..rules.host import HostRules
        from ..student.export import TOLERANCE, export_baked, export_dynamic
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
        person = pipeline.prepare_source(photos, face=face, check=check).condition  # type: ignore[arg-type]
        report = (
            export_dynamic(student, person, out, weights_path=weights_out)
            if dynamic
            else export_baked(student, person, out)
        )
        rules.note("export", sources=source, output=weights_out or out, model=student.info.name)
    sizes = {path: path.stat().st_size for path in report.paths}
    payload = {
        "kind": report.kind,
        "model": student.info.name,
        "max_difference": report.max_difference,
        "tolerance": TOLERANCE,
        "files": [{"path": path, "bytes": size} for path, size in sizes.items()],
    }
    lines = [f"{path} ({size / 1e6:.1f} MB)" for path, size in sizes.items()]
    lines.append(f"Largest difference from PyTorch: {report.max_difference:.1e} (tolerance {TOLERANCE:g})")
    emit(payload, "\n".join(lines), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("parity")(parity)
    app.command("convert")(convert)
    app.command("export")(export)


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None  # NaN compares false; JSON has neither
