"""This tree against another revision: both run the same commands in turns, so that a busy machine is busy for both.

Each tree is asked by its own command line, in processes of its own: what a user waits for is what is measured, and an older
revision needs to know nothing of this file.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..choices import MARKS, stages_off
from ..errors import BackendError, OptionError
from .against_page import page_readings

Readings = dict[str, float]  # milliseconds or MB by what was measured; less is better in all of them
_ROOT = Path(__file__).parents[2]
_SECONDS = 900.0  # of one command; nothing measured here takes a tenth
_METHODS = ("target", "source-paste", "graphics", "student", "teacher")  # that ship with every revision
PAIRS = 16  # of an evaluation, whose start counts as well, unless told otherwise
EQUAL = ", equal work"  # after what was measured: this tree without the stages that the other one lacks
_FIELDS = """import dataclasses, json
try:
    from mobilefaceswap_core.options import SwapOptions
except ImportError:
    from mobilefaceswap_core.pipeline import SwapOptions
print(json.dumps([field.name for field in dataclasses.fields(SwapOptions)]))"""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One thing in both trees.

    Attributes:
        what: was measured.
        before: of the other revision, median over the rounds.
        now: of this tree.
        unit: of both.
        times: how often ``now`` fits into ``before``: above 1 is better.
        spread: least and most of that ratio within a round.
    """

    what: str
    before: float
    now: float
    unit: str
    times: float
    spread: tuple[float, float]


@contextmanager
def checked_out(revision: str, *, root: Path = _ROOT) -> Iterator[Path]:
    """A folder with that revision of the repository, gone afterwards.

    Raises:
        OptionError: this is no clone of the repository, or it knows no such revision.
    """
    with tempfile.TemporaryDirectory(prefix="mobilefaceswap-against-") as place:
        folder = Path(place) / "tree"
        _git(root, "worktree", "add", "--detach", "--quiet", str(folder), revision)
        try:
            yield folder
        finally:
            _git(root, "worktree", "remove", "--force", str(folder))


def compare(
    revision: str, photo: Path, *, rounds: int = 3, frames: int = 125, told: Callable[[str], None] = lambda text: None,
    pairs: int = PAIRS, only: Sequence[str] = (),
    measure: Callable[[Path, Path, Mapping[str, Path]], Readings] | None = None, root: Path = _ROOT,
) -> list[Ratio]:  # fmt: skip
    """Measure both trees in turns.

    Args:
        revision: of git: a hash, a tag, ``main``.
        photo: shows a face; clips are made of it.
        rounds: each tree is measured so often, alternately.
        frames: of the clips.
        pairs: of the evaluation.
        told: is given a line of progress now and then.
        only: names of :data:`PARTS` to measure; all of them if empty.
        measure: readings of one tree; :func:`readings` if not given.
        root: of this tree.

    Returns:
        What both trees could measure, in order.

    Raises:
        OptionError: no such revision, or no such part.
        BackendError: a tree's command failed.
    """
    if unknown := [name for name in only if name not in PARTS]:
        raise OptionError(f"Nothing is measured as {unknown[0]}; known are: {', '.join(PARTS)}.")
    kept: tuple[list[Readings], list[Readings]] = ([], [])
    with checked_out(revision, root=root) as other, tempfile.TemporaryDirectory() as place:
        missing = lacking(other)
        own = partial(readings, only=only, pairs=pairs)
        runs = (measure or own, measure or partial(own, without=missing))
        clips = written_clips(photo, Path(place), frames) if not only or "clips" in only else {}
        for number in range(rounds):
            # Who is first changes each time: what the first run warms up helps the second.
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                told(f"round {number + 1} of {rounds}: {(revision, 'this tree')[which]}")
                kept[which].append(runs[which]((other, root)[which], photo, clips))
    return ratios([_with_equal_work(one, kept[1][0]) for one in kept[0]], kept[1])


