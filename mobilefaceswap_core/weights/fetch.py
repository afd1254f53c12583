"""Bring what :mod:`mobilefaceswap_core.weights.published` lists onto this machine: found where it is already, fetched where it is not, pinned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError
from ..files.digest import file_sha256
from .download import DownloadSpec, Progress, download, put_verified, read_note
from .pins import lock_path, pin, pinned_sha256
from .published import COMMAND, FOLDERS_VARIABLE, Published, find, home_of

MIRROR_VARIABLE = "MOBILEFACESWAP_MIRROR"
_ATTEMPTS = 3  # to each address; then comes the mirror
_TRUE = ("1", "ON", "YES", "TRUE")  # as huggingface_hub reads its own variables


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one entry.

    Attributes:
        item: the entry.
        path: its file.
        sha256: of the file.
        was_here: whether it was on this machine before.
        trusted_now: whether its SHA-256 was pinned just now, on nothing but a CRC32.
    """

    item: Published
    path: Path
    sha256: str
    was_here: bool
    trusted_now: bool


def is_offline(asked: bool = False) -> bool:
    """Whether the network must not be used: asked for, or by ``HF_HUB_OFFLINE``."""
    return asked or os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE


def addresses(item: Published, *, mirror: str = "") -> tuple[str, ...]:
    """Where a file may be had, in the order of trying.

    Args:
        mirror: an address below which files lie by their names, tried first; by default that of ``MOBILEFACESWAP_MIRROR``.
    """
    mirror = mirror or os.environ.get(MIRROR_VARIABLE, "")
    first = (f"{mirror.rstrip('/')}/{item.file}",) if mirror else ()
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    urls = (url.replace("https://huggingface.co", endpoint, 1) if endpoint else url for url in item.urls)
    return (*first, *urls)


def check_pinned(path: Path, item: Published) -> str:
    """SHA-256 of a file, which must be the one that came under its name before.

    A file that another program keeps under another name is not the one that was fetched, and is let through.

    Raises:
        WeightsError: its SHA-256 is not the pinned one, or the lock file is damaged.
    """
    sha256, wanted = file_sha256(path), pinned_sha256(item.file)
    if wanted and wanted != sha256 and path.name == item.file:
        raise WeightsError(
            f"{path} has SHA-256 {sha256[:16]}..., and {lock_path()} has {wanted[:16]}... of the day it was fetched. Somebody "
            "replaced it: delete the file and fetch it again, or its entry in the lock file if you trust the new one."
        )
    return sha256


def check_here(item: Published) -> Path:
    """Where a file is that must be on this machine; it is not opened.

    Raises:
        WeightsError: it is not here; the message has the command that brings it.
    """
    path = find(item)
    if path is None:
        raise WeightsError(absence(item))
    return path


def present_file(item: Published) -> tuple[Path, str]:
    """A file that must be on this machine, and its SHA-256; nothing is fetched.

    Raises:
        WeightsError: it is not here (the message has the command that brings it), or was replaced since it was fetched.
    """
    path = check_here(item)
    return path, check_pinned(path, item)


def fetch_file(
    item: Published,
    *,
    offline: bool = False,
    mirror: str = "",
    progress: Progress | None = None,
    attempts: int = _ATTEMPTS,
    timeout_s: float = 30.0,
    backoff_s: float = 1.0,
) -> Fetched:
    """One file, found or fetched, and checked against what is known of it.

    Args:
        item: the entry; what it needs is fetched by entries of its own.
        offline: do not use the network.
        mirror: see :func:`addresses`.
        progress: as for :func:`.download.download`, and the three that follow.

    Raises:
        WeightsError: not here and not to be had, or not the file that is known; the message says what to do.
    """
    path, pinned = find(item), pinned_sha256(item.file)
    if path is not None:
        _check_found(item, path)
        return Fetched(item, path, check_pinned(path, item), was_here=True, trusted_now=False)
    if is_offline(offline):
        require_here([item])
    urls = addresses(item, mirror=mirror)
    if not urls:
        path = _from_drive(item, progress)
    else:
        options = {"attempts": attempts, "timeout_s": timeout_s, "backoff_s": backoff_s}
        spec = _spec(item, urls, pinned, timeout_s)
        path = download(spec, folder=home_of(item), progress=progress, **options)  # type: ignore[arg-type]
    sha256 = check_pinned(path, item)
    pin(item.file, sha256, size=path.stat().st_size)
    return Fetched(item, path, sha256, was_here=False, trusted_now=not pinned and len(item.sha256) < 64)


