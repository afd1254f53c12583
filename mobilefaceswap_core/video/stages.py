"""Generators on threads of their own, joined by bounded queues, with the time of each measured."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..runtime.memory import FreedMemory
from ..runtime.threads import give_way

_POLL_S = 0.05  # how soon a waiting thread notices that it should stop
# Between two times that free memory is given back. What is needed again then has to be cleared by the system first: with half a second a 1080p clip
# took 24.3 ms a frame instead of the 22.4 that it took with two, with five seconds 1 to 3 % less than with two, and each time as much memory.
_GIVE_BACK_S = 5.0


@dataclass(slots=True)
class StageTime:
    """Where a stage's time went.

    Attributes:
        name: of the stage.
        items: how many it gave on.
        busy_s: wall time at work.
        waiting_s: wall time waiting for input or for room in the next queue.
        cpu_s: processor time of the stage's own thread, without threads that encoders and networks start.
    """

    name: str
    items: int = 0
    busy_s: float = 0.0
    waiting_s: float = 0.0
    cpu_s: float = 0.0


class Stopped(Exception):
    """Raised inside a stage when the run is being stopped."""


class _End:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


Transform = Callable[[Iterator[Any]], Iterable[Any]]


class Feed(Iterator[Any]):
    """The input of a stage: an iterator over a queue that can also say whether more is there already."""

    def __init__(self, source: queue.Queue[Any], stop: threading.Event, spent: StageTime) -> None:
        self._queue, self._stop, self._spent, self._ended = source, stop, spent, False

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        started = time.perf_counter()
        item = _get(self._queue, self._stop)
        self._spent.waiting_s += time.perf_counter() - started
        if isinstance(item, _End):
            self._ended = True
            if item.error is not None:
                raise item.error
            raise StopIteration
        return item

    def ready(self) -> bool:
        """Whether the next item is there without waiting."""
        return not self._ended and not self._queue.empty()


@contextlib.contextmanager
def run_stages(
    stages: Sequence[tuple[str, Transform]], *, depth: int, stop: threading.Event
) -> Iterator[tuple[Iterator[Any], list[StageTime]]]:
    """Run stages one behind the other.

    Args:
        stages: name and generator function of each; the first gets an empty input.
        depth: items that may wait between two stages.
        stop: ends all stages when set; set by this function when the block is left.

    Yields:
        The last stage's items, and the stages' times (complete when the items are used up). The error of any stage is
        raised from the items. When the block is left all threads have ended.
    """
    times = [StageTime(name) for name, _ in stages]
    queues: list[queue.Queue[Any]] = [queue.Queue(maxsize=depth) for _ in stages]
    threads = []
    for number, (name, transform) in enumerate(stages):
        feed: Iterator[Any] = Feed(queues[number - 1], stop, times[number]) if number else iter(())
        arguments = (transform, feed, queues[number], stop, times[number], len(stages) - 1 - number)
        threads.append(threading.Thread(target=_run, args=arguments, name=f"video-{name}", daemon=True))
    for thread in threads:
        thread.start()
    ignored = StageTime("result")
    try:
        yield Feed(queues[-1], stop, ignored), times
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _run(
    transform: Transform, feed: Iterator[Any], out: queue.Queue[Any], stop: threading.Event, spent: StageTime,
    behind: int,
) -> None:  # fmt: skip
    started, cpu = time.perf_counter(), time.thread_time()
    end, freed = _End(), FreedMemory(interval_s=_GIVE_BACK_S)
    try:
        give_way(behind)
        for item in transform(feed):
            if not behind:  # what the last stage gives on has just been freed
                freed.give_back()
            waited = time.perf_counter()
            _put(out, item, stop)
            spent.waiting_s += time.perf_counter() - waited
            spent.items += 1
    except Stopped:
        return
    except BaseException as error:
        end = _End(error)
    finally:
        spent.busy_s = time.perf_counter() - started - spent.waiting_s
        spent.cpu_s = time.thread_time() - cpu
    with contextlib.suppress(Stopped):
        _put(out, end, stop)


def _get(source: queue.Queue[Any], stop: threading.Event) -> Any:
    while not stop.is_set():
        try:
            return source.get(timeout=_POLL_S)
        except queue.Empty:
            continue
    raise Stopped


def _put(target: queue.Queue[Any], item: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            target.put(item, timeout=_POLL_S)
            return
        except queue.Full:
            continue
    raise Stopped
