"""What runs is counted where it runs, and everything that runs has been through the queue."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.runtime.memory import FreedMemory

_PATIENCE_S = 30.0  # a step that was given up may still be at work; then the queue has let the next one in too early


def count_what_runs(demo: gr.Blocks, default_limit: int) -> None:
    """Hold every function of the page to its limit, however it is called.

    Gradio calls what has ``queue=False`` by a route of its own, past queue and limits. Here such functions go through
    the queue as well, without a limit and without a sign of waiting: they only show or hide something.

    Args:
        demo: the page, complete and not yet started.
        default_limit: of functions that name none.
    """
    slots: dict[str, threading.BoundedSemaphore] = {}
    freed = FreedMemory()
    for function in demo.fns.values():
        if not function.queue and function.fn is not None:
            function.queue, function.concurrency_limit, function.show_progress = True, None, "hidden"
        limit = default_limit if function.concurrency_limit == "default" else function.concurrency_limit
        if limit is None or function.fn is None:
            continue
        slot = slots.setdefault(function.concurrency_id, threading.BoundedSemaphore(limit))
        function.fn = counted(function.fn, slot, freed)


def counted(run: Callable[..., Any], slot: threading.Semaphore, freed: FreedMemory) -> Callable[..., Any]:
    """A function, or a generator step by step, that works only while it holds a slot, and gives back what it has freed.

    A generator gives its slot back between steps, so that one whose visitor went away holds none.
    """
    if inspect.isgeneratorfunction(run):

        @wraps(run)
        def steps(*args: Any, **named: Any) -> Iterator[Any]:
            work = run(*args, **named)
            try:
                while True:
                    with _held(slot):
                        try:
                            step = next(work)
                        except StopIteration:
                            return
                    yield step
            finally:
                work.close()
                freed.give_back(later=True)

        return steps

    @wraps(run)
    def once(*args: Any, **named: Any) -> Any:
        with _held(slot):
            try:
                return run(*args, **named)
            finally:
                freed.give_back(later=True)  # a source's network among it, which holds what its run has taken

    return once


class _held:
    def __init__(self, slot: threading.Semaphore) -> None:
        self._slot = slot

    def __enter__(self) -> None:
        if not self._slot.acquire(timeout=_PATIENCE_S):
            raise gr.Error(str(OptionError("The page is busy. Try again in a minute.")), print_exception=False)

    def __exit__(self, *_: object) -> None:
        self._slot.release()
