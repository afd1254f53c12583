"""``parity`` and ``convert``: the authors' weights, compared and converted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..files.atomic import check_new_folder
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("parity")(parity)
    app.command("convert")(convert)


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None  # NaN compares false; JSON has neither
