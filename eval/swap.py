"""The swap stage: pairs.csv -> images and manifest.jsonl.

One manifest line per method and pair: ``ok`` with the image's path and SHA-256, or ``failed`` with the reason. Images are
measured as the method made them, so they carry no mark (``marked`` is false) and stay in the run's folder. The image is
renamed into place before its line is written, so a kill leaves at worst an image that is made again, to the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import Cancelled, OptionError, SwapError
from mobilefaceswap_core.files.atomic import remove_leftovers
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.types import CropSpec, Image

from .executors import run_jobs
from .followed import FollowedClips
from .images import inside, write_png
from .looks import OneLook
from .method_info import Method
from .methods import load_method, parse_method
from .pairs import Pair, count_pairs, iterate_pairs
from .records import OUTCOME, RecordWriter, read_records, write_json
from .run_files import open_reader
from .shards import pairs_of_shard
from .units import Moment, iterate_units, shown_order

Progress = Callable[[int, int], None]  # pairs done, pairs in all
# A foreign method may raise anything a computation raises: the pair is recorded as failed and the run goes on.
_FAILURES = (SwapError, ValueError, ArithmeticError, np.linalg.LinAlgError, MemoryError, RuntimeError)


@dataclass(frozen=True, slots=True)
class SwapJob:
    """What is to be made of one pair.

    Attributes:
        pair: source and target.
        wanted: of each method, whether its image is missing.
        awaited: of each method, whether a later frame of the clip is; one that remembers has to see this one for it.
        moment: when the target is shown, in a clip that is swapped as one.
    """

    pair: Pair
    wanted: tuple[bool, ...]
    awaited: tuple[bool, ...] = ()
    moment: Moment | None = None


class SwapWorker:
    """Holds the methods and makes the images of one pair at a time; the frames of a clip in order."""

    def __init__(
        self,
        run: Path,
        methods: Sequence[str],
        root: Path,
        aligned: CropSpec | None,
        detector: str,
        device: str,
        threads: int,
    ) -> None:
        self._run, self._threads = run, threads
        self._reader, look = open_reader(run, root), OneLook(detector, device=device)
        clips = FollowedClips(partial(load_detector, detector, device=device, fast=True))
        self._methods: list[Method] = [
            load_method(
                method,
                detector=look,
                device=device,
                aligned=aligned,
                base=Path(),
                pairs=iterate_pairs(run / "pairs.csv"),
                root=root,
                clips=clips,
            )
            for method in methods
        ]

    def cards(self) -> dict[str, dict[str, Any]]:
        """Each method's description."""
        return {m.info.name: asdict(m.info) for m in self._methods}

    def run(self, job: SwapJob) -> list[dict[str, Any]]:
        """Make what is still missing of one pair."""
        limit_threads(self._threads)
        records = []
        for number, method in enumerate(self._methods):
            if job.wanted[number]:
                records.append(self._one(method, job))
            elif method.remembers and job.awaited and job.awaited[number]:
                self._tried(method, job)  # what becomes of it is recorded already
        return records

    def _tried(self, method: Method, job: SwapJob) -> Image | Exception:
        """The image, or why there is none."""
        try:
            return method.make(job.pair, self._reader, job.moment)
        except Cancelled:
            raise
        except _FAILURES as error:
            return error

    def _one(self, method: Method, job: SwapJob) -> dict[str, Any]:
        record: dict[str, Any] = {"method": method.info.name, "pair": job.pair.index}
        relative = f"swapped/{method.info.name}/{job.pair.name}.png"
        image = self._tried(method, job)
        if isinstance(image, Exception):
            return {**record, "status": "failed", "error": type(image).__name__, "reason": str(image)}
        write_png(self._run / relative, image)
        digest = file_sha256(self._run / relative)
        return {**record, "status": "ok", "image": relative, "sha256": digest, "marked": False}


def limit_threads(threads: int) -> None:
    """Give OpenCV and torch a fixed number of threads: results then do not depend on the machine's load.

    For every job anew: a method may load torch when it is first used, and one that does without has two seconds less to load.
    """
    import cv2

    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


