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
from mobilefaceswap_core.runtime.memory import FreedMemory


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

    limited = counted(steps if is_generator else work, threading.BoundedSemaphore(2), FreedMemory())
    threads = [threading.Thread(target=lambda: list(limited()) if is_generator else limited()) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 2 and running == 0


def test_a_generator_that_nobody_reads_on_holds_no_place() -> None:
    slot = threading.BoundedSemaphore(1)
    abandoned = counted(lambda: (yield 1), slot, FreedMemory())()
    assert next(abandoned) == 1
    assert slot.acquire(timeout=1)


@pytest.mark.parametrize("ends", ["result", "error", "steps", "closed"])
def test_memory_is_given_back_when_a_visit_is_over(ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    monkeypatch.setattr(FreedMemory, "give_back", lambda self, *, later=False: given.append(later))
    slot, freed = threading.BoundedSemaphore(1), FreedMemory()

    def work() -> int:
        assert not given, "not before it is done"
        if ends == "error":
            raise OptionError("no")
        return 1

    def steps() -> Iterator[int]:
        yield work()

    if ends == "error":
        with pytest.raises(OptionError):
            counted(work, slot, freed)()
    elif ends == "result":
        assert counted(work, slot, freed)() == 1
    else:
        running = counted(steps, slot, freed)()
        assert next(running) == 1
        running.close() if ends == "closed" else list(running)
    assert given == [True]


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
        assert is_swapped(sessions, keys[1])  # in use
    waited = time.monotonic()
    while len(sessions) > 1 and time.monotonic() - waited < 10:
        time.sleep(0.05)
        is_swapped(sessions, keys[1])
    assert len(sessions) == 1
    with sessions.picture(keys[2]) as turn:
        assert turn is None


def is_swapped(sessions: LiveSessions, key: str) -> bool:
    with sessions.picture(key) as turn:
        return turn is not None and turn.swapper is not None


def before(sessions: LiveSessions, key: str) -> int:
    """How many turns come first."""
    with sessions.picture(key) as turn:
        assert turn is not None
        return turn.before


def test_a_live_turn_ends_by_the_clock_and_can_start_again() -> None:
    sessions: Any = LiveSessions(8, most_s=0.1)
    key = sessions.open("a", object())
    assert is_swapped(sessions, key)
    time.sleep(0.15)
    with pytest.raises(OptionError, match="Live pictures end"):
        is_swapped(sessions, key)
    assert is_swapped(sessions, key)


def test_live_turns_go_to_whoever_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("demo.work.live_sessions.time.monotonic", lambda: now[0])
    sessions: Any = LiveSessions(8, streams=1, most_s=2)
    first, second, third = (sessions.open(name, object()) for name in "abc")
    seen = []
    for key in (first, third, second):
        now[0] += 0.1
        seen.append(before(sessions, key))
    assert seen == [0, 1, 2]
    now[0] += 2
    with pytest.raises(OptionError, match="Live pictures end"):
        before(sessions, first)
    assert [before(sessions, key) for key in (first, second, third)] == [2, 1, 0]
    now[0] += 10  # everybody is gone but the one who was first
    assert before(sessions, first) == 0


def test_pictures_of_one_session_are_swapped_one_after_another_and_two_at_most_are_here() -> None:
    sessions: Any = LiveSessions(8, streams=2, most_s=60)
    key, other = sessions.open("a", object()), sessions.open("b", object())
    order: list[str] = []

    def second() -> None:
        with sessions.picture(key):
            order.append("second")

    with sessions.picture(key):
        thread = threading.Thread(target=second)
        thread.start()
        while sessions._sessions[key].pictures < 2:
            time.sleep(0.001)
        with pytest.raises(OptionError, match="3 live pictures at once"), sessions.picture(key):
            pass
        assert is_swapped(sessions, other)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"] and is_swapped(sessions, key)
