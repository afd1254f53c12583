"""``verify``: does a file say that its faces were swapped?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import JsonOption, emit, library_output_on_stderr

UNMARKED = 11  # exit status: readable, and no layer says that faces were swapped


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A photo or a clip.")], as_json: JsonOption = False
) -> None:
    """Tell whether a file carries marks of a face swap, and what each layer says; exit code 11 if it is not marked."""
    with library_output_on_stderr():
        from ..marking import verify_file

        report = verify_file(file)
    emit(report.to_json(), "\n".join(report.lines()), as_json=as_json)
    if not report.marked:
        raise typer.Exit(UNMARKED)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)
