"""JSON lines that survive a kill: appended whole, repaired on resume, read one at a time.

A record is one line, keys sorted, floats written so that they read back to the same bits. Readers never rely on the
order of lines: one process and many write the same set.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import OptionError


class RecordWriter:
    """Append records to a file, one complete line per write.

    Opening repairs the tail that a killed process may have left: bytes after the last newline are cut off.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        repair_tail(path)
        self._handle = path.open("a", encoding="utf-8", newline="\n")

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record and hand it to the operating system."""
        self._handle.write(encode(record) + "\n")
        self._handle.flush()

    def close(self) -> None:
        """Close the file; the writer cannot be used again."""
        self._handle.close()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode(record: Mapping[str, Any]) -> str:
    """One line of JSON. Not-a-number and infinity become ``null``: JSON has no word for them."""
    return json.dumps(_finite(record), sort_keys=True, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file one at a time; a torn last line is left out.

    Raises:
        OptionError: when a line other than the last is not JSON: the file was edited or damaged.
    """
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            if not line.endswith("\n"):
                return
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise OptionError(
                    f"{path.name} line {number} is not JSON ({error.msg}); remove that line and resume."
                ) from error


def repair_tail(path: Path) -> None:
    """Cut the bytes after the last newline: what a process killed in mid-write left."""
    if not path.is_file() or path.stat().st_size == 0:
        return
    with path.open("rb+") as handle:
        end = handle.seek(0, os.SEEK_END)
        position = end
        while position > 0:
            start = max(0, position - 65536)
            handle.seek(start)
            newline = handle.read(position - start).rfind(b"\n")
            if newline >= 0:
                handle.truncate(start + newline + 1)
                return
            position = start
        handle.truncate(0)


def partial_name(path: Path) -> Path:
    """Temporary name beside a file; the process number keeps workers that write the same file apart."""
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def remove_partials(folder: Path) -> None:
    """Delete temporary files that a killed run left below a folder. Only while nothing else writes there."""
    for path in folder.rglob("*.partial"):
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON under a temporary name, then rename it into place."""
    write_text(path, json.dumps(_finite(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