def done_pairs(path: Path, names: Sequence[str], total: int, *, check: Path | None = None) -> NDArray[np.bool_]:
    """``(methods, pairs)`` true where a record exists; one byte each is all that grows with the pairs.

    Args:
        path: manifest or records.
        names: methods.
        total: pairs.
        check: folder below which a record's image must still be there.
    """
    done = np.zeros((len(names), total), np.bool_)
    row = {name: i for i, name in enumerate(names)}
    for record in read_records(path, required=OUTCOME):
        if record["method"] in row and record["pair"] < total:
            lost = check is not None and record["status"] == "ok" and not _is_there(check, record.get("image"))
            done[row[record["method"]], record["pair"]] = not lost
    return done


def _is_there(run: Path, image: object) -> bool:
    """Whether a record's image is in the run; a path that leads elsewhere counts as lost, and is made again."""
    found = inside(run.resolve(), image) if isinstance(image, str) else None
    return found is not None and found.is_file()


def run_swap(
    run: Path,
    methods: Sequence[str],
    *,
    root: Path,
    aligned: CropSpec | None,
    detector: str = "auto",
    device: str = "cpu",
    limit: int | None = None,
    shard: str | None = None,
    executor: str = "serial",
    workers: int = 2,
    threads: int = 1,
    clips: str = "whole",
    frame_rate: float = 25.0,
    progress: Progress | None = None,
) -> int:
    """Make every image of ``run/pairs.csv``, or of a shard of it, that is not in the manifest yet.

    Args:
        clips: ``whole`` or ``frames``; see :class:`~eval.options.RunOptions`.
        frame_rate: frames a second of the clips.

    Returns:
        Pairs worked on.

    Raises:
        OptionError: two methods of one label, or a method that cannot be loaded.
    """
    names = [parse_method(m)[0] for m in methods]
    if len(set(names)) != len(names):
        raise OptionError(f"Two methods have the same label: {', '.join(names)}; use LABEL=SPEC.")
    total = count_pairs(run / "pairs.csv", limit=limit)
    manifest = run / "manifest.jsonl"
    done = done_pairs(manifest, names, total, check=run)
    done[:, ~pairs_of_shard(run / "pairs.csv", shard, limit=limit)] = True
    if done.all():
        return 0
    arguments: dict[str, Any] = {
        "run": run,
        "methods": list(methods),
        "root": root,
        "aligned": aligned,
        "detector": detector,
        "device": device,
        "threads": threads,
    }

    def jobs(unit: Sequence[Pair]) -> list[SwapJob]:
        return unit_jobs(unit, done, frame_rate=frame_rate if clips == "whole" else None)

    todo = int((~done).any(0).sum())
    count = 0
    remove_leftovers(run, deep=True)
    units = map(jobs, iterate_units(run / "pairs.csv", limit=limit))
    with RecordWriter(manifest) as writer:
        for records in run_jobs(units, _CardWriter, arguments, executor=executor, workers=workers):
            for record in records:
                writer.write(record)
            if not records:
                continue  # a frame that was only seen for those after it
            count += 1
            if progress is not None:
                progress(count, todo)
    return count


def unit_jobs(unit: Sequence[Pair], done: NDArray[np.bool_], *, frame_rate: float | None) -> list[SwapJob]:
    """What is left to do of pairs that belong together.

    Args:
        unit: a photo, or the frames of a clip.
        done: ``(methods, pairs)``, of the whole list.
        frame_rate: frames a second of a clip that is swapped as one; ``None`` swaps each frame by itself.

    Returns:
        Jobs in the order in which frames are shown. After an interruption a clip is seen from its beginning again.
    """
    is_whole = frame_rate is not None and unit[0].clip_key is not None
    moments = shown_order(unit, frame_rate=frame_rate or 1.0) if is_whole else [(pair, None) for pair in unit]
    jobs, awaited = [], np.zeros(len(done), np.bool_)
    after: Moment | None = None
    for pair, moment in reversed(moments):
        if moment is None or after is None or moment.clip != after.clip:
            awaited = np.zeros(len(done), np.bool_)
        wanted = ~done[:, pair.index]
        if wanted.any() or awaited.any():
            jobs.append(SwapJob(pair, tuple(wanted.tolist()), tuple(awaited.tolist()), moment))
        awaited, after = awaited | wanted, moment
    return jobs[::-1]


class _CardWriter(SwapWorker):
    """A worker that leaves its methods' cards in the run; every worker writes the same text."""

    def __init__(self, run: Path, **arguments: Any) -> None:
        super().__init__(run, **arguments)
        for name, card in self.cards().items():
            write_json(run / "methods" / f"{name}.json", card)
