"""Workers of the evaluation's executors that other processes can import."""

from __future__ import annotations

import os

from mobilefaceswap_core.errors import OptionError


class Adder:
    """Adds to a job what it was made with; refuses 13, and ends its process at 99."""

    def __init__(self, more: int) -> None:
        self._more = more

    def run(self, job: int) -> list[tuple[int, int]]:
        if job == 13:
            raise OptionError("13 is not added.")
        if job == 99:
            os._exit(9)
        return [(job + self._more, os.getpid())]
