"""Fetch weights that do not ship with the package: pinned address, size and SHA-256, resumable, never half a file."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import WeightsError
from ..files.digest import file_sha256
from ..files.folders import cache_folder

Progress = Callable[[int, int], None]  # bytes so far, bytes in all

_CHUNK_BYTES = 1 << 18
_ATTEMPTS = 5
_FINAL_STATUS = (400, 401, 403, 404, 410, 451)  # trying again will not help


@dataclass(frozen=True, slots=True)
class DownloadSpec:
    """One file on the network.

    Attributes:
        name: file name on disk.
        url: where it is.
        sha256: hex digest of its bytes.
        size: in bytes.
        licence: of what is inside.
    """

    name: str
    url: str
    sha256: str
    size: int
    licence: str


DOWNLOADS: dict[str, DownloadSpec] = {
    # Size and digest as several independent projects pin them for the asset of InsightFace's releases `v0.7` and
    # `model-zoo`, which hold the same file. The address is the one insightface 2.1 itself downloads from.
    "buffalo_l": DownloadSpec(
        name="buffalo_l.zip",
        url="https://github.com/deepinsight/insightface/releases/download/model-zoo/buffalo_l.zip",
        sha256="80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
        size=288_621_354,
        licence="InsightFace model pack buffalo_l: non-commercial research only",
    ),
}


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

    A transfer that breaks off goes on where it stopped, also in a later call. The file gets its name only after its
    SHA-256 was checked. Several processes may ask for the same file: one fetches, the others wait.

    Args:
        spec: what to fetch.
        folder: where to keep it; the cache folder by default.
        progress: called with bytes so far and in all.
        attempts: how often to connect before giving up.
        timeout_s: how long to wait for the next bytes.
        backoff_s: wait before the second attempt; doubled for each further one.

    Raises:
        WeightsError: no network, refused, another file than the pinned one, or no space.
    """
    from filelock import FileLock

    folder = folder or cache_folder()
    path = folder / spec.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{spec.name}.lock"):
            if not _is_whole(path, spec):
                _fetch_verified(spec, path, progress, attempts, timeout_s, backoff_s)
    except OSError as error:
        raise WeightsError(
            f"{spec.name} cannot be kept in {folder} ({error}). Free some space, or set MOBILEFACESWAP_HOME to "
            "another folder."
        ) from error
    return path


def _is_whole(path: Path, spec: DownloadSpec) -> bool:
    return path.is_file() and path.stat().st_size == spec.size and file_sha256(path) == spec.sha256


def _fetch_verified(
    spec: DownloadSpec, path: Path, progress: Progress | None, attempts: int, timeout_s: float, backoff_s: float
) -> None:
    # A name of its own instead of files.atomic's: the next call, of any process, finds it and goes on where this one ended.
    part = path.with_name(f"{path.name}.part")
    resumed = part.exists()
    _fetch(spec, part, progress, attempts, timeout_s, backoff_s)
    got = file_sha256(part)
    if got != spec.sha256 and resumed:  # what an earlier call left may have been of another version: once more, whole
        part.unlink()
        _fetch(spec, part, progress, attempts, timeout_s, backoff_s)
        got = file_sha256(part)
    if got != spec.sha256:
        part.unlink()
        raise WeightsError(
            f"{spec.url} holds another file: got SHA-256 {got[:16]}..., wanted {spec.sha256[:16]}.... It was "
            "deleted. Do not use it; update this package or fetch the file by hand from a source you trust."
        )
    os.replace(part, path)


def _fetch(
    spec: DownloadSpec, part: Path, progress: Progress | None, attempts: int, timeout_s: float, backoff_s: float
) -> None:
    """Fill ``part`` to the full size, going on after interruptions."""
    trouble = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(backoff_s * 2 ** (attempt - 1))
        try:
            _transfer(spec, part, progress, timeout_s)
        except urllib.error.HTTPError as error:
            trouble = f"the server answered {error.code} {error.reason}"
            if error.code == 416:  # the part is longer than what the server has
                part.unlink(missing_ok=True)
            if error.code in _FINAL_STATUS:
                break
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            trouble = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            if part.stat().st_size == spec.size:
                return
            trouble = "the connection ended early"
    have = part.stat().st_size if part.exists() else 0
    raise WeightsError(
        f"Could not download {spec.name} from {spec.url}: {trouble} ({have} of {spec.size} bytes are kept). Check the "
        "network and try again; it goes on where it stopped."
    )


def _transfer(spec: DownloadSpec, part: Path, progress: Progress | None, timeout_s: float) -> None:
    if urlsplit(spec.url).scheme not in ("http", "https"):
        raise WeightsError(f"{spec.url}: wanted an http or https address.")
    have = part.stat().st_size if part.exists() else 0
    if have > spec.size:
        part.unlink()
        have = 0
    if have == spec.size:
        return
    request = urllib.request.Request(spec.url, headers={"User-Agent": "mobilefaceswap", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        if response.status != 206 or not _starts_at(response, have):
            have = 0  # the server sends the whole file again
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and have + int(announced) != spec.size:  # anything else says nothing of the length
            raise WeightsError(
                f"{spec.url} holds another file: got {have + int(announced)} bytes, wanted {spec.size}. Update this "
                "package or fetch the file by hand from a source you trust."
            )
        with open(part, "ab" if have else "wb") as stream:
            while chunk := response.read(_CHUNK_BYTES):
                have += len(chunk)
                if have > spec.size:
                    break
                stream.write(chunk)
                if progress is not None:
                    progress(have, spec.size)
    if have > spec.size:
        part.unlink()
        raise WeightsError(
            f"{spec.url} sends more than the expected {spec.size} bytes: another file. Update this package."
        )


def _starts_at(response: Any, offset: int) -> bool:
    # Content-Range: bytes 100-999/1000 (RFC 9110, 14.4)
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {offset}-")
