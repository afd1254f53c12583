"""A day of use in miniature: thousands of swaps in one process, and what they leave behind."""

from __future__ import annotations

import contextlib
import gc
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.pipeline import Pipeline

_TARGET_PX = 256


@dataclass(frozen=True, slots=True)
class Use:
    """What a process holds after a number of swaps.

    Attributes:
        swaps: made so far.
        rss_mb: resident memory.
        threads: of the operating system; ``python_threads`` are those the interpreter knows.
        open_files: file descriptors.
        temporary_files: files and folders in the process's temporary folder and in the output folder.
    """

    swaps: int
    rss_mb: float
    threads: int
    python_threads: int
    open_files: int
    temporary_files: int


def measure(swaps: int, *, samples: int = 10, marked_every: int = 20) -> list[Use]:
    """Swap, write, read back and delete, over and over; a new source every tenth time.

    Args:
        swaps: how many.
        samples: how often to look, evenly spread; the first look is after one share of the swaps, as warm-up.
        marked_every: so often the result is written with all marks, a signed credential among them.
    """
    import skimage.data

    photo = skimage.data.astronaut()
    pipeline = Pipeline.load("student", "lite", "cpu", threads=1)
    face = np.ascontiguousarray(photo[:224, 112:336])
    target = cv2.resize(face, (_TARGET_PX, _TARGET_PX), interpolation=cv2.INTER_AREA)
    with (
        tempfile.TemporaryDirectory() as keys,
        tempfile.TemporaryDirectory() as folder,
        _folders(TMPDIR=Path(folder) / "temporary", MOBILEFACESWAP_CONFIG=Path(keys) / "config"),
    ):
        out = Path(folder) / "out"
        out.mkdir()
        write_image(out / "target.png", target)  # type: ignore[arg-type]
        kept = _entries(folder)
        seen: list[Use] = []
        for number in range(1, swaps + 1):
            if number % 10 == 1:
                lit = np.clip(face.astype(np.float32) * (0.8 + 0.4 * ((number // 10) % 7) / 6), 0, 255)
                source = pipeline.prepare_source([np.rint(lit).astype(np.uint8)])
            loaded = read_image(out / "target.png")
            result = pipeline.swap(loaded.image, source)
            if result.report.faces_swapped != 1:
                raise RuntimeError(f"swap {number}: {result.report}")
            written = out / f"{number}.png"
            if number % marked_every == 0:
                result.save(written, like=loaded)
            else:
                write_image(written, result.image, loaded)
            read_image(written)
            written.unlink()
            if number % max(1, swaps // samples) == 0:
                gc.collect()
                seen.append(_use(number, _entries(folder) - kept))
    return seen


def growth(uses: Sequence[Use]) -> dict[str, float]:
    """Change from the first look to the last."""
    first, last = asdict(uses[0]), asdict(uses[-1])
    return {key: last[key] - first[key] for key in first}


def table(uses: Sequence[Use]) -> list[dict[str, Any]]:
    """One row per look."""
    return [asdict(use) | {"rss_mb": f"{use.rss_mb:.1f}"} for use in uses]


@contextlib.contextmanager
def _folders(**folders: Path) -> Iterator[None]:
    """Point environment variables at folders of our own, so that nobody else's files are counted or touched."""
    before, temporary = {name: os.environ.get(name) for name in folders}, tempfile.tempdir
    for name, folder in folders.items():
        folder.mkdir()
        os.environ[name] = str(folder)
    tempfile.tempdir = None  # read TMPDIR again
    try:
        yield
    finally:
        tempfile.tempdir = temporary
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _entries(folder: str) -> int:
    return sum(1 for _ in Path(folder).rglob("*"))


def _use(swaps: int, temporary: int) -> Use:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return Use(
        swaps,
        int(fields["VmRSS"].split()[0]) / 1024,
        int(fields["Threads"]),
        threading.active_count(),
        len(os.listdir("/proc/self/fd")),
        temporary,
    )
