"""What many live visitors, or many pairs of an evaluation, need: a simulation, and the page that it writes.

    python -m docs.scale          # prints the tables
    python -m docs.scale write    # writes docs/scale.md

Costs of the stages were measured (``docs/stage_costs.json``, by ``python -m tests.stage_costs``); what visitors and networks do is
assumed (:class:`Assumed`). Everything is drawn from one seed, so the page is the same each time; a test compares the two.
"""

from __future__ import annotations

import heapq
import json
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template

from demo.settings import Settings

PAGE = Path(__file__).with_name("scale.md")
COSTS: dict[str, Any] = json.loads(Path(__file__).with_name("stage_costs.json").read_text(encoding="utf-8"))
MILLION = 1_000_000
_HOST = Settings()  # as it ships


@dataclass(frozen=True, slots=True)
class Assumed:
    """What was not measured."""

    visitors: int = 1000  # at the same time
    least_share: float = 0.8  # of the pictures a second that a visitor alone on the host gets
    most_ms: float = _HOST.live_budget_ms  # 95 % of the answers come within
    away_ms: float = 60.0  # on the way between browser and host, there and back
    looks_every_ms: float = 33.0  # the browser sends a newer picture after so long (demo/ui/live.py)
    turn_s: float = _HOST.live_seconds  # everybody stays that long
    methods: int = 5  # of the evaluation
    sources: int = 10_000  # distinct ones among a million pairs
    bytes_per_s: float = 100e6  # of a shared disk, reading and writing together


ASSUMED = Assumed()


@dataclass(frozen=True, slots=True)
class Served:
    """How a host's visitors fare.

    Attributes:
        per_second: pictures that a visitor gets.
        median_ms: from a picture's arrival at the host to its answer; p95_ms: of 95 % of them.
        loop_share: of the time in which the one event loop works; core_share: of all cores.
    """

    per_second: float
    median_ms: float
    p95_ms: float
    loop_share: float
    core_share: float


def serve(
    visitors: int, cores: int, frame_ms: Sequence[float], loop_ms: float, *, seconds: float = 8.0, seed: int = 0,
    assumed: Assumed = ASSUMED,
) -> Served:  # fmt: skip
    """Simulate one process of the page whose visitors send the next picture once the last one is back.

    A picture passes the event loop, which is one for the process, then the networks on any core, then the loop again. The loop works
    on a core too. Whoever comes first is served first, everywhere.

    Args:
        visitors: at the same time.
        cores: of the host.
        frame_ms: times of the networks, of which one is drawn for every picture.
        loop_ms: of the loop for a picture, half before and half after.
        seconds: simulated, after one more that is not counted.
        seed: of everything drawn.
        assumed: what was not measured.
    """
    draw = random.Random(seed)
    free, loop_free, now, begin, end = [0.0] * cores, 0.0, 0.0, 1000.0, 1000.0 * (1 + seconds)
    loop_busy = core_busy = 0.0
    latencies: list[float] = []
    # When, in which order, at which step, and since when the picture is here.
    events: list[tuple[float, int, int, float]] = [(draw.uniform(0, 200), n, 0, 0.0) for n in range(visitors)]
    heapq.heapify(events)
    number = visitors
    while events and (now := events[0][0]) < end:
        _, _, step, arrived = heapq.heappop(events)
        takes = draw.choice(frame_ms) if step == 1 else loop_ms / 2
        starts = now if step == 1 else max(now, loop_free)
        core = _core(free, starts)
        starts = max(starts, free[core])
        done = free[core] = starts + takes
        worked = min(done, end) - min(starts, end)  # what comes later is nothing of this time
        core_busy += worked
        if step != 1:
            loop_free, loop_busy = done, loop_busy + worked
        number += 1
        if step < 2:
            heapq.heappush(events, (done, number, step + 1, now if step == 0 else arrived))
            continue
        if begin <= done < end:
            latencies.append(done - arrived)
        back = done + assumed.away_ms + draw.uniform(0, assumed.looks_every_ms)
        heapq.heappush(events, (back, number, 0, 0.0))
    latencies.sort()
    return Served(
        len(latencies) / seconds / visitors, _at(latencies, 0.5), _at(latencies, 0.95), loop_busy / end, core_busy / end / cores
    )  # fmt: skip


