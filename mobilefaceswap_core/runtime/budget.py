"""What one job may take. Files say less than they hold, so everything is counted while it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields

from ..errors import BudgetError, OptionError


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one job; ``None`` is no limit, which suits one's own machine.

    Attributes:
        faces: worked on in one picture; the largest are taken and the others left alone.
        frames: pictures decoded.
        frame_pixels: of one picture of a clip; readers ask the decoder for it.
        pixels: of all decoded pictures together.
        clip_seconds: of a clip, by the time stamps of the pictures that were decoded.
        seconds: of the clock, from the beginning of the job.
    """

    faces: int | None = None
    frames: int | None = None
    frame_pixels: int | None = None
    pixels: int | None = None
    clip_seconds: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise OptionError(f"A budget of {value} {field.name} was given; wanted more than 0, or none at all.")

    def begin(self, *, clock: Callable[[], float] = time.monotonic) -> Spending:
        """Start to count for one job.

        Args:
            clock: seconds, monotonic.
        """
        return Spending(self, clock)


class Spending:
    """What a job has taken so far; made by :meth:`Budget.begin`. One thread counts pictures, any may check the time."""

    def __init__(self, budget: Budget, clock: Callable[[], float]) -> None:
        self.budget = budget
        self._clock, self._began = clock, clock()
        self.new_pass()

    def new_pass(self) -> None:
        """Count pictures from 0 again: a clip that is read twice may be as long both times. Time goes on."""
        self.frames = self.pixels = 0
        self._first_s: float | None = None

    def check(self) -> None:
        """Look at the clock.

        Raises:
            BudgetError: the job has taken too long.
        """
        limit, taken = self.budget.seconds, self._clock() - self._began
        if limit is not None and taken > limit:
            raise BudgetError(
                f"The job took {taken:.0f} seconds and was stopped; one job may take {limit:g} here. Send less: a shorter "
                "clip, smaller pictures, fewer faces."
            )

    def picture(self, width: int, height: int, *, at_s: float | None = None) -> None:
        """Count one picture that was, or is about to be, decoded.

        Args:
            width: in pixels.
            height: in pixels.
            at_s: when it is shown in its clip.

        Raises:
            BudgetError: naming the limit that it goes over.
        """
        budget = self.budget
        self.frames += 1
        self.pixels += width * height
        if budget.frames is not None and self.frames > budget.frames:
            raise BudgetError(f"There are more than {budget.frames} pictures; no more are taken here. Send fewer.")
        if budget.pixels is not None and self.pixels > budget.pixels:
            raise BudgetError(
                f"The pictures have {self.pixels} pixels together; at most {budget.pixels} are taken here. Send fewer or "
                "smaller ones."
            )
        if at_s is not None and budget.clip_seconds is not None:
            self._first_s = at_s if self._first_s is None else self._first_s
            if at_s - self._first_s > budget.clip_seconds:
                raise BudgetError(
                    f"The clip is longer than {budget.clip_seconds:g} seconds, whatever it says of itself; no more are "
                    "taken here. Trim it first."
                )
        self.check()