def lacking(tree: Path) -> tuple[str, ...]:
    """The options of this tree's swaps that leave a stage out, and that another tree has no such option for.

    Args:
        tree: root of its checkout. One whose options cannot be asked for lacks nothing.
    """
    done = subprocess.run(
        [sys.executable, "-c", _FIELDS], cwd=tree, env=_environment(tree), capture_output=True, text=True,
        timeout=_SECONDS, check=False,
    )  # fmt: skip
    there = json.loads(done.stdout) if done.returncode == 0 else [*stages_off(), MARKS]
    return tuple(name for name in (*stages_off(), MARKS) if name not in there)


def _with_equal_work(before: Readings, now: Readings) -> Readings:
    """The other tree's readings, beside what this one measured without the stages that the other lacks."""
    equal = {what: before.get(what.removesuffix(EQUAL)) for what in now if what.endswith(EQUAL)}
    return before | {what: value for what, value in equal.items() if value is not None}


def written_clips(photo: Path, folder: Path, frames: int) -> dict[str, Path]:
    """The photo's face in motion, by what a clip shows, for both trees."""
    from ..files.images import read_image
    from ..pipeline import Pipeline
    from .video_bench import SIZES, write_moving_photo

    pipeline, image = Pipeline.load("student", video=True), read_image(photo).image
    wanted = {f"{size} clip, one face": (size, False) for size in SIZES} | {"720p clip, four faces": ("720p", True)}
    clips = {what: folder / f"{number}.mp4" for number, what in enumerate(wanted)}
    for what, (size, four) in wanted.items():
        write_moving_photo(clips[what], image, pipeline, SIZES[size], frames, four=four)
    return clips


def ratios(before: Sequence[Readings], now: Sequence[Readings]) -> list[Ratio]:
    """Medians and their ratio of what every round has, of both trees."""
    shared = [what for what in now[0] if all(what in one for one in (*before, *now))]
    rows = []
    for what in shared:
        old, new = ([one[what] for one in kept] for kept in (before, now))
        within = [a / b for a, b in zip(old, new, strict=True)]
        a, b = statistics.median(old), statistics.median(new)
        rows.append(Ratio(what, a, b, "MB" if "memory" in what else "ms", a / b, (min(within), max(within))))
    return rows


def readings(
    tree: Path, photo: Path, clips: Mapping[str, Path], *, only: Sequence[str] = (), without: Sequence[str] = (),
    pairs: int = PAIRS,
) -> Readings:  # fmt: skip
    """What one tree measures.

    Args:
        tree: root of a checkout.
        photo: as for :func:`compare`.
        clips: by what they show.
        only: as for :func:`compare`.
        without: stages by the names of their options; photos, clips and the page are measured once more without them.
        pairs: of the evaluation.

    Raises:
        BackendError: a command of it failed.
    """
    found: Readings = {}
    for name, part in (PARTS | {"evaluation": partial(_evaluation, pairs=pairs)}).items():
        if not only or name in only:
            found |= part(tree, photo, clips)
            if without and name in _EQUAL_PARTS:
                equal = _EQUAL_PARTS[name](tree, photo, clips, without=without)
                found |= {f"{what}{EQUAL}": value for what, value in equal.items() if "memory" not in what}
    return found


def _network(tree: Path, photo: Path, clips: Mapping[str, Path]) -> Readings:
    idn = _json(tree, "bench", "idn", "--threads", "1", "--runs", "15")
    best = min(one["median"] for one in idn["idn_backends"].values())
    return {"per-frame network, best backend, one thread": best}


def _still(tree: Path, photo: Path, clips: Mapping[str, Path], *, without: Sequence[str] = ()) -> Readings:
    image = _json(tree, "bench", "image", "--runs", "7", *(word for name in without for word in ("--without", name)))
    return {
        "still of 1,280 px, one face, warm": image["image_ms"]["median"],
        "still of 1,280 px, six faces, warm": image["image_six_faces_ms"]["median"],
    }


def _cold(tree: Path, photo: Path, clips: Mapping[str, Path]) -> Readings:
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out.png"
        cold = _timed(tree, "image", "--source", photo, "--target", photo, "--out", out, "--i-have-consent")
    return {
        "first swap from a cold process": 1e3 * cold.seconds,
        "its processor time": 1e3 * cold.cpu_s,
        "its memory": cold.memory_mb,
    }


