"""What is running for which visitor, so that a button or a closed page can stop it."""

from __future__ import annotations

import threading


class Jobs:
    """One job per visitor and kind; holds stop signals, nothing of what is worked on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], threading.Event] = {}

    def begin(self, visitor: str, kind: str) -> threading.Event:
        """A stop signal for a new job; the visitor's job of that kind before it is stopped."""
        stop = threading.Event()
        with self._lock:
            before = self._running.get((visitor, kind))
            self._running[visitor, kind] = stop
        if before is not None:
            before.set()
        return stop

    def end(self, visitor: str, kind: str, stop: threading.Event) -> None:
        """Forget a job that is over, unless a newer one took its place."""
        with self._lock:
            if self._running.get((visitor, kind)) is stop:
                del self._running[visitor, kind]

    def stop(self, visitor: str, kind: str | None = None) -> int:
        """Ask a visitor's jobs to stop, all kinds if none is named; how many there were."""
        with self._lock:
            chosen = [e for (who, what), e in self._running.items() if who == visitor and kind in (None, what)]
        for event in chosen:
            event.set()
        return len(chosen)

    def __len__(self) -> int:
        return len(self._running)
