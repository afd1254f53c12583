"""What runs is counted where it runs; live sessions have places."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from demo.work.live_sessions import LiveSessions
from demo.work.running import counted
from mobilefaceswap_core.errors import OptionError


@pytest.mark.parametrize("is_generator", [False, True])
def test_what_runs_is_counted_where_it_runs(is_generator: bool) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    def steps() -> Iterator[int]:
        for number in range(3):
            work()
            yield number

    limited = counted(steps if is_generator else work, threading.BoundedSemaphore(2))
    threads = [threading.Thread(target=lambda: list(limited()) if is_generator else limited()) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 2 and running == 0


def test_a_generator_that_nobody_reads_on_holds_no_place() -> None:
    slot = threading.BoundedSemaphore(1)
    abandoned = counted(lambda: (yield 1), slot)()
    assert next(abandoned) == 1
    assert slot.acquire(timeout=1)


def test_live_sessions_have_places_by_address_and_in_all_and_end_when_idle() -> None:
    sessions: Any = LiveSessions(8, most_s=60, idle_s=0.2)
    keys = [sessions.open(f"10.0.0.{number % 4}", object()) for number in range(8)]
    with pytest.raises(OptionError, match="2 live pictures at your address"):
        sessions.check("10.0.0.1")
    with pytest.raises(OptionError, match="All 8 places"):
        sessions.check("10.0.0.9")
    sessions.close(keys[0])
    sessions.check("10.0.0.9")
    for _ in range(6):
        time.sleep(0.1)
        assert sessions.swapper(keys[1]) is not None  # in use
    waited = time.monotonic()
    while len(sessions) > 1 and time.monotonic() - waited < 10:
        time.sleep(0.05)
        sessions.swapper(keys[1])
    assert len(sessions) == 1 and sessions.swapper(keys[2]) is None


def test_a_live_session_ends_by_the_clock_and_can_start_again() -> None:
    sessions: Any = LiveSessions(8, most_s=0.1)
    key = sessions.open("a", object())
    assert sessions.swapper(key) is not None
    time.sleep(0.15)
    with pytest.raises(OptionError, match="Live pictures end"):
        sessions.swapper(key)
    assert sessions.swapper(key) is not None
