"""An optional log of what was done, without images: one JSON line per swap, appended, crash-safe."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..files.digest import bytes_sha256

_MAX_LINE = 4096  # one write of this size to a file opened for appending is not interleaved with another's on Linux
_BEGINNING = b'{"time":"'  # of every line, and so of every log


def content_hash(data: bytes | memoryview) -> str:
    """SHA-256 in hex: enough to recognise a file that turns up later, not enough to restore it."""
    return bytes_sha256(data)


class AuditLog:
    """Appends to one file. Safe to share between threads and processes; each record is on disk before ``append`` returns."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def append(
        self,
        event: str,
        *,
        sources: Sequence[str] = (),
        target: str | None = None,
        output: str | None = None,
        model: str | None = None,
        options: Mapping[str, str | int | float | bool | None] | None = None,
    ) -> None:
        """Record one event.

        Args:
            event: such as ``swap``, ``refused`` or ``video``.
            sources: content hashes of the source photos.
            target: content hash of the target.
            output: content hash of the result.
            model: name of the swapper.
            options: plain values only; no paths or names of people.

        Raises:
            OutputError: the log cannot be written, or the file is none. A host that asked for a log should not swap without it.
        """
        record = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "sources": list(sources),
            "target": target,
            "output": output,
            "model": model,
            "options": dict(options or {}),
        }
        line = json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
        if len(line) > _MAX_LINE:
            raise OutputError(
                f"An audit record of {len(line)} bytes is too long; wanted at most {_MAX_LINE}: log fewer options."
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # A crash or a full disk may have cut the last line: start on a new one, so that only that one is lost.
                size = os.fstat(descriptor).st_size
                if not _BEGINNING.startswith(os.pread(descriptor, len(_BEGINNING), 0)):
                    raise OutputError(
                        f"{self.path} is no audit log; wanted a new file or one that this program began. Name another; this "
                        "one was left as it is."
                    )
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise OutputError(
                f"The audit log {self.path} cannot be written ({error}). Free space or fix permissions."
            ) from error
        if written != len(line):
            raise OutputError(f"The audit log {self.path} took {written} of {len(line)} bytes. Free some space.")

    def read(self) -> Iterator[dict[str, Any]]:
        """Records in order; lines cut by a crash are skipped."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as stream:
            for line in stream:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record
