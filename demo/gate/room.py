"""How much of the disk visitors may fill: each by what was uploaded, all of them by what lies in the app's folder."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

_LOOK_EVERY_S = 5.0


class Room:
    """The disk quota.

    Args:
        folders: the app's, whose files are counted.
        most_bytes: of all files.
        visitor_bytes: that one address uploads within ``keep_s``.
        keep_s: after this an upload is deleted.
    """

    def __init__(
        self, folders: Callable[[], Sequence[Path]], *, most_bytes: int, visitor_bytes: int, keep_s: float
    ) -> None:
        self._folders, self._most, self._visitor, self._keep_s = folders, most_bytes, visitor_bytes, keep_s
        self._used, self._since, self._looked = 0, 0, float("-inf")
        self._looking = asyncio.Lock()
        self._taken: dict[str, deque[tuple[float, int]]] = {}
        self._sums: dict[str, int] = {}

    async def has_room(self) -> bool:
        """Whether the host's quota is not used up."""
        return await self._fits(0)

    async def problem_of(self, who: str, size: int) -> str | None:
        """Why an upload is refused, or ``None``.

        Args:
            who: the caller.
            size: that it declares, in bytes; 0 if unknown.
        """
        self._forget(who)
        if self._sums.get(who, 0) + size > self._visitor:
            return "You have uploaded as much as one visitor may. Earlier uploads are deleted after a while: come back then."
        if not await self._fits(size):
            return "The page's disk is full. Try again in some minutes."
        return None

    def take(self, who: str, size: int) -> bool:
        """Count bytes that arrive; whether they fit."""
        if self._sums.get(who, 0) + size > self._visitor or self._used + self._since + size > self._most:
            return False
        now, taken = time.monotonic(), self._taken.setdefault(who, deque())
        if taken and now - taken[-1][0] < 1:  # pieces of one upload are one entry a second
            now, size_before = taken.pop()
            taken.append((now, size_before + size))
        else:
            taken.append((now, size))
        self._sums[who] = self._sums.get(who, 0) + size
        self._since += size
        return True

    def _forget(self, who: str) -> None:
        oldest = time.monotonic() - self._keep_s
        for one in [who, *(key for key, taken in self._taken.items() if taken[0][0] < oldest)]:
            taken = self._taken.get(one, deque())
            while taken and taken[0][0] < oldest:
                self._sums[one] -= taken.popleft()[1]
            if not taken:
                self._taken.pop(one, None)
                self._sums.pop(one, None)

    async def _fits(self, size: int) -> bool:
        if time.monotonic() - self._looked > _LOOK_EVERY_S:
            async with self._looking:
                if time.monotonic() - self._looked > _LOOK_EVERY_S:
                    came_before = self._since
                    self._used = await asyncio.to_thread(used_bytes, self._folders())
                    self._since = max(0, self._since - came_before)
                    self._looked = time.monotonic()
        return self._used + self._since + size <= self._most


def used_bytes(folders: Sequence[Path]) -> int:
    """Bytes of all files in some folders; links are not followed."""
    total, waiting = 0, [str(folder) for folder in folders]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # deleted meanwhile
            continue
    return total
