"""The evaluation's programs as processes of their own: what they load goes with them, and swaps of other visitors come first."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from mobilefaceswap_core.errors import Cancelled, OptionError

from ..settings import Settings
from .budgets import budget_of_evaluation

_POLL_S = 0.5


def run_eval(arguments: Sequence[str], log: Path, settings: Settings, stop: threading.Event) -> Iterator[None]:
    """Run ``python -m eval`` at low priority.

    Args:
        arguments: of the command.
        log: file for what it says on standard error; its folder's name is taken out of what a visitor is told.
        settings: the host's.
        stop: set to end it.

    Yields:
        Now and then, while it runs.

    Raises:
        OptionError: what the command says about its options or data.
        BudgetError: it takes longer than the host allows.
        Cancelled: ``stop`` was set.
    """
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "eval", *arguments], stdout=subprocess.DEVNULL, stderr=sink,
            cwd=Path(__file__).parents[2], env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)  # visitors who wait for a swap come first
    last, spent = partial(_end, process), budget_of_evaluation(settings).begin()
    atexit.register(last)  # the page may stop while this waits
    try:
        while process.poll() is None:
            if stop.wait(_POLL_S):
                raise Cancelled("Stopped.")
            spent.check()
            yield
    finally:
        _end(process)
        atexit.unregister(last)
    if process.returncode:
        raise OptionError(_last_words(log))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), None)
    return (said or "it ended without a reason").replace(str(log.parent) + os.sep, "")
