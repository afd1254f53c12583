"""Time of one call, measured so that methods share the machine's noise.

Every round runs every candidate once, in an order that rotates from round to round, after a warm-up that is thrown away. A
disturbance of the machine then falls on all of them alike, and what is compared is the ratio of medians.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mobilefaceswap_core.errors import OptionError

_FEWEST = 3  # a median of fewer rounds is a single call


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to time.

    Attributes:
        method: name of the row it belongs to.
        backend: library and arithmetic, such as ``pytorch float32``.
        device: ``cpu`` or ``cuda``.
        batch: frames per call.
        run: one call; it must return after the device has finished.
    """

    method: str
    backend: str
    device: str
    batch: int
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Latency:
    """Time per call in milliseconds.

    Attributes:
        median_ms: of all rounds.
        low_ms: 10th percentile; high_ms: 90th.
        rounds: calls measured, the warm-up left out.
    """

    method: str
    backend: str
    device: str
    batch: int
    median_ms: float
    low_ms: float
    high_ms: float
    rounds: int

    @property
    def frames_per_second(self) -> float:
        return 1000.0 * self.batch / self.median_ms


def measure(
    candidates: Sequence[Candidate],
    *,
    rounds: int = 10,
    warm_up: int = 2,
    limit_s: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Latency]:
    """Time all candidates, interleaved.

    Args:
        candidates: what to time; each is called ``warm_up + rounds`` times.
        rounds: measured rounds.
        warm_up: rounds thrown away: first calls allocate, choose kernels and fill caches.
        limit_s: stop after the round that passes this time, but not before three measured rounds.
        clock: seconds.

    Returns:
        One result per candidate, in order.
    """
    if rounds < 1 or warm_up < 0:
        raise OptionError(f"at least one round is needed and a warm-up is not negative; got {rounds} and {warm_up}")
    seconds = np.zeros((rounds, len(candidates)))
    begun, done = clock(), 0
    for number in range(-warm_up, rounds):
        if limit_s is not None and done >= _FEWEST and clock() - begun > limit_s:
            break
        done = number + 1
        for position in range(len(candidates)):
            index = (position + number) % len(candidates)
            started = clock()
            candidates[index].run()
            if number >= 0:
                seconds[number, index] = clock() - started
    low, median, high = np.percentile(seconds[:done] * 1000.0, [10, 50, 90], axis=0)
    return [
        Latency(c.method, c.backend, c.device, c.batch, float(m), float(lo), float(hi), done)
        for c, lo, m, hi in zip(candidates, low, median, high, strict=True)
    ]


def best_batch(results: Sequence[Latency]) -> dict[tuple[str, str, str], Latency]:
    """The batch with the most frames per second, by method, backend and device."""
    best: dict[tuple[str, str, str], Latency] = {}
    for result in results:
        key = (result.method, result.backend, result.device)
        if key not in best or result.frames_per_second > best[key].frames_per_second:
            best[key] = result
    return best


def ratios_to(results: Sequence[Latency], method: str) -> dict[tuple[str, str, str], float]:
    """Median time at batch 1 over the named method's fastest median at batch 1 on the same device."""
    single = [result for result in results if result.batch == 1]
    base: dict[str, float] = {}
    for result in single:
        if result.method == method:
            base[result.device] = min(result.median_ms, base.get(result.device, float("inf")))
    return {(r.method, r.backend, r.device): r.median_ms / base[r.device] for r in single if r.device in base}


def finished(call: Callable[[], object], device: str) -> Callable[[], object]:
    """The call, returning only when the device is idle again."""
    if not device.startswith("cuda"):
        return call

    def run() -> None:
        call()
        torch.cuda.synchronize()

    return run
