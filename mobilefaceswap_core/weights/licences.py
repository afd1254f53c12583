"""Licences that a user agreed to before something was fetched: shown once, stored in the user's configuration."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence

from ..errors import OutputError
from ..files.atomic import write_bytes
from ..files.folders import config_folder
from .published import Published

_FILE = "licences.json"


def agreed() -> dict[str, str]:
    """When each licence was agreed to, by what :func:`line` says of it. A damaged file is no agreement."""
    try:
        stored = json.loads((config_folder() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def line(item: Published) -> str:
    """Whose licence and which; another licence of the same thing is asked for again."""
    return f"{item.name}: {item.licence}"


def not_agreed(items: Sequence[Published]) -> list[Published]:
    """Those whose licence nobody agreed to yet."""
    known = agreed()
    return [item for item in items if line(item) not in known]


def agree(items: Sequence[Published]) -> None:
    """Store that the user agreed, now.

    Raises:
        OutputError: the config folder cannot be written.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    stored = {line(item): now for item in items} | agreed()
    folder = config_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / _FILE, (json.dumps(stored, indent=2, sort_keys=True) + "\n").encode())
    except (OSError, OutputError) as error:
        raise OutputError(
            f"The agreement cannot be stored in {folder} ({error}). Set MOBILEFACESWAP_CONFIG to a folder you can write to."
        ) from error
