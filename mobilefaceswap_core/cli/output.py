"""Where a command's words go: results to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from ..files.atomic import with_own_names

JSON_FLAG = "--json"
JsonOption = Annotated[
    bool, typer.Option(JSON_FLAG, help="Print one JSON object on stdout and nothing else there.", show_default=False)
]


def stderr_console() -> Console:
    """A console on today's stderr, for progress, notes and errors."""
    return Console(stderr=True, highlight=False)


@contextlib.contextmanager
def library_output_on_stderr() -> Iterator[None]:
    """Some libraries print while they load; what they say must not mix with the result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def note(message: str) -> None:
    """One line for people, on stderr."""
    stderr_console().print(_printable(message), markup=False, soft_wrap=True)


def emit_json(payload: Mapping[str, Any]) -> None:
    """The one object of a ``--json`` run."""
    print(json.dumps(payload, default=_plain, indent=2, allow_nan=False), flush=True)


def emit(payload: Mapping[str, Any], *human: RenderableType, as_json: bool) -> None:
    """The result of a command, as JSON or for people."""
    if as_json:
        emit_json(payload)
        return
    console = Console(highlight=False)
    for part in human:
        if isinstance(part, str):
            console.print(_printable(part), markup=False, soft_wrap=True)
        else:
            console.print(part)


def emit_error(kind: str, message: str, *, as_json: bool) -> None:
    """An error, as JSON on stdout or as a line on stderr."""
    message = with_own_names(message)
    if as_json:
        emit_json({"error": {"type": kind, "message": message}})
    else:
        note(f"Error: {message}")


def _printable(text: str) -> str:
    """A text without what would drive a terminal: file names may hold control characters, and bytes that are no text."""
    seen = "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)
    return seen.encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    """JSON for paths and NumPy scalars."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"no JSON for {type(value).__name__}")
