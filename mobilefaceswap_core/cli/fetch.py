"""``fetch``: bring weights of others onto this machine, with their licences agreed to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..errors import OptionError
from .output import JsonOption, emit, library_output_on_stderr, note, stderr_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..weights.download import Progress
    from ..weights.fetch import Fetched
    from ..weights.published import Published


def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="What to fetch; what it needs comes along.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Show what can be had, and what of it is here.", show_default=False)
    ] = False,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", help="Agree to the licences that are shown, for scripts.", show_default=False),
    ] = False,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Use no network: find and check what is here.", show_default=False),
    ] = False,
    mirror: Annotated[
        str,
        typer.Option(
            "--mirror",
            metavar="URL",
            envvar="MOBILEFACESWAP_MIRROR",
            help="Address below which the files lie by their names; tried first.",
            show_default=False,
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Fetch published swappers, recognisers and backbones that do not ship; without a name, list them.

    Files are checked and their SHA-256 pinned; a broken transfer goes on where it stopped. Their own licences apply, and
    are shown and agreed to once.
    """
    if show and names:
        raise OptionError("Got --list and names; give one of them.")
    if not names:
        _show_list(as_json)
        return
    with library_output_on_stderr():
        from ..weights.fetch import fetch_file, is_offline, require_here
        from ..weights.published import find, with_needs

        items = with_needs(names)
        if is_offline(offline):
            require_here(items)
        _agree([item for item in items if find(item) is None], accept_licence, as_json=as_json)
        done = []
        for item in items:
            with _bar(item.name) as progress:
                fetched = fetch_file(item, offline=offline, mirror=mirror, progress=progress)
            done.append(_finished(fetched))
    emit({"fetched": done}, "\n".join(_line(row) for row in done), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fetch")(fetch)


def _agree(items: Sequence[Published], given: bool, *, as_json: bool) -> None:
    """Show the licences that nobody agreed to yet, and go on only with agreement.

    Raises:
        OptionError: not given, and nobody there to ask, or the answer was no.
    """
    from ..weights.licences import agree, line, not_agreed

    asked = not_agreed(items)
    if not asked:
        return
    for item in asked:
        note(f"{line(item)} ({item.about})")
    if not given and sys.stdin.isatty() and sys.stderr.isatty() and not as_json:
        given = typer.confirm("Do you agree to these licences?", default=False, err=True)
    if not given:
        raise OptionError(
            f"The licence of {', '.join(item.name for item in asked)} was not agreed to, so nothing was fetched. Read it where "
            "the file is published; then answer yes at a terminal, or give --accept-licence."
        )
    agree(asked)


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    """A progress bar on a terminal; silence elsewhere."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = stderr_console()
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _finished(fetched: Fetched) -> dict[str, Any]:
    """Unpack or convert what is not used as it is; what ``--json`` says of one entry."""
    path = fetched.path
    if path.name == fetched.item.file:
        path = _ready(fetched)
    return {
        "name": fetched.item.name,
        "path": path,
        "sha256": fetched.sha256,
        "licence": fetched.item.licence,
        "was_here": fetched.was_here,
        "trusted_now": fetched.trusted_now,
    }


def _ready(fetched: Fetched) -> Path:
    item, path = fetched.item, fetched.path
    if item.kind == "detector":
        from ..detect.insightface_scrfd import unpack_pack

        return unpack_pack(path)
    if item.kind == "checkpoint":
        from ..student.official import convert

        folder = convert(path, path.parent / "official")[0].parent
        if not fetched.was_here:  # what somebody put there by hand is theirs
            path.unlink()
        return folder
    return path


def _line(row: dict[str, Any]) -> str:
    how = "was here" if row["was_here"] else "fetched"
    trust = "; no SHA-256 is published, so this first one is trusted and pinned" if row["trusted_now"] else ""
    return f"{row['name']}: {how}, {row['path']} (SHA-256 {row['sha256'][:16]}{trust})"


def _show_list(as_json: bool) -> None:
    from ..weights.published import COMMAND, PUBLISHED, find

    rows = [
        {
            "name": item.name,
            "about": item.about,
            "kind": item.kind,
            "licence": item.licence,
            "bytes": item.size,
            "digest": item.digest,
            "needs": item.needs,
            "urls": item.urls,
            "path": find(item),
        }
        for item in PUBLISHED.values()
    ]
    table = Table()
    for head in ("name", "what for", "MB", "licence", "known by", "here"):
        table.add_column(head, no_wrap=head in ("name", "here"))
    for item in PUBLISHED.values():
        size = "?" if item.size is None else f"{item.size / 1e6:.0f}"
        here = "[yellow]no[/]" if find(item) is None else "[green]yes[/]"
        table.add_row(item.name, item.about, size, item.licence, item.digest, here)
    emit({"published": rows}, table, f"`{COMMAND} NAME` brings one, with what it needs.", as_json=as_json)
