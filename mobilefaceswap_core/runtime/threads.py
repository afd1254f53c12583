"""How the libraries in one process share few cores."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LAST_BUT_ONE = 3  # niceness: half of the time, where a thread of 0 wants all of it; each stage before it has one more
_SMALL_PX = 1_500_000  # of a frame: between 720p, 0.9 million, and 1080p, 2.1


def share_cores() -> None:
    """Keep numeric libraries from spinning on processors that others need. Programs call it before numpy is imported.

    PyTorch's workers spin for a while after each operation and take the cores that ONNX Runtime, decoding and pasting
    need. Measured on two cores, interleaved: the per-frame network in ONNX Runtime took 9.9 ms beside spinning workers
    and 6.2 ms beside sleeping ones. OpenBLAS, which NumPy multiplies with, spins whatever that variable says, and its
    products here are small: looking for a mark in a face without one took 1.6 s with its two threads and 0.7 s with one,
    and 4.6 to 9.6 s against 1.2 s beside three busy processes. A value the user set is left alone.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "OMP_NUM_THREADS" not in os.environ:  # OpenBLAS follows it too
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def default_threads() -> int:
    """Threads for CPU inference: the processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stage_threads() -> int:
    """Threads of one stage of a clip: of the decoder, of the per-frame network, and nearly always of the encoder.

    The other stages need the other processors: on two, one thread for each gives the most frames per second. Left to themselves decoder
    and encoder took three each there, and a 720p clip 27.6 ms a frame instead of 25.2. FFmpeg advises against more than 16.
    """
    return min(16, max(1, default_threads() // 2))


def encoder_threads(pixels: int) -> int:
    """Threads of x264 for frames of so many pixels, of which the other stages leave it more the larger they are.

    On two processors with nothing else to do a second one for 1080p took 17.2 ms a frame instead of 17.8, and 18.1 instead of 18.9, one for
    720p 11.1 instead of 10.5 (medians of six and five runs in turns). With all stages on both take as long.
    """
    return min(default_threads(), max(stage_threads(), 2 if pixels > _SMALL_PX else 1))


def give_way(behind: int) -> None:
    """Let this thread, and those that it starts, wait where a thread that gives way less could run. Only Linux knows priorities of threads.

    Of a clip's stages the last one gives way to nobody: its frames are encoded one after the other, and what it lost to the others nobody
    catches up with. Each stage before it gives way to those that follow. On two idle processors a 1080p clip took 18.7 ms a frame, and 20.8
    without priorities; one of 720p 10.3 and 10.9 (medians of six runs in turns). Other programs run at the niceness of the last stage, and
    the others give way to them too: beside two busy ones the 720p clip took 24 ms a frame, 20 without priorities, and 54 with a niceness
    of 10 for all stages but the last.

    Args:
        behind: how many stages follow; 0 changes nothing.
    """
    if behind and sys.platform == "linux":
        with suppress(OSError):  # where the system is told to refuse
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST_BUT_ONE + behind - 1)


def picture_threads() -> int:
    """Threads of what looks at a single picture, for which somebody waits: small networks gain little from more than four."""
    return min(4, default_threads())


def use_one_opencv_thread() -> None:
    """The stages of a clip keep all processors busy; OpenCV's own threads would only interrupt them."""
    import cv2

    cv2.setNumThreads(1)


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Take real-time priority away again from every thread that got it inside.

    SVT-AV1 gives its threads, and for good the thread that opens it, the highest real-time priority where the process
    may have it: as root, the usual user of a container. Whatever that thread starts later inherits the priority, and a
    busy one of them leaves no processor to the rest of the machine: two browsers took all of both for five minutes.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters, before = os.sched_getscheduler(0), os.sched_getparam(0), real_time_threads()
    try:
        yield
    finally:
        for thread in real_time_threads() - before:
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)


def real_time_threads() -> set[int]:
    """The threads of this process that the system runs before all ordinary ones. Empty where it does not tell."""
    found = set()
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError):  # it has ended
            if os.sched_getscheduler(int(task.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                found.add(int(task.name))
    return found