def _clips(tree: Path, photo: Path, clips: Mapping[str, Path], *, without: Sequence[str] = ()) -> Readings:
    found: Readings = {}
    values = [
        (name, value) for name, value in stages_off().items() if name in without
    ]  # a clip is marked by every revision
    off = [word for name, value in values for word in ([f"--no-{name}"] if value is False else [f"--{name}", value])]
    with tempfile.TemporaryDirectory() as place:
        for what, clip in clips.items():
            report = Path(place) / "report.json"
            done = _timed(
                tree, "video", "--source", photo, "--target", clip, "--out", Path(place) / "out.mp4", "--report", report,
                "--model", "student", "--i-have-consent", *off,
            )  # fmt: skip
            said = json.loads(report.read_text())
            found[f"{what}, per frame"] = 1e3 / said["fps"]
            # Of the whole command, its start too; a busy machine lengthens it by less than it does the time of the clock.
            found[f"{what}, processor time per frame"] = 1e3 * done.cpu_s / said["frames"]
            found[f"memory of the {what}"] = done.memory_mb
    return found


def _evaluation(tree: Path, photo: Path, clips: Mapping[str, Path], *, pairs: int = PAIRS) -> Readings:
    """Swapping, judging and the report of pairs that ship; by the judges that are every tree's defaults."""
    with tempfile.TemporaryDirectory() as place:
        done = _timed(
            tree, "run", "--out", Path(place) / "run", "--dataset", "builtin", "--pairs", pairs, "--cost", "none",
            "--methods", ",".join(_METHODS), program="eval",
        )  # fmt: skip
    return {
        f"{len(_METHODS)} methods on {pairs} pairs, per pair": 1e3 * done.seconds / pairs,
        f"{len(_METHODS)} methods, processor time per pair": 1e3 * done.cpu_s / pairs,
        "memory of the evaluation": done.memory_mb,
    }


def _page(tree: Path, photo: Path, clips: Mapping[str, Path], *, without: Sequence[str] = ()) -> Readings:
    if sys.platform != "linux":  # its memory is read from /proc, and visitors have addresses of 127.0.0.0/8
        return {}
    off = {name: value for name, value in stages_off().items() if name in without}  # every revision marks its pictures
    return page_readings(tree, photo, _environment(tree), chosen=off)


# What can be measured, by the name that ``--only`` takes.
PARTS: dict[str, Callable[[Path, Path, Mapping[str, Path]], Readings]] = {
    "network": _network, "still": _still, "cold": _cold, "clips": _clips, "evaluation": _evaluation, "page": _page,
}  # fmt: skip
# Of these, what does less work without some stages.
_EQUAL_PARTS: dict[str, Callable[..., Readings]] = {"still": _still, "clips": _clips, "page": _page}


def _environment(tree: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}


def _command(arguments: Sequence[object], program: str = "mobilefaceswap_core") -> list[str]:
    return [sys.executable, "-m", program, *map(str, arguments)]


def _json(tree: Path, *arguments: object) -> Any:
    done = subprocess.run(
        _command([*arguments, "--json"]), cwd=tree, env=_environment(tree), capture_output=True, text=True,
        timeout=_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BackendError(f"{' '.join(map(str, arguments))} failed in {tree}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


class _Taken(NamedTuple):
    """What one command took: seconds of the clock and of all processors, and its largest resident memory."""

    seconds: float
    cpu_s: float
    memory_mb: float


def _timed(tree: Path, *arguments: object, program: str = "mobilefaceswap_core") -> _Taken:
    started = time.perf_counter()
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(
            _command(arguments, program), cwd=tree, env=_environment(tree), stdout=nowhere, stderr=nowhere
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
    if process.returncode:
        raise BackendError(f"{arguments[0]} failed in {tree} with exit code {process.returncode}.")
    memory = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return _Taken(seconds, usage.ru_utime + usage.ru_stime, memory)


def _git(root: Path, *arguments: str) -> None:
    try:
        subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    except FileNotFoundError as missing:
        raise OptionError("git is not installed; a comparison needs it and a clone of the repository.") from missing
    except subprocess.CalledProcessError as refused:
        raise OptionError(f"git {arguments[0]} {arguments[1]}: {refused.stderr.strip()[-200:]}") from refused
