"""Valid files with something wrong in them: every entry that reads them answers with our own errors, in bounded time and memory.

``python -m tests.corpus fuzz`` changes each seed file 200 times, in a process of its own with limits; a subset runs in the
tests. The same seed gives the same changes. ``fuzz clip.mp4:50-75`` makes the 51st to the 75th only, for a machine that is
needed for other things as well.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.files.formats import CLIP_SUFFIXES
from mobilefaceswap_core.runtime.budget import Budget

from . import photos
from .clips import Recipe, animation, make

MUTATIONS = 200
LIMIT_S = 20.0  # for one entry on one file, on a busy machine; the slowest of a run is told
LIMIT_BYTES = 6 << 30  # of address space, libraries included
BUDGET = Budget(frames=60, frame_pixels=4_000_000, seconds=LIMIT_S)

_TONE = Recipe(sound="aac", codec_options={"g": "3"})
SEEDS: dict[str, Callable[[Path], object]] = {
    "clip.mp4": lambda path: make(path, _TONE.but(chapters=(0, 0.2))),
    "clip.mov": lambda path: make(path, _TONE.but(turned=6, muxer_options={"movflags": "faststart"})),
    "clip.mkv": lambda path: make(path, _TONE.but(subtitles="ass", attachment=True)),
    "clip.avi": lambda path: make(path, _TONE),
    "clip.ts": lambda path: make(path, _TONE),
    "clip.flv": lambda path: make(path, _TONE),
    "clip.mpg": lambda path: make(path, Recipe(codec="mpeg2video", sound="mp2")),
    "clip.wmv": lambda path: make(path, Recipe(codec="msmpeg4v3")),
    "clip.webm": lambda path: make(path, Recipe(codec="libvpx-vp9", codec_options={"deadline": "realtime", "cpu-used": "8"})),
    "clip.gif": lambda path: animation(path, "GIF"),
    "clip.webp": lambda path: animation(path, "WEBP"),
    "clip.apng": lambda path: animation(path, "PNG"),
    "clip.avif": lambda path: animation(path, "AVIF"),
    **{f"photo{suffix}": photos.photo for suffix in (".png", ".webp", ".bmp", ".tif", ".gif", ".avif", ".jp2", ".ppm")},
    "photo.jpg": photos.with_facts,
    "deep.png": photos.deep,
    "deep.tif": photos.deep,
    "pages.tif": photos.pages,
}  # fmt: skip


def mutations(data: bytes, seed: str, count: int) -> Iterator[bytes]:
    """The file with bytes turned over, an end missing, or two pieces changed for each other; never the file itself."""
    chance, made = random.Random(seed), 0
    for number in itertools.count():
        if made == count:
            return
        changed = bytearray(data)
        kind = number % 3
        if kind == 0:
            for _ in range(chance.choice((1, 2, 8, 40))):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[chance.randrange(1, len(changed)) :]
        else:
            size = chance.choice((4, 8, 64, 512))
            a, b = (chance.randrange(max(1, len(changed) - size)) // 4 * 4 for _ in range(2))
            changed[a : a + size], changed[b : b + size] = changed[b : b + size], changed[a : a + size]
        if bytes(changed) != data:  # two pieces of a plain picture may be one
            made += 1
            yield bytes(changed)


def _photo(path: Path) -> None:
    from mobilefaceswap_core.files.images import read_image
    from mobilefaceswap_core.files.losses import losses

    losses(read_image(path, max_pixels=4_000_000), "out.jpg")


def _clip(path: Path) -> None:
    from mobilefaceswap_core.video.reader import open_clip

    clip = open_clip(path, spent=BUDGET.begin())
    try:
        for picture in clip.pictures():
            picture.rgb()
    finally:
        clip.close()


def _swap(path: Path) -> None:
    from mobilefaceswap_core.video import EncodeOptions, VideoOptions, run_to_end, swap_video

    from . import parts

    options = VideoOptions(swap=parts.SWAP, encode=EncodeOptions(preset="ultrafast"))
    result = path.with_name("result.mp4")
    try:
        run_to_end(swap_video(parts.pipeline(), path, result, parts.person(), options=options, budget=BUDGET))
    finally:
        result.unlink(missing_ok=True)
        left = [file.name for file in path.parent.iterdir() if "mfs-part" in file.name]
        if left:
            raise RuntimeError(f"left behind: {left}")


def _verify(path: Path) -> None:
    from mobilefaceswap_core.marking import verify_file

    from .parts import Nobody

    verify_file(path, detector=Nobody(), budget=BUDGET)


def _mark(path: Path) -> None:
    from mobilefaceswap_core.marking import MarkOptions, finish_file

    finish_file(path, model="student", options=MarkOptions(credentials=False))


def _demo(path: Path) -> None:
    from demo.work.clips import clip_facts

    clip_facts(path)


def _evaluation(path: Path) -> None:
    from eval.images import ImageReader

    reader = ImageReader(path.parent)
    reader.read(f"{path.name}#3" if path.suffix in CLIP_SUFFIXES else path.name)


ENTRIES: dict[str, Callable[[Path], None]] = {
    "photo": _photo, "clip": _clip, "swap": _swap, "verify": _verify, "demo": _demo,
    "evaluation": _evaluation, "mark": _mark,
}  # fmt: skip


def attack(name: str, count: int, folder: Path, *, first: int = 0) -> dict[str, object]:
    """Change one seed file and give it to every entry; changes before the ``first`` are made and not tried.

    Returns:
        ``tried``, ``slowest_s``, and ``escaped``: what was raised besides our own errors, or took too long.
    """
    seed = folder / name
    SEEDS[name](seed)
    data = seed.read_bytes()
    for read in ENTRIES.values():  # what a reader imports at its first call is not the file's fault
        with suppress(SwapError):
            read(seed)
    seed.write_bytes(data)  # one of them marks it
    tried, slowest, escaped = 0, 0.0, []
    for number, changed in itertools.islice(enumerate(mutations(data, name, count)), first, None):
        for entry, read in ENTRIES.items():
            path = folder / f"changed{seed.suffix}"
            path.write_bytes(changed)
            began = time.perf_counter()
            try:
                read(path)
            except SwapError:
                pass
            except Exception as error:  # what this looks for
                escaped.append(f"{name}, change {number}, {entry}: {type(error).__name__}: {error}")
            took = time.perf_counter() - began
            slowest, tried = max(slowest, took), tried + 1
            if took > LIMIT_S:
                escaped.append(f"{name}, change {number}, {entry}: took {took:.0f} s")
    return {"tried": tried, "slowest_s": round(slowest, 2), "escaped": escaped}


def main(names: list[str], count: int) -> int:
    """Attack every seed file in a process of its own.

    Args:
        names: of seed files, a piece of their changes behind a colon; all of all if none is given.
        count: of changes to each.
    """
    bad = 0
    for asked in names or list(SEEDS):
        name, _, piece = asked.partition(":")
        first, last = map(int, piece.split("-")) if piece else (0, count)
        code = f"from tests.corpus.fuzz import child; child({name!r}, {first}, {last})"
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        said = json.loads(child.stdout.splitlines()[-1]) if child.returncode == 0 and child.stdout else None
        if said is None:
            said = {
                "tried": 0,
                "escaped": [f"{name}: the process ended with {child.returncode}: {child.stderr[-400:]}"],
            }
        print(asked, {key: value for key, value in said.items() if key != "escaped"}, flush=True)
        for line in said["escaped"]:
            print("  ", line)
        bad += len(said["escaped"])
    return bad


def child(name: str, first: int, last: int) -> None:
    """A piece of one seed file's changes, with limits on memory; prints what :func:`attack` found."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(attack(name, last, Path(folder), first=first)))
