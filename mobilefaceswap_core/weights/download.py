"""Fetch one file over the network: known by its digest, resumable, from a mirror where the first address fails, never half.

Which files there are is the business of :mod:`mobilefaceswap_core.weights.published`; nothing is fetched unless somebody asks for it.
"""

from __future__ import annotations

import errno
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import WeightsError
from ..files.digest import file_crc32, file_sha256
from ..files.folders import cache_folder

Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0 where the server does not say)

_CHUNK_BYTES = 1 << 18
_ATTEMPTS = 5
_FINAL_STATUS = (400, 401, 403, 404, 410, 451)  # trying again will not help
_MOST_NOTE_BYTES = 1 << 10  # a published checksum is one short line


@dataclass(frozen=True, slots=True)
class DownloadSpec:
    """One file on the network.

    Attributes:
        name: file name on disk.
        url: where it is.
        sha256: hex digest of its bytes, or its first digits where no more are published.
        size: in bytes; ``None`` where nobody says, and the server's word counts.
        licence: of what is inside.
        mirrors: further addresses of the same bytes.
        crc32: eight hex digits, where that is all that is published.
    """

    name: str
    url: str
    sha256: str
    size: int | None
    licence: str
    mirrors: tuple[str, ...] = ()
    crc32: str = ""

    def problem_of(self, path: Path) -> str:
        """What is wrong with a file that should be this one; empty if nothing is. Reads all of it."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"got {size} bytes, wanted {self.size}"
        if self.sha256 and not (got := file_sha256(path)).startswith(self.sha256):
            return f"got SHA-256 {got[:16]}..., wanted {self.sha256[:16]}..."
        if self.crc32 and (got := file_crc32(path)) != self.crc32:
            return f"got CRC32 {got}, wanted {self.crc32}"
        return ""


def download(
    spec: DownloadSpec,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
    attempts: int = _ATTEMPTS,
    timeout_s: float = 30.0,
    backoff_s: float = 1.0,
) -> Path:
    """The file on disk, fetched when it is not there yet.

    A transfer that breaks off goes on where it stopped, also in a later call and from another address. The file gets its
    name only after its digest was checked. Several processes may ask for the same file: one fetches, the others wait.

    Args:
        spec: what to fetch.
        folder: where to keep it; the cache folder by default.
        progress: called with bytes so far and in all.
        attempts: how often to connect to each address before giving it up.
        timeout_s: how long to wait for the next bytes.
        backoff_s: wait before the second attempt; doubled for each further one.

    Raises:
        WeightsError: no network, refused, another file than the known one, nothing to know it by, or no space.
    """
    from filelock import FileLock

    if not (spec.sha256 or spec.crc32):
        raise WeightsError(f"{spec.name} has no digest to be known by, so it is not fetched. State its SHA-256.")
    folder = folder or cache_folder()
    path = folder / spec.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{spec.name}.lock"):
            if not (path.is_file() and not spec.problem_of(path)):
                _fetch_from_any(spec, path, progress, attempts, timeout_s, backoff_s)
    except OSError as error:
        raise WeightsError(
            f"{spec.name} cannot be kept in {folder} ({error}). Free some space, or set MOBILEFACESWAP_HOME to "
            "another folder."
        ) from error
    return path


def read_note(url: str, *, timeout_s: float = 30.0) -> str:
    """A short text at an address, such as a published checksum.

    Raises:
        WeightsError: it cannot be read, or is longer than a line.
    """
    try:
        with _open(url, timeout_s=timeout_s) as response:
            raw = response.read(_MOST_NOTE_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise WeightsError(f"{url}: the server answered {error.code} {error.reason}.") from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise WeightsError(f"{url}: {_said(error)}.") from error
    if len(raw) > _MOST_NOTE_BYTES:
        raise WeightsError(f"{url} is longer than {_MOST_NOTE_BYTES} bytes; wanted one line.")
    return raw.decode("ascii", "replace").strip()


def _fetch_from_any(
    spec: DownloadSpec, path: Path, progress: Progress | None, attempts: int, timeout_s: float, backoff_s: float
) -> None:
    """One address after the other until one of them gives the file."""
    troubles: list[WeightsError] = []
    for url in (spec.url, *spec.mirrors):
        try:
            _fetch_verified(spec, url, path, progress, attempts, timeout_s, backoff_s)
        except WeightsError as error:
            troubles.append(error)
        else:
            return
    if len(troubles) == 1:
        raise troubles[0]
    raise WeightsError(f"No address gave {spec.name}. " + " ".join(str(trouble) for trouble in troubles)) from troubles[
        0
    ]


def _fetch_verified(
    spec: DownloadSpec,
    url: str,
    path: Path,
    progress: Progress | None,
    attempts: int,
    timeout_s: float,
    backoff_s: float,
) -> None:
    # A name of its own instead of files.atomic's: the next call, of any process, finds it and goes on where this one ended.
    part = path.with_name(f"{path.name}.part")
    resumed = part.exists()
    _fetch(spec, url, part, progress, attempts, timeout_s, backoff_s)
    problem = spec.problem_of(part)
    if problem and resumed:  # what an earlier call left may have been of another version: once more, whole
        part.unlink()
        _fetch(spec, url, part, progress, attempts, timeout_s, backoff_s)
        problem = spec.problem_of(part)
    _accept(part, path, problem, url)


def put_verified(spec: DownloadSpec, part: Path, path: Path, *, origin: str) -> None:
    """Give a file that came another way its name, if it is the known one.

    Raises:
        WeightsError: it is another file; it was deleted.
    """
    _accept(part, path, spec.problem_of(part), origin)


def _accept(part: Path, path: Path, problem: str, origin: str) -> None:
    if problem:
        part.unlink()
        raise WeightsError(
            f"{origin} holds another file: {problem}. It was deleted. Do not use it; update this package or fetch the file by "
            "hand from a source you trust."
        )
    os.replace(part, path)


def _fetch(
    spec: DownloadSpec,
    url: str,
    part: Path,
    progress: Progress | None,
    attempts: int,
    timeout_s: float,
    backoff_s: float,
) -> None:
    """Fill ``part`` to the full size, going on after interruptions."""
    trouble, total = "", spec.size
    for attempt in range(attempts):
        if attempt:
            time.sleep(backoff_s * 2 ** (attempt - 1))
        try:
            total = _transfer(spec, url, part, progress, timeout_s)
        except urllib.error.HTTPError as error:
            trouble = f"the server answered {error.code} {error.reason}"
            if error.code == 416:  # the part is as long as what the server has, or longer
                if spec.size is None and _is_all(error, part):
                    return
                part.unlink(missing_ok=True)
            if error.code in _FINAL_STATUS:
                break
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            trouble = _said(error)
        else:
            if total is None or part.stat().st_size == total:
                return
            trouble = "the connection ended early"
    have = part.stat().st_size if part.exists() else 0
    of = f"of {total} " if total is not None else ""
    raise WeightsError(
        f"Could not download {spec.name} from {url}: {trouble} ({have} {of}bytes are kept). Check the network and try "
        "again; it goes on where it stopped."
    )


def _transfer(spec: DownloadSpec, url: str, part: Path, progress: Progress | None, timeout_s: float) -> int | None:
    """Append what is missing; the full size as far as anybody knows it."""
    have = part.stat().st_size if part.exists() else 0
    if spec.size is not None and have > spec.size:
        part.unlink()
        have = 0
    if have and have == spec.size:
        return have
    with _open(url, timeout_s=timeout_s, start=have) as response:
        if response.status != 206 or not _starts_at(response, have):
            have = 0  # the server sends the whole file again
        total = _total_of(spec, url, response, have)
        if total is not None:
            _require_space(part, total - have)
        with open(part, "ab" if have else "wb") as stream:
            while chunk := response.read(_CHUNK_BYTES):
                have += len(chunk)
                if total is not None and have > total:
                    break
                stream.write(chunk)
                if progress is not None:
                    progress(have, total or 0)
    if total is not None and have > total:
        part.unlink()
        raise WeightsError(f"{url} sends more than the expected {total} bytes: another file. Update this package.")
    return total


def _total_of(spec: DownloadSpec, url: str, response: Any, have: int) -> int | None:
    announced = response.headers.get("Content-Length", "")
    if not announced.isdecimal():  # anything else says nothing of the length
        return spec.size
    total = have + int(announced)
    if spec.size is not None and total != spec.size:
        raise WeightsError(
            f"{url} holds another file: got {total} bytes, wanted {spec.size}. Update this package or fetch the file by hand "
            "from a source you trust."
        )
    return total


def _require_space(part: Path, wanted: int) -> None:
    """Refuse before the disk is full: what is on it belongs to others too."""
    free = shutil.disk_usage(part.parent).free
    if wanted > free:
        raise OSError(errno.ENOSPC, f"No space left: {wanted} bytes are missing, {free} are free")


class _NoWayDown(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from an encrypted address to one that anybody on the way can change."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"it leads from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, *, timeout_s: float, start: int = 0) -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        raise WeightsError(f"{url}: wanted an http or https address.")
    request = urllib.request.Request(url, headers={"User-Agent": "mobilefaceswap", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    return urllib.request.build_opener(_NoWayDown).open(request, timeout=timeout_s)


def _said(error: Exception) -> str:
    return str(getattr(error, "reason", error)) or type(error).__name__


def _starts_at(response: Any, offset: int) -> bool:
    # Content-Range: bytes 100-999/1000 (RFC 9110, 14.4)
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {offset}-")


def _is_all(error: urllib.error.HTTPError, part: Path) -> bool:
    # Content-Range: bytes */1000 (RFC 9110, 15.5.17)
    return part.exists() and error.headers.get("Content-Range", "") == f"bytes */{part.stat().st_size}"
