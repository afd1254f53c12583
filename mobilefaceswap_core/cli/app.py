"""The program: its commands, ``--version``, and what every error becomes."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..errors import BackendError, Cancelled, OptionError, SwapError
from ..runtime.memory import is_out_of_memory
from . import bench, consent, doctor, export, fetch, image, verify, weights
from .output import JSON_FLAG, emit_error

_BAD_NAME = (errno.ENAMETOOLONG, errno.ELOOP)
DEBUG_FLAG = "--debug"
PROGRAM = "python -m mobilefaceswap_core"


class ErrorReportingGroup(TyperGroup):
    """Turns our errors into a line on stderr, or one JSON object on stdout, and the exit code of their class."""

    def main(  # type: ignore[override]  # the options not named here are passed on
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        arguments = sys.argv[1:] if args is None else list(args)
        as_json = JSON_FLAG in arguments
        debug = DEBUG_FLAG in arguments  # anywhere, so that it can be added to the end of a command that failed
        arguments = [argument for argument in arguments if argument != DEBUG_FLAG]
        if as_json:  # else the parser prints its own errors and leaves before we could report them
            extra["standalone_mode"] = False
        try:
            code = super().main(arguments, prog_name=prog_name or PROGRAM, **extra)
        except SwapError as error:
            emit_error(type(error).__name__, str(error), as_json=as_json)
            sys.exit(error.exit_code)
        except typer.TyperException as error:  # reaches us with --json only; the parser's own words and code
            emit_error("UsageError", error.format_message(), as_json=True)
            sys.exit(error.exit_code)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _BAD_NAME:
                bad = OptionError(f"A file name cannot be used ({error.strerror}). Shorten it or check its links.")
                emit_error(type(bad).__name__, str(bad), as_json=as_json)
                sys.exit(bad.exit_code)
            if is_out_of_memory(error):
                short = BackendError("There is too little memory for this. Use smaller files or close other programs.")
                emit_error(type(short).__name__, str(short), as_json=as_json)
                sys.exit(short.exit_code)
            if debug:
                traceback.print_exc()
            emit_error(type(error).__name__, _unexpected(error, debug=debug), as_json=as_json)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Cancelled("Stopped. Files that were complete stay; nothing half written is left.") from None


def _unexpected(error: Exception, *, debug: bool) -> str:
    """One sentence about what nobody foresaw."""
    said = " ".join(str(error).split()) or "no more is known"
    more = "Please report it." if debug else f"Run it again with {DEBUG_FLAG} to see where, and please report it."
    return f"Something unexpected went wrong ({type(error).__name__}: {said}). {more}"


app = typer.Typer(
    cls=ErrorReportingGroup,
    name="mobilefaceswap",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Swap faces in photos and clips with MobileFaceSwap. Results go to stdout, progress and messages to stderr.",
    epilog="Exit codes: 0 done, 1 a check failed or several files failed, 2 wrong usage, 3 no face, 4 unreadable image, "
    "5 weights, 6 device or backend, 7 output, 8 clip, 10 refused, 11 not marked, 130 stopped.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"mobilefaceswap {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG_FLAG, help="Show where an unexpected error happened; may follow any command.")
    ] = False,
) -> None:
    """Options of the program itself."""


image.register(app)
if find_spec(f"{__package__}.video"):
    from . import video

    video.register(app)
verify.register(app)
consent.register(app)
weights.register(app)
export.register(app)
fetch.register(app)
doctor.register(app)
bench.register(app)


def main(args: Sequence[str] | None = None) -> None:
    """Run the program and leave the process with its exit code."""
    app(args)
