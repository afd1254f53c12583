"""What one live picture and one evaluated pair cost in processor time and memory: the measured inputs of ``docs/scale.md``.

    python -m tests.stage_costs           # measures all parts, some minutes, and writes docs/stage_costs.json
    python -m tests.stage_costs live      # some parts alone: live, page, swap, judge, driver; the others stay as they were

Times are processor times with one thread a network, so that other work on the machine moves them little. Each part has a process
of its own, whose peak memory is its own. ``page`` needs Chromium, ``driver`` Ray; what is missing stays as it was.
"""

from __future__ import annotations

import datetime
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "stage_costs.json"
FRAMES, SESSIONS, PAIRS, MESSAGES = 120, 12, 12, 3000
PASSES, WINDOWS, WINDOW_S = 4, 5, 4
METHODS = ("target", "target-jpeg", "student", "teacher", "graphics")  # those of `python -m eval run`


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of processor time, all threads."""
    started = time.process_time()
    call()
    return 1e3 * (time.process_time() - started)


def tenths(times: Sequence[float]) -> list[float]:
    """The mean of each tenth, shortest first: a distribution to draw from."""
    return [round(float(part.mean()), 2) for part in np.array_split(np.sort(np.asarray(times)), 10)]


def live() -> dict[str, Any]:
    """Pictures of a camera through the live swapper, and its memory."""
    from mobilefaceswap_core.files.images import read_image
    from mobilefaceswap_core.options import swap_options
    from mobilefaceswap_core.pipeline import Pipeline
    from mobilefaceswap_core.video import LiveSwapper
    from tests.fakes.built_page import PORTRAITS, swaying

    frames = swaying(FRAMES)  # what the fake camera of `page` shows
    pipeline = Pipeline.load("student", "lite", "cpu", threads=1, video=True)
    photo = read_image(PORTRAITS[1]).image

    def session() -> LiveSwapper:
        options = swap_options({"badge": True})
        return LiveSwapper(pipeline, pipeline.prepare_source([photo]), budget_ms=1e6, options=options)

    swapper = session()
    for frame in frames[:20]:
        swapper.process(frame)
    # The same pictures several times: what other work added to one passes by the next time.
    passes = [[timed(lambda frame=frame: swapper.process(frame)) for frame in frames] for _ in range(PASSES)]  # type: ignore[misc]
    times = np.min(passes, axis=0).tolist()
    source = statistics.median(timed(lambda: pipeline.prepare_source([photo])) for _ in range(5))
    jpeg = cv2.imencode(".jpg", frames[0])[1].tobytes()
    read = statistics.median(timed(lambda: read_image(jpeg)) for _ in range(20))
    before, kept = resident_mb(), []
    for _ in range(SESSIONS):
        kept.append(session())
        kept[-1].process(frames[0])
    return {
        "frame_ms": tenths(times), "source_ms": round(source, 1), "read_jpeg_ms": round(read, 2),
        "session_mb": round((resident_mb() - before) / SESSIONS, 1), "pixels": list(frames[0].shape[1::-1]), "network": pipeline.swapper.info.device,
    }  # fmt: skip


def page() -> dict[str, Any]:
    """One visitor's camera through the whole page: the server's processor time for a picture, and its memory."""
    from tests.fakes.built_page import PORTRAITS, chromium, write_camera
    from tests.trust.visitors import served

    with tempfile.TemporaryDirectory() as place:
        temporary = Path(place) / "temporary"
        temporary.mkdir()
        flags = ["--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                 f"--use-file-for-fake-video-capture={write_camera(Path(place) / 'camera.mjpeg')}"]  # fmt: skip
        with served(temporary, request_rate=1000) as server, chromium(*flags) as browser:
            view = browser.new_page()
            view.set_default_timeout(120_000)
            sent: list[str] = []
            view.on("request", lambda asked: sent.append(asked.url) if asked.url.endswith("/live/picture") else None)
            view.goto(f"{server.url}?tab=live")
            own = Path(place) / "own.png"  # one that ships would need no consent
            cv2.imwrite(str(own), cv2.imread(str(PORTRAITS[1])))
            view.set_input_files("#live-source input[type=file]", str(own))
            view.wait_for_selector("#live-source img")
            view.click("#live-ready")
            view.click("#agree-live")
            view.get_by_text(re.compile("Ready")).first.wait_for()
            view.click("#live-start")
            view.get_by_text(re.compile(r"[1-9]\d*\.\d pictures a second")).wait_for()
            pid, taken = server.process.pid, []
            # The browser sends pictures that are not worked on, for newer ones came: the read-out counts the others.
            for _ in range(WINDOWS):
                before, rates, begun = processor_s(pid), [], len(sent)
                for _ in range(WINDOW_S):
                    view.wait_for_timeout(1000)
                    rates.append(float(re.search(r"([\d.]+) pictures", view.inner_text("#live-stats"))[1]))  # type: ignore[index]
                spent = 1e3 * (processor_s(pid) - before)
                taken.append((spent / sum(rates), statistics.fmean(rates), (len(sent) - begun) / WINDOW_S))
            picture_ms, rate, came = min(taken)
            return {
                "picture_ms": round(picture_ms, 1), "per_second": round(rate, 1), "sent": round(came, 1), "server_mb": round(resident_mb(pid)),
            }  # fmt: skip


def swap() -> dict[str, Any]:
    """Pairs of the photos that ship, swapped by each method."""
    from eval.pairs import iterate_pairs
    from eval.run_files import read_run
    from eval.swap import SwapJob, SwapWorker

    with prepared() as run:
        worker = SwapWorker(run, list(METHODS), Path(read_run(run)["root"]), None, "auto", "cpu", 1)
        pairs = list(iterate_pairs(run / "pairs.csv", limit=PAIRS))
        times = {}
        for number, name in enumerate(METHODS):
            wanted = tuple(each == number for each in range(len(METHODS)))
            worker.run(SwapJob(pairs[0], wanted))
            times[name] = [timed(lambda pair=pair: worker.run(SwapJob(pair, wanted))) for pair in pairs]  # type: ignore[misc]  # noqa: B023
        images = [path.stat().st_size for path in (run / "swapped").rglob("*.png")]
        return {
            "swap_ms": {name: round(statistics.fmean(values), 1) for name, values in times.items()},
            "swap_mb": peak_mb(), "image_bytes": round(statistics.fmean(images)),
        }  # fmt: skip


def judge() -> dict[str, Any]:
    """Sources and pairs of the same photos, measured by the default judges."""
    from eval.gallery import load_gallery
    from eval.judge_worker import PairWorker, SourceWorker
    from eval.pairs import iterate_pairs
    from eval.records import encode, write_json
    from eval.run import judges_of, options_of
    from eval.run_files import read_run
    from eval.swap import run_swap

    methods = ("target", "target-jpeg", "graphics")  # what a result costs to judge is not the method's doing
    with prepared() as run:
        root = Path(read_run(run)["root"])
        run_swap(run, methods, root=root, aligned=None, limit=PAIRS)
        options = judges_of(options_of(run))
        pairs = list(iterate_pairs(run / "pairs.csv", limit=PAIRS))
        sources = SourceWorker(run, root, options)
        write_json(run / "judges.json", sources.cards())
        known = {pair.source: pair.source_identity for pair in pairs}
        lines: list[str] = []
        taken = [timed(lambda job=job: lines.extend(map(encode, sources.run(job)))) for job in known.items()]  # type: ignore[misc]
        (run / "gallery.jsonl").write_text("\n".join(lines) + "\n")
        names = [one.info for one in sources.panel.judges]
        write_json(run / "gallery.json", load_gallery(run, names).summary())
        worker = PairWorker(run, root, options)
        alone, together, records = [], [], []
        for pair in pairs:
            alone.append(timed(lambda pair=pair: worker.run((pair, []))))  # type: ignore[misc]
            made = [(name, True) for name in methods]
            together.append(timed(lambda pair=pair, made=made: records.extend(worker.run((pair, made)))))  # type: ignore[misc]
        sizes = [len(encode(one.record)) + 1 for one in records]
        return {
            "source_ms": round(statistics.fmean(taken[1:]), 1), "target_ms": round(statistics.fmean(alone[1:]), 1),
            "result_ms": round(statistics.fmean(together) / len(methods), 1), "judge_mb": peak_mb(),
            "record_bytes": round(statistics.fmean(sizes)), "source_bytes": round(statistics.fmean(map(len, lines))),
        }  # fmt: skip


class Instant:
    """A worker of the executors that answers at once, with what a record of a pair looks like."""

    def __init__(self) -> None:
        self._answer = [
            {"method": "m", "pair": 0, "status": "ok", "values": {f"value {n}": n / 7 for n in range(60)}}
        ] * 5

    def run(self, job: int) -> list[dict[str, Any]]:
        return self._answer


def driver() -> dict[str, Any]:
    """What the process that hands out pairs and writes records does for each pair, with Ray."""
    from eval.executors import run_jobs
    from eval.records import RecordWriter

    with tempfile.TemporaryDirectory() as place, RecordWriter(Path(place) / "records.jsonl") as writer:
        begun, units = 0.0, ([job] for job in range(MESSAGES + 100))
        for done, records in enumerate(run_jobs(units, Instant, {}, executor="ray", workers=1)):
            if done == 100:  # Ray has started
                begun = time.process_time()
            for record in records:
                writer.write(record)
        return {"pair_ms": round(1e3 * (time.process_time() - begun) / MESSAGES, 2)}


@contextmanager
def prepared() -> Iterator[Path]:
    """A begun run over the photos that ship."""
    from eval.options import RunOptions
    from eval.run import prepare

    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        prepare(run, RunOptions(dataset="builtin", methods=METHODS, pairs=PAIRS), resume=False, say=lambda _: None)
        yield run


def processor_s(pid: int) -> float:
    """Processor time of a process so far."""
    import os

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int | str = "self") -> float:
    """Memory that a process holds, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def peak_mb() -> int:
    """The most that this process has held, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "live": live, "page": page, "swap": swap, "judge": judge, "driver": driver,
}  # fmt: skip


def main() -> None:
    """Command line."""
    match sys.argv[1:]:
        case ["--print", part]:  # in a process of its own
            print(json.dumps(PARTS[part]()))
            return
        case names:
            wanted = names or list(PARTS)
    from eval.cost.report import describe_machine

    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    for name in wanted:
        done = subprocess.run(
            [sys.executable, "-m", "tests.stage_costs", "--print", name], cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            print(f"{name} was not measured: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            continue
        kept[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(name, kept[name], file=sys.stderr)
    machine = describe_machine(1)
    kept["machine"] = {key: machine[key] for key in ("processor", "system", "libraries")}
    kept["date"] = datetime.datetime.now(datetime.UTC).date().isoformat()
    KEPT.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
