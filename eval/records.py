"""JSON lines that survive a kill: appended whole, repaired on resume, read one at a time.

A record is one line, keys sorted, floats written so that they read back to the same bits. Readers never rely on the
order of lines: one process and many write the same set.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import OptionError, OutputError
from mobilefaceswap_core.files.atomic import refused, write_bytes

# What every line of manifest.jsonl and records.jsonl says.
OUTCOME: dict[str, type] = {"method": str, "pair": int, "status": str}
MAX_LINE = 1 << 22  # characters of one record; the largest, a source with its embeddings, has some ten thousand


class RecordWriter:
    """Append records to a file, one complete line per write.

    Opening repairs the tail that a killed process may have left: bytes after the last newline are cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            repair_tail(path)
            self._handle = path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise disk_refused(path, error) from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record and hand it to the operating system.

        Raises:
            OutputError: the disk refuses; what it took of the line is cut off when the file is opened next.
        """
        try:
            self._handle.write(encode(record) + "\n")
            self._handle.flush()
        except OSError as error:
            raise disk_refused(self._path, error) from error

    def close(self) -> None:
        """Close the file; the writer cannot be used again."""
        with contextlib.suppress(OSError):  # a full disk refuses the rest of the buffer once more
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


def read_records(path: Path, *, required: Mapping[str, type] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the records of a file one at a time; a torn last line is left out.

    Args:
        path: a file of one JSON object per line.
        required: keys that every record must have, with the kind of their values; whole numbers are places, from 0.

    Raises:
        OptionError: when a line other than the last is no such record: the file was edited or damaged.
    """
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as handle:
        number = 0
        while True:
            try:
                line = handle.readline(MAX_LINE)
            except (OSError, UnicodeDecodeError) as error:
                raise OptionError(f"{path.name} after line {number} is not text in UTF-8 ({error}).") from error
            number += 1
            if not line.endswith("\n"):
                if len(line) < MAX_LINE:
                    return
                raise OptionError(f"{path.name} line {number} is longer than any record; remove that line and resume.")
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", None) or str(error)
                raise OptionError(
                    f"{path.name} line {number} is not JSON ({reason}); remove that line and resume."
                ) from error
            if not isinstance(record, dict):
                raise OptionError(f"{path.name} line {number} is not a record; remove that line and resume.")
            for key, kind in (required or {}).items():
                value = record.get(key)
                wrong = not isinstance(value, kind) or isinstance(value, bool)
                if wrong or (isinstance(value, int) and value < 0):
                    raise OptionError(
                        f"{path.name} line {number} has no {key} that can be used; remove that line and resume."
                    )
            yield record


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


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        OutputError: the disk refuses; the file under that name is the old one, and nothing else is left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, text.encode("utf-8", "backslashreplace"))
    except (OSError, OutputError) as error:
        raise disk_refused(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON whole or not at all; see :func:`write_text`."""
    write_text(path, json.dumps(_finite(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def disk_refused(path: Path, error: OSError | OutputError) -> OutputError:
    """What a refusal of the disk means for the user of a run."""
    told = refused(path, error) if isinstance(error, OSError) else error
    return OutputError(f"{told} Then go on with --resume.")
