"""Faces prepared for live pictures: a few at a time, in turns, and none for a visitor who has gone."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.video import LiveSwapper

IDLE_S = 60.0  # without a picture
_GONE_S = 3.0  # without a picture a turn ends, and a place among those who wait is lost; the page asks every second
_LOOK_EVERY_S = 15.0
_MOST_AT_ONCE = 2  # pictures of one session: one is swapped, one is on the way


@dataclass(slots=True, eq=False)
class _Session:
    caller: str
    swapper: LiveSwapper
    used: float
    begun: float | None = None  # its turn
    asked: float | None = None  # since when it waits for one
    pictures: int = 0  # that are here
    one: threading.Lock = field(default_factory=threading.Lock)

    def is_there(self, now: float) -> bool:
        return now - self.used <= _GONE_S


@dataclass(frozen=True, slots=True)
class Turn:
    """What a picture meets.

    Attributes:
        swapper: swaps it; ``None`` while others have their turns.
        before: how many turns come before this session's.
    """

    swapper: LiveSwapper | None
    before: int = 0


class LiveSessions:
    """Holds the swappers, about 10 MB each; a visit's state holds only the key.

    Args:
        most: at the same time.
        streams: of them, those whose pictures are swapped at the same time; the others wait for a turn, first come, first served.
        most_s: a turn ends so long after its first picture, however slowly pictures come.
        idle_s: a session without pictures is dropped.
    """

    def __init__(self, most: int, *, streams: int = 1, most_s: float, idle_s: float = IDLE_S) -> None:
        self._most, self._streams, self._most_s, self._idle_s = most, streams, most_s, idle_s
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def check(self, caller: str) -> None:
        """Refuse a caller for whom there is no place, before anything is prepared.

        Raises:
            OptionError: the caller has as many as one may, or all places are taken.
        """
        with self._lock:
            self._drop_idle()
            own = sum(session.caller == caller for session in self._sessions.values())
            if own >= max(1, self._most // 4):
                raise OptionError(f"Got {own} live pictures at your address already. Stop one, and wait a minute.")
            if len(self._sessions) >= self._most:
                raise OptionError(f"All {self._most} places for live pictures are taken. Try again in a minute.")

    def open(self, caller: str, swapper: LiveSwapper) -> str:
        """Keep a swapper; the key to it.

        Raises:
            OptionError: as in :meth:`check`.
        """
        self.check(caller)
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._sessions[key] = _Session(caller, swapper, time.monotonic())
            self._watch()
        return key

    def replace(self, key: str | None, swapper: LiveSwapper) -> None:
        """Go on with another swapper; its time goes on too. Nothing happens to a session that was dropped meanwhile."""
        with self._lock:
            session = self._sessions.get(key or "")
            if session is not None:
                session.swapper = swapper

    def close(self, key: str | None) -> None:
        """Drop a session, if there is one."""
        with self._lock:
            self._sessions.pop(key or "", None)

    @contextmanager
    def picture(self, key: str | None) -> Iterator[Turn | None]:
        """Hold a session's swapper for one picture, after the one before it; ``None`` for a session that was dropped.

        Raises:
            OptionError: the turn is over and can be started again, or too many pictures came at once.
        """
        with self._lock:
            session, now = self._sessions.get(key or ""), time.monotonic()
            turn = self._turn(session, now) if session is not None else None
            if session is None or turn is None or turn.swapper is None:
                waits = True
            elif session.pictures >= _MOST_AT_ONCE:
                raise OptionError(
                    f"Got {session.pictures + 1} live pictures at once; wanted {_MOST_AT_ONCE}. Wait for each answer."
                )
            else:
                waits = False
                session.pictures += 1
        if waits or session is None:
            yield turn
            return
        try:
            with session.one:
                yield turn
        finally:
            with self._lock:
                session.pictures -= 1

    def _turn(self, session: _Session, now: float) -> Turn:
        if not session.is_there(now):
            session.begun = session.asked = None
        session.used = now
        if session.begun is not None:
            if now - session.begun > self._most_s:
                session.begun = None
                raise OptionError(f"Live pictures end after {self._most_s:.0f} seconds. Start the camera again.")
            return Turn(session.swapper)
        session.asked = asked = session.asked or now
        there = [other for other in self._sessions.values() if other is not session and other.is_there(now)]
        running = sum(other.begun is not None for other in there)
        earlier = sum(other.asked is not None and other.asked < asked for other in there)
        if running + earlier >= self._streams:
            return Turn(None, before=running + earlier - self._streams + 1)
        session.begun, session.asked = now, None
        return Turn(session.swapper)

    def __contains__(self, key: str | None) -> bool:
        return key in self._sessions

    def __len__(self) -> int:
        return len(self._sessions)

    def _drop_idle(self) -> None:
        oldest = time.monotonic() - self._idle_s
        for key in [key for key, session in self._sessions.items() if session.used < oldest]:
            del self._sessions[key]

    def _watch(self) -> None:
        if self._timer is None and self._sessions:
            self._timer = threading.Timer(min(_LOOK_EVERY_S, self._idle_s), self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        with self._lock:
            self._timer = None
            self._drop_idle()
            self._watch()
