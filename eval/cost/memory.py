"""Peak memory of one method, measured in a process of its own: ``python -m eval.cost.memory METHOD``.

Within one process the allocator keeps what an earlier method used, and the peak is the largest of all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from mobilefaceswap_core.errors import BackendError, OptionError


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB (10^6 bytes).

    Attributes:
        idle_mb: after the libraries were imported, before the network was made.
        peak_mb: the most during making it and three calls with one frame.
    """

    idle_mb: float
    peak_mb: float

    @property
    def network_mb(self) -> float:
        """What the method adds to the libraries."""
        return max(self.peak_mb - self.idle_mb, 0.0)


def peak_memory(method: str, *, threads: int = 1, timeout_s: float = 300.0) -> Memory:
    """Measure in a child process.

    Raises:
        BackendError: the child failed or took too long; the message holds its last line.
    """
    command = [sys.executable, "-m", "eval.cost.memory", method, str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise BackendError(
            f"measuring the memory of {method} took more than {timeout_s:.0f} s; leave it out"
        ) from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BackendError(f"measuring the memory of {method} failed: {last}")
    return Memory(**json.loads(done.stdout.strip().splitlines()[-1]))


def _status_mb(field: str) -> float:
    """``VmRSS`` or ``VmHWM`` of this process. ``getrusage`` would do, but its peak is inherited from the parent."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except FileNotFoundError as error:
        raise BackendError("peak memory is read from /proc, which this system does not have") from error
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) * 1024 / 1e6


def measure_here(method: str, threads: int) -> Memory:
    """Import, note, build, call three times, note again. Meant for a fresh process."""
    from .networks import generator_candidates, generators, idn_candidates

    torch.set_num_threads(threads)
    if method == "student":
        import onnxruntime  # noqa: F401 - part of the idle figure

        idle = _status_mb("VmRSS")
        made = idn_candidates(device="cpu", batches=(1,), threads=threads)
        candidate = next(c for c in made if c.backend == "onnxruntime")
    else:
        timed = {item.method: item for item in generators()}
        if method not in timed:
            raise OptionError(f"unknown method {method!r}; wanted student, {', '.join(timed)}")
        idle = _status_mb("VmRSS")
        made = generator_candidates(timed[method], device="cpu", batches=(1,), precisions=(torch.float32,))
        candidate = next(made)
    for _ in range(3):
        candidate.run()
    return Memory(idle, _status_mb("VmHWM"))


if __name__ == "__main__":
    result = measure_here(sys.argv[1], int(sys.argv[2]))
    print(json.dumps({"idle_mb": result.idle_mb, "peak_mb": result.peak_mb}))
