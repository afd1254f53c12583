"""The lock file of what was fetched: the SHA-256 that a file had when it first came, which it must have from then on.

Where only a CRC32 is published the first download is trusted; a CRC32 tells a damaged file, not a forged one. From the
second time on nobody can put another file in its place unnoticed.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from ..errors import OutputError, WeightsError
from ..files.atomic import write_bytes
from ..files.folders import cache_folder

LOCK_FILE = "fetched.json"


def lock_path() -> Path:
    """The lock file, in the cache folder; to forget all pins, delete it."""
    return cache_folder() / LOCK_FILE


def read_pins() -> dict[str, dict[str, Any]]:
    """What is pinned: ``sha256``, ``size`` and ``when`` by file name.

    Raises:
        WeightsError: the lock file is damaged.
    """
    try:
        pins = json.loads(lock_path().read_text(encoding="utf-8"))
        if not isinstance(pins, dict) or not all(len(bytes.fromhex(pin["sha256"])) == 32 for pin in pins.values()):
            raise ValueError("wanted an object with a sha256 for each file")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(
            f"{lock_path()} cannot be read ({error}), so nobody knows which files were trusted. Restore it, or delete it to "
            "trust what is there now."
        ) from error
    return pins


def pinned_sha256(file: str) -> str:
    """The SHA-256 that a file must have; empty if it never came before."""
    return str(read_pins().get(file, {}).get("sha256", ""))


def pin(file: str, sha256: str, *, size: int) -> None:
    """Remember the digest of a file that was fetched just now. An older pin stays.

    Raises:
        WeightsError: the lock file is damaged or cannot be written.
    """
    from filelock import FileLock

    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    path = lock_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            pins = read_pins()
            if file in pins:
                return
            pins[file] = {"sha256": sha256, "size": size, "when": when}
            write_bytes(path, (json.dumps(pins, indent=2, sort_keys=True) + "\n").encode())
    except (OSError, OutputError) as error:
        raise WeightsError(
            f"{path} cannot be written ({error}). Free some space, or set MOBILEFACESWAP_HOME to another folder."
        ) from error
