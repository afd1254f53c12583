"""Consent: the text people agree to, the usage policy, and the stored acknowledgement."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..errors import OptionError, OutputError
from ..files.atomic import write_bytes
from ..files.digest import bytes_sha256
from ..files.folders import config_folder

CONSENT_VERSION = 1  # raise when the meaning of the text changes: everyone is asked again
_FILE = "consent.json"


def consent_text() -> str:
    """What a user agrees to before the first swap; plain Markdown."""
    return files("mobilefaceswap_core").joinpath("texts", "consent.md").read_text(encoding="utf-8")


def usage_policy() -> str:
    """What the software may and may not be used for; plain Markdown."""
    return files("mobilefaceswap_core").joinpath("texts", "usage_policy.md").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A stored consent: when (UTC, ISO 8601), to which version, and the text's SHA-256."""

    given_at: str
    version: int
    text_sha256: str


def stored_consent(*, folder: Path | None = None) -> Acknowledgement | None:
    """The acknowledgement on this machine, or ``None`` if none is stored, or one of an older or other text."""
    path = (config_folder() if folder is None else folder) / _FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        found = Acknowledgement(str(raw["given_at"]), int(raw["version"]), str(raw["text_sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a damaged file is no consent: ask again
    return found if (found.version, found.text_sha256) == (CONSENT_VERSION, _text_sha256()) else None


def store_consent(*, folder: Path | None = None) -> Acknowledgement:
    """Record that the user agreed, now.

    Raises:
        OutputError: the config folder cannot be written.
    """
    folder = config_folder() if folder is None else folder
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    given = Acknowledgement(now, CONSENT_VERSION, _text_sha256())
    record = {"given_at": given.given_at, "version": given.version, "text_sha256": given.text_sha256}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / _FILE, (json.dumps(record) + "\n").encode())
    except (OSError, OutputError) as error:
        raise OutputError(
            f"The acknowledgement cannot be stored in {folder} ({error}). Set MOBILEFACESWAP_CONFIG to a folder you can "
            "write to, or give --i-have-consent each time."
        ) from error
    return given


def withdraw_consent(*, folder: Path | None = None) -> None:
    """Forget the acknowledgement; the next use asks again."""
    ((config_folder() if folder is None else folder) / _FILE).unlink(missing_ok=True)


def require_consent(given: bool = False, *, folder: Path | None = None) -> None:
    """Let a swap go on only with consent.

    Args:
        given: the user says so for this run (``--i-have-consent``); nothing is stored.

    Raises:
        OptionError: neither given now nor stored before.
    """
    if given or stored_consent(folder=folder) is not None:
        return
    raise OptionError(
        "Consent was not given: swap faces only of people who agreed to it. Read the consent text and agree once, or "
        "give --i-have-consent in a script."
    )


def _text_sha256() -> str:
    return bytes_sha256(consent_text().encode())