def require_here(items: Sequence[Published]) -> None:
    """Say of everything that is not on this machine what it is and how it comes here.

    Raises:
        WeightsError: something is missing.
    """
    missing = [absence(item) for item in items if find(item) is None]
    if missing:
        raise WeightsError(
            " ".join(missing) + " Nothing was fetched, since --offline or HF_HUB_OFFLINE forbid the network."
        )


def absence(item: Published) -> str:
    """What is missing, the command that brings it, and where it goes by hand."""
    return (
        f"{item.file} ({item.about}; {item.licence}) is not on this machine. Run `{COMMAND} {item.name}`, put the file into "
        f"{home_of(item)}, or name a folder that has it in {FOLDERS_VARIABLE}."
    )


def _check_found(item: Published, path: Path) -> None:
    """Refuse a file that lies here and is damaged, by what is known of it or by the checksum that lies beside it."""
    if path.name != item.file:
        return
    beside = path.with_suffix(".hash")  # facefusion keeps it there
    crc32 = beside.read_text(encoding="ascii", errors="replace").strip().lower() if beside.is_file() else ""
    if problem := DownloadSpec(item.file, "", item.sha256, item.size, item.licence, crc32=crc32).problem_of(path):
        raise WeightsError(f"{path} is damaged or another file: {problem}. Delete it and fetch it again.")


def _spec(item: Published, urls: tuple[str, ...], pinned: str, timeout_s: float) -> DownloadSpec:
    sha256 = pinned or item.sha256
    crc32 = "" if sha256 or not item.crc32 else _published_crc32(item, urls, timeout_s)
    return DownloadSpec(item.file, urls[0], sha256, item.size, item.licence, mirrors=urls[1:], crc32=crc32)


def _published_crc32(item: Published, urls: tuple[str, ...], timeout_s: float) -> str:
    """The checksum that lies beside a file as ``STEM.hash``, from the first address that has it."""
    troubles = []
    for url in urls:
        try:
            text = read_note(f"{url.removesuffix('.onnx')}.hash", timeout_s=timeout_s).lower()
        except WeightsError as error:
            troubles.append(str(error))
            continue
        if len(text) == 8 and all(digit in "0123456789abcdef" for digit in text):
            return text
        troubles.append(f"{url.removesuffix('.onnx')}.hash holds {text[:20]!r}, wanted eight hex digits.")
    raise WeightsError(
        f"The checksum of {item.file} could not be had, so the file is not fetched. {' '.join(troubles)} Check the network "
        "and try again, or get the file by hand."
    )


def _from_drive(item: Published, progress: Progress | None) -> Path:
    """A file on Google Drive, whose pages ``gdown`` knows how to answer."""
    try:
        import gdown
    except ImportError as error:
        raise WeightsError(
            f"{item.file} lies on Google Drive, which takes gdown: `pip install gdown`, or get it by hand from "
            f"https://drive.google.com/file/d/{item.drive}/view, put it into {home_of(item)}, and run this again."
        ) from error
    folder = home_of(item)
    part = folder / f"{item.file}.part"

    def said(done: int, total: int | None) -> None:
        if progress is not None:
            progress(done, total or item.size or 0)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        gdown.download(id=item.drive, output=str(part), quiet=True, resume=True, progress=said)
    except Exception as error:  # gdown lets through what requests and its parser raise
        raise WeightsError(
            f"{item.file} could not be fetched from Google Drive ({error}). Try again later, or get it by hand from "
            f"https://drive.google.com/file/d/{item.drive}/view and put it into {folder}."
        ) from error
    spec = DownloadSpec(item.file, "", item.sha256, item.size, item.licence)
    put_verified(spec, part, folder / item.file, origin="Google Drive")
    return folder / item.file
