"""Run the hostile cases one by one in a process that the operating system limits, and measure each.

The process is started again after a case that ends it. Seconds are of the processor, megabytes are what the process held at
most beyond what it held before.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MEMORY_MB = 1500  # of address space, beyond what the process has when everything is imported
CPU_S = 30  # for one case
_WAIT_S = 400  # for one case; a busy machine may take long for little
_ROOT = Path(__file__).parents[2]
_WARM = 3  # first calls of an entry load what later ones use, and are run twice


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case.

    Attributes:
        result: ``refused`` (an error of the package), ``answered``, or what went wrong.
        said: the error's text.
        seconds: of the processor.
        memory_mb: at most, beyond what was held before.
        passed: whether that is right, and nothing was lost or left.
    """

    entry: str
    name: str
    result: str
    said: str
    seconds: float
    memory_mb: float
    passed: bool


def run_all(wanted: Sequence[int] | None = None) -> list[Outcome]:
    """Run the cases of these numbers, all by default."""
    from .hostile_cases import all_cases

    cases = all_cases()
    waiting = list(range(len(cases)) if wanted is None else wanted)
    outcomes: list[Outcome] = []
    while waiting:
        done = list(_worker(waiting))
        outcomes += done
        waiting = waiting[len(done) :]
        if waiting and (not done or not done[-1].result.startswith("ended")):
            case = cases[waiting.pop(0)]
            outcomes.append(Outcome(case.entry, case.name, "ended the process", "", float(CPU_S), 0.0, False))
    return outcomes


def _worker(numbers: Sequence[int]) -> Iterable[Outcome]:
    """Start a process for these cases; yields until it is done or dies."""
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2", "MPLBACKEND": "Agg",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"TMPDIR": folder, "GRADIO_TEMP_DIR": f"{folder}/uploads", "MOBILEFACESWAP_CONFIG": folder}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.trust.hostile", *map(str, numbers)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=_ROOT, env=environment,
        )  # fmt: skip
        assert process.stdout is not None
        heard = time.monotonic()

        def watch() -> None:
            while process.poll() is None:
                if time.monotonic() - heard > _WAIT_S:
                    process.kill()
                time.sleep(1)

        threading.Thread(target=watch, daemon=True).start()
        for line in process.stdout:
            heard = time.monotonic()
            if line.startswith("{"):
                yield Outcome(**json.loads(line))
        process.wait()


def _main(numbers: Sequence[int]) -> None:
    """The process: runs cases and prints an outcome a line."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    from .hostile_cases import all_cases, pipeline, services
    from .hostile_evaluation import whole_run

    cases = all_cases()
    entries = {cases[number].entry for number in numbers}
    pipeline()
    if any(entry.startswith(("tab", "endpoint")) for entry in entries):
        services()
    if any(entry.endswith("of a run") for entry in entries):
        whole_run()
    told = os.dup(1)  # libraries print; outcomes go where they cannot
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    limit = (_status_mb("VmSize") + MEMORY_MB) * (1 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
    seen: dict[str, int] = {}
    for number in numbers:
        case = cases[number]
        while seen.get(case.entry, 0) < _WARM - 1:
            _run(case)
            seen[case.entry] = seen.get(case.entry, 0) + 1
        os.write(told, (json.dumps(asdict(_run(case))) + "\n").encode())


def _run(case: Any) -> Outcome:
    from mobilefaceswap_core.errors import SwapError

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "case"
        folder.mkdir()
        bystander = Path(place) / "bystander.png"
        bystander.write_bytes(b"keep me")
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu) + CPU_S, resource.RLIM_INFINITY))
        held = _status_mb("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest use of memory so far
        result, said = "answered", ""
        try:
            case.run(folder)
        except SwapError as error:
            result, said = "refused", str(error)
        except Exception as error:  # the finding of this whole exercise
            result, said = f"crashed: {type(error).__name__}", str(error)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds, memory = used.ru_utime + used.ru_stime - cpu, max(0.0, _status_mb("VmHWM") - held)
        if bystander.read_bytes() != b"keep me" or len(list(Path(place).iterdir())) != 2:
            result = "lost or left something outside"
        left = [path.name for path in folder.rglob("*") if path.name.startswith(".") or path.name.endswith(".partial")]
        left += [path.name for path in folder.glob("out.*") if result == "refused"]
        if left and result in ("answered", "refused"):
            result = f"left {left[0]}"
    passed = (result == "refused" and not case.must_answer) or (result == "answered" and not case.must_refuse)
    return Outcome(case.entry, case.name, result, said[:300], round(seconds, 2), round(memory, 1), passed)


def _status_mb(key: str) -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return int(fields[key].split()[0]) / 1024


def rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row a case."""
    return [
        {
            "entry": o.entry, "input": o.name, "result": o.result, "processor s": f"{o.seconds:.1f}",
            "memory MB": f"{o.memory_mb:.0f}", "right": "yes" if o.passed else "NO",
        }
        for o in outcomes
    ]  # fmt: skip


def by_entry(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row an entry: how many cases, what became of them, and the most time and memory that one took."""
    entries = dict.fromkeys(o.entry for o in outcomes)
    table = []
    for entry in (*entries, "all"):
        chosen = [o for o in outcomes if entry in (o.entry, "all")]
        table.append(
            {
                "entry": entry, "cases": len(chosen), "refused": sum(o.result == "refused" for o in chosen),
                "answered": sum(o.result == "answered" for o in chosen), "wrong": sum(not o.passed for o in chosen),
                "most processor s": f"{max(o.seconds for o in chosen):.1f}",
                "most memory MB": f"{max(o.memory_mb for o in chosen):.0f}",
            }
        )  # fmt: skip
    return table


if __name__ == "__main__":
    _main([int(number) for number in sys.argv[1:]])
