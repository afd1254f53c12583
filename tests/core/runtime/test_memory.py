"""Memory that was freed goes back to the system, and not too often."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time

import pytest

from mobilefaceswap_core.runtime.memory import FreedMemory

HAS_GLIBC = hasattr(ctypes.CDLL(None), "malloc_trim")


def resident_mb() -> float:
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(not HAS_GLIBC, reason="another C library gives back by itself, or cannot be asked to")
def test_what_lies_free_between_parts_in_use_is_given_back() -> None:
    size = 100_000  # below what the C library asks the system for one by one
    parts = [bytearray(size) for _ in range(1600)]
    kept = parts[::2]
    before = resident_mb()
    parts.clear()
    freed = FreedMemory(interval_s=60)
    assert freed.give_back() and not freed.give_back(), "once in a minute"
    assert before - resident_mb() > 40 and len(kept) == 800


@pytest.mark.skipif(not HAS_GLIBC, reason="another C library gives back by itself, or cannot be asked to")
def test_what_comes_too_early_is_given_back_later_where_that_is_wished() -> None:
    freed = FreedMemory(interval_s=2)
    parts = [bytearray(100_000) for _ in range(1600)]
    kept = parts[::2]
    before = resident_mb()
    assert freed.give_back()
    parts.clear()
    assert not freed.give_back(later=True) and not freed.give_back(later=True)
    until = time.monotonic() + 10
    while before - resident_mb() < 40 and time.monotonic() < until:
        time.sleep(0.05)
    assert before - resident_mb() > 40 and len(kept) == 800


_POOLS = """
import ctypes, os, sys, tempfile, threading
from mobilefaceswap_core.runtime.memory import share_pools
if sys.argv[1] != "all":
    share_pools(int(sys.argv[1]))
together = threading.Barrier(8)
def allocate():
    parts = [bytearray(50_000) for _ in range(20)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
c = ctypes.CDLL(None)
c.fdopen.restype, c.malloc_info.argtypes, c.fclose.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p), (ctypes.c_void_p,)
with tempfile.NamedTemporaryFile() as said:
    stream = c.fdopen(os.dup(said.fileno()), b"w")
    c.malloc_info(0, stream)
    c.fclose(stream)
    print(open(said.name).read().count("<heap nr="))
"""


@pytest.mark.skipif(not HAS_GLIBC, reason="another C library has no such pools")
def test_threads_allocate_from_as_few_pools_as_are_wished() -> None:
    def pools(most: str) -> int:
        return int(
            subprocess.run([sys.executable, "-c", _POOLS, most], capture_output=True, text=True, check=True).stdout
        )

    assert pools("2") <= 2 < pools("all")