def _core(free: Sequence[float], starts: float) -> int:
    """The core that became free last among those that are; otherwise the one that will be first."""
    idle = [core for core, since in enumerate(free) if since <= starts]
    return max(idle, key=free.__getitem__) if idle else min(range(len(free)), key=free.__getitem__)


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.inf


def most_visitors(
    cores: int, frame_ms: Sequence[float], loop_ms: float, assumed: Assumed = ASSUMED
) -> tuple[int, Served]:
    """How many visitors one process serves well, and how they fare; zero if one alone waits too long already."""

    def fare(visitors: int) -> Served:
        return serve(visitors, cores, frame_ms, loop_ms, assumed=assumed)

    least = assumed.least_share * fare(1).per_second

    def well(served: Served) -> bool:
        return served.per_second >= least and served.p95_ms <= assumed.most_ms

    picture_ms = sum(frame_ms) / len(frame_ms) + loop_ms
    low, high = 0, 2 + int(1000 / least * min(cores / picture_ms, 1 / max(loop_ms, 1e-9)))
    while high - low > 1:  # more visitors are never served better
        middle = (low + high) // 2
        low, high = (middle, high) if well(fare(middle)) else (low, middle)
    return low, fare(max(1, low))


def waits(
    arrivals_per_s: float, stays_s: float, lines: int, places: int, *, count: int = 20_000, seed: int = 0,
    length_s: Callable[[random.Random], float] | None = None,
) -> list[float]:  # fmt: skip
    """Seconds that visitors wait for a place, sorted; they come at random and choose one of some lines at random.

    Args:
        arrivals_per_s: of all lines together.
        stays_s: how long everybody stays.
        lines: of waiting visitors, each with places of its own; one is a queue in front of everything.
        places: of one line.
        count: visitors; a tenth more come before and are not counted.
        seed: of everything drawn.
        length_s: of a stay, drawn; ``stays_s`` if not given.
    """
    draw, now, waited = random.Random(seed), 0.0, []
    free = [[0.0] * places for _ in range(lines)]
    for number in range(count + count // 10):
        now += draw.expovariate(arrivals_per_s)
        line = free[draw.randrange(lines)]
        starts = max(now, heapq.heappop(line))
        heapq.heappush(line, starts + (length_s(draw) if length_s else stays_s))
        if number >= count // 10:
            waited.append(starts - now)
    return sorted(waited)


def judged(workers: int, pair_ms: float, driver_ms: float, *, rounds: int = 40, seed: int = 0) -> tuple[float, float]:
    """Pairs a second of workers that one driver hands pairs to and takes records from, and the share in which the driver works.

    Args:
        workers: each works on one pair, and has the next one waiting.
        pair_ms: of a pair, drawn from an exponential around a fixed half of it.
        driver_ms: of the driver for a pair.
        rounds: pairs that each worker does.
        seed: of everything drawn.
    """
    draw, driver_free, total = random.Random(seed), 0.0, workers * rounds
    free = [0.0] * workers
    answers: list[tuple[float, int]] = [(0.0, worker) for _ in range(2) for worker in range(workers)]
    begun, first = 0.0, total // 4  # by then the first pairs, handed out all at once, are past
    for number in range(total):
        at, worker = heapq.heappop(answers)
        driver_free = max(at, driver_free) + driver_ms
        if number == first:
            begun = driver_free
        takes = pair_ms / 2 + draw.expovariate(2 / pair_ms)
        free[worker] = max(driver_free, free[worker]) + takes
        heapq.heappush(answers, (free[worker], worker))
    pairs, lasted = total - 1 - first, driver_free - begun
    return 1000 * pairs / lasted, pairs * driver_ms / lasted


def loop_ms(costs: Any = COSTS) -> float:
    """What a live picture takes of the server besides the networks: Gradio's queue, JPEG and base64, both ways."""
    frame = costs["live"]["frame_ms"]
    return max(0.0, float(costs["page"]["picture_ms"]) - sum(frame) / len(frame))


def pair_ms(costs: Any = COSTS, methods: int = ASSUMED.methods) -> tuple[float, float]:
    """Processor time of a pair with so many methods: swapping, judging."""
    swaps = list(costs["swap"]["swap_ms"].values())
    return methods * sum(swaps) / len(swaps), costs["judge"]["target_ms"] + methods * costs["judge"]["result_ms"]


@cache
def hosts() -> dict[int, tuple[int, Served]]:
    """Visitors that one process serves well, and how they fare, by cores."""
    return {cores: most_visitors(cores, COSTS["live"]["frame_ms"], loop_ms()) for cores in (1, 2, 4, 8)}


def live_table() -> str:
    """Processes of the page for all visitors, by cores of each."""
    rows = [
        "| cores of a process | visitors it serves | pictures a second each | 95 % within | event loop busy | cores busy | processes | cores in all "
        "| memory in all |",
        "|" + "---|" * 9,
    ]
    for cores, (visitors, fare) in hosts().items():
        if not visitors:
            rows.append(f"| {cores} | none | {fare.per_second:.1f} | {fare.p95_ms:.0f} ms | | | | | |")
            continue
        count = math.ceil(ASSUMED.visitors / visitors)
        memory_gb = count * (COSTS["page"]["server_mb"] + visitors * COSTS["live"]["session_mb"]) / 1e3
        rows.append(
            f"| {cores} | {visitors} | {fare.per_second:.1f} | {fare.p95_ms:.0f} ms | {fare.loop_share:.0%} | {fare.core_share:.0%} "
            f"| {count} | {count * cores} | {memory_gb:.0f} GB |"
        )
    return "\n".join(rows)


def best_host() -> tuple[int, int]:
    """Cores of the process with which all visitors need the fewest cores, of those the largest, and the visitors that one serves."""
    able = {cores: visitors for cores, (visitors, _) in hosts().items() if visitors}
    cores = min(able, key=lambda each: (each * math.ceil(ASSUMED.visitors / able[each]), -each))
    return cores, able[cores]


def queue_table() -> str:
    """Waiting for a turn, with a line before every process and with one line before all."""
    places = best_host()[1]
    rows = [
        "| places | as one line before all | | as a line before each process | |",
        "|---|---|---|---|---|",
        "| | wait at all | 95 % start within | wait at all | 95 % start within |",
    ]
    for spare in (0.02, 0.1, 0.25, 0.5):
        count = math.ceil(ASSUMED.visitors * (1 + spare) / places)
        cells = []
        for lines, each in ((1, count * places), (count, places)):
            waited = waits(ASSUMED.visitors / ASSUMED.turn_s, ASSUMED.turn_s, lines, each)
            share = sum(wait > 0.5 for wait in waited) / len(waited)
            cells.append(f"{share:.0%} | {_at(waited, 0.95):.0f} s")
        rows.append(f"| {count * places} (+{spare:.0%}) | {' | '.join(cells)} |")
    return "\n".join(rows)


def pairs_table() -> str:
    """A million pairs by workers."""
    swap_ms, judge_ms = pair_ms()
    moved = 2 * ASSUMED.methods * COSTS["swap"]["image_bytes"]  # written by one stage, read by the other
    rows = ["| workers | pairs a second | driver busy | disk | a million pairs | memory |", "|" + "---|" * 6]
    for workers in (2, 16, 64, 256, 1024):
        rate, share = judged(workers, swap_ms + judge_ms, COSTS["driver"]["pair_ms"])
        memory_gb = workers * max(COSTS["swap"]["swap_mb"], COSTS["judge"]["judge_mb"]) / 1e3
        rows.append(
            f"| {workers} | {rate:.1f} | {share:.0%} | {rate * moved / 1e6:.0f} MB/s | {_days(MILLION / rate)} | {memory_gb:.0f} GB |"
        )
    return "\n".join(rows)


def _days(seconds: float) -> str:
    hours = seconds / 3600
    return (
        f"{hours / 24:.0f} days" if hours > 72 else f"{hours:.0f} hours" if hours > 2 else f"{60 * hours:.0f} minutes"
    )


def inputs_table() -> str:
    """What was measured."""
    live, page, swap, judge, driver = (COSTS[part] for part in ("live", "page", "swap", "judge", "driver"))
    frame, (width, height) = live["frame_ms"], live["pixels"]
    swaps = ", ".join(f"{name} {value:.0f}" for name, value in swap["swap_ms"].items())
    rows = [
        (f"a live picture of {width} x {height} px with one face, `LiveSwapper`", f"{sum(frame) / len(frame):.0f} ms; tenths from {frame[0]:.0f} to {frame[-1]:.0f}"),
        ("the same through the whole page, camera to picture", f"{page['picture_ms']:.0f} ms, so {loop_ms():.0f} ms beside the networks; {page['sent']:.0f} pictures a second came, {page['per_second']:.0f} were worked on"),
        ("a source, once a visitor", f"{live['source_ms']:.0f} ms"),
        ("memory of the page with its networks; of one more live visitor", f"{page['server_mb']} MB; {live['session_mb']:.0f} MB"),
        ("a pair of the photos that ship, swapped and written, by method", f"{swaps} ms"),
        ("its target judged; one result of it judged", f"{judge['target_ms']:.0f} ms; {judge['result_ms']:.0f} ms"),
        ("a source measured for the gallery", f"{judge['source_ms']:.0f} ms"),
        ("what hands out pairs and writes records, with Ray, for a pair", f"{driver['pair_ms']:.1f} ms"),
        ("memory of a worker: swapping; judging", f"{swap['swap_mb']} MB; {judge['judge_mb']} MB"),
        ("a swapped picture; a record", f"{swap['image_bytes'] / 1e3:.0f} kB; {judge['record_bytes'] / 1e3:.1f} kB"),
    ]  # fmt: skip
    return "\n".join(
        ["| measured | processor time or size |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]
    )


TABLES: dict[str, Callable[[], str]] = {
    "inputs": inputs_table, "live": live_table, "queue": queue_table, "pairs": pairs_table,
}  # fmt: skip


def numbers() -> dict[str, Any]:
    """What the page's sentences say."""
    cores, visitors = best_host()
    fare = hosts()[cores][1]
    swap_ms, judge_ms = pair_ms()
    moved = 2 * ASSUMED.methods * COSTS["swap"]["image_bytes"]
    frame = COSTS["live"]["frame_ms"]
    picture_ms = sum(frame) / len(frame) + loop_ms()
    alone = serve(1, 2, frame, loop_ms()).per_second
    shards = 64
    return {
        "assumed": ASSUMED, "host": _HOST, "costs": COSTS, "cores": cores, "visitors": visitors,
        "processes": math.ceil(ASSUMED.visitors / visitors), "alone": alone, "rate": fare.per_second,
        "least_cores": math.ceil(ASSUMED.visitors * fare.per_second * picture_ms / 1e3),
        "picture_ms": picture_ms, "loop_most": 1e3 / loop_ms(), "loop_visitors": int(1e3 / loop_ms() / fare.per_second),
        "loop_cores": picture_ms / loop_ms(), "sources_cores": ASSUMED.visitors / ASSUMED.turn_s * COSTS["live"]["source_ms"] / 1e3,
        "core_days": MILLION * (swap_ms + judge_ms) / 1e3 / 86_400, "swap_share": swap_ms / (swap_ms + judge_ms),
        "images_tb": MILLION * moved / 2 / 1e12, "records_gb": MILLION * ASSUMED.methods * COSTS["judge"]["record_bytes"] / 1e9,
        "disk_workers": ASSUMED.bytes_per_s / moved * (swap_ms + judge_ms) / 1e3,
        "driver_workers": (swap_ms + judge_ms) / COSTS["driver"]["pair_ms"], "driver_rate": 1e3 / COSTS["driver"]["pair_ms"],
        "gallery_minutes": ASSUMED.sources * COSTS["judge"]["source_ms"] / 6e4, "shards": shards,
        "shard_hours": MILLION / shards * (swap_ms + judge_ms) / 3.6e6,
    }  # fmt: skip


def text() -> str:
    """The whole page."""
    template = Template(
        PAGE.with_suffix(".md.j2").read_text(encoding="utf-8"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return template.render(numbers() | {name: table() for name, table in TABLES.items()})


def main() -> None:
    """Command line."""
    if sys.argv[1:] == ["write"]:
        PAGE.write_text(text(), encoding="utf-8")
        print(PAGE)
    else:
        print("\n\n".join(table() for table in TABLES.values()))


if __name__ == "__main__":
    main()
