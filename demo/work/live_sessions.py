"""Faces prepared for live pictures: a few at a time, and none for a visitor who has gone."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.video import LiveSwapper

IDLE_S = 60.0  # without a picture
_LOOK_EVERY_S = 15.0


@dataclass(slots=True, eq=False)
class _Session:
    caller: str
    swapper: LiveSwapper
    used: float
    begun: float | None = None  # its first picture


class LiveSessions:
    """Holds the swappers, about 10 MB each; a visit's state holds only the key.

    Args:
        most: at the same time.
        most_s: a session ends so long after its first picture, however slowly pictures come.
        idle_s: a session without pictures is dropped.
    """

    def __init__(self, most: int, *, most_s: float, idle_s: float = IDLE_S) -> None:
        self._most, self._most_s, self._idle_s = most, most_s, idle_s
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

    def swapper(self, key: str | None) -> LiveSwapper | None:
        """A session's swapper; ``None`` once it was dropped.

        Raises:
            OptionError: the session's time is over; it can be started again.
        """
        with self._lock:
            session = self._sessions.get(key or "")
            if session is None:
                return None
            session.used = time.monotonic()
            session.begun = session.begun or session.used
            if session.used - session.begun > self._most_s:
                session.begun = None
                raise OptionError(f"Live pictures end after {self._most_s:.0f} seconds. Start the camera again.")
            return session.swapper

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
