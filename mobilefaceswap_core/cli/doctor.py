"""``doctor``: what this installation can do."""

from __future__ import annotations

from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from .output import JsonOption, emit, library_output_on_stderr


def doctor(as_json: JsonOption = False) -> None:
    """Show versions, devices, models and hashes, and which backend would be used and why; exit code 1 on a problem."""
    with library_output_on_stderr():
        from ..diagnose.doctor import examine

        found = examine()
    emit(found, *_tables(found), as_json=as_json)
    if not found["ok"]:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def _tables(found: dict[str, Any]) -> list[Table | str]:
    libraries = ", ".join(f"{name} {version or '-'}" for name, version in found["libraries"].items())
    home, devices, models = found["home"], found["devices"], found["models"]
    general = _grid()
    general.add_row("mobilefaceswap", f"{found['version']}, Python {found['python']}, {found['platform']}")
    general.add_row("libraries", escape(libraries))
    for name in ("cpu", "cuda", "mps"):
        general.add_row(name, f"{_mark(devices[name]['usable'])} {escape(devices[name]['about'])}")
    general.add_row("device used", f"{devices['auto']}, {devices['cpu_threads']} CPU threads")
    general.add_row("detector used", escape(f"{found['detectors']['auto']} - {found['detectors']['reason']}"))
    general.add_row("backend used", escape(f"{found['backends']['auto']} - {found['backends']['reason']}"))
    general.add_row("model used", models["default"])
    general.add_row("own files", f"{escape(home['path'])} ({'there' if home['exists'] else 'not there yet'}"
                                 f"{'' if home['writable'] else ', not writable'})")  # fmt: skip
    for words, here in (("fetched", True), ("`fetch` brings", False)):
        names = [entry["name"] for entry in found["published"] if (entry["path"] is not None) == here]
        general.add_row(words, ", ".join(names) or "nothing yet" if here else ", ".join(names) or "nothing more")
    consent = found["consent"]
    general.add_row(
        "consent", f"agreed on {consent['given_at']}" if consent["agreed"] else "not given on this computer yet"
    )
    choices = Table("model", "", "about")
    for entry in models["known"]:
        get = f"; to get it: {entry['get']}" if entry["get"] else ""
        choices.add_row(entry["name"], _mark(entry["present"]), escape(entry["about"] + get))
    for kind in ("detectors", "backends"):
        for entry in found[kind]["known"]:
            choices.add_row(f"{kind[:-1]} {entry['name']}", _mark(entry["usable"]), escape(entry["about"]))
    files = Table("weights", "MB", "SHA-256", "")
    for entry in found["weights"]:
        digests = "\n".join(sha256[:16] for sha256 in entry["files"].values())
        state = "verified" if entry["verified"] else escape(entry["problem"])
        files.add_row(entry["name"], f"{entry['bytes'] / 1e6:.1f}", digests, f"{_mark(entry['verified'])} {state}")
    verdict = "Ready to swap." if found["ok"] else "Not ready:\n" + "\n".join(f"- {p}" for p in found["problems"])
    return [general, choices, files, verdict]


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    return grid


def _mark(good: bool) -> str:
    return "[green]yes[/]" if good else "[yellow]no[/]"
