"""Memory: what is free is given back, and one error of ours where it runs out, whichever library noticed."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator

from ..errors import BackendError

_M_ARENA_MAX = -8  # of glibc's <malloc.h>
# What torch (CPU and GPU), OpenCV and onnxruntime write into errors of other names.
_SAID = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "insufficient memory",
    "failed to allocate",
    "bad allocation",
    "std::bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any library says that memory ran out."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _SAID)


@contextlib.contextmanager
def memory_guard(what: str) -> Iterator[None]:
    """Turn a lack of memory inside the block into an error of this package; other errors pass.

    Args:
        what: was going on, as in "Swapping a picture of 8000 x 6000 px".

    Raises:
        BackendError: there is too little memory.
    """
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise BackendError(
            f"{what} needs more memory than there is. Use a smaller picture, close other programs, or choose a smaller "
            "--model or --device cpu."
        ) from error


class FreedMemory:
    """Gives back to the system what this process has freed. The C library keeps it, in parts that fit nothing later.

    Threads that pass frames on to each other free what another one allocated: after 250 frames of 720p 298 MB were in use
    and 537 MB taken. Giving back takes 2 ms, and a moment for what is taken again; so it is done now and then.

    Args:
        interval_s: time between two.
    """

    def __init__(self, *, interval_s: float = 0.5) -> None:
        self._interval_s, self._last_s = interval_s, -math.inf
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def give_back(self, *, later: bool = False) -> bool:
        """Give back what is free if the last time was long enough ago; whether it was done. Does nothing without glibc.

        Args:
            later: where it was not, do it once that time is over: for whoever then waits, as a page without visitors.
        """
        with self._lock:
            left_s = self._interval_s - (time.monotonic() - self._last_s)
            if left_s <= 0:
                self._last_s = time.monotonic()
            elif later and self._timer is None:
                self._timer = threading.Timer(left_s, self._at_last)
                self._timer.daemon = True
                self._timer.start()
        return left_s <= 0 and _trim()

    def _at_last(self) -> None:
        with self._lock:
            self._timer, self._last_s = None, time.monotonic()
        _trim()


def _trim() -> bool:
    if (trim := _c_library_function("malloc_trim")) is None:
        return False
    trim(0)
    return True


def share_pools(most: int) -> None:
    """Let all threads allocate from so few pools. Left to itself the C library has eight for each processor, and what is freed in
    one fits no other thread's needs: after one photo the page had 346 MB with two and 349 to 371 without. One alone costs a clip 8 %
    of its speed, for threads then wait for each other. Does nothing without glibc.

    Args:
        most: pools, for threads that begin to allocate from now on.
    """
    if (set_option := _c_library_function("mallopt")) is not None:
        set_option(_M_ARENA_MAX, most)


@functools.cache  # each library that is opened is a circle of objects, which stays until Python looks for circles
def _c_library_function(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
