"""Budgets: what a job has taken is counted while it runs, and the limit that it goes over is named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mobilefaceswap_core.detect.few import LargestFaces
from mobilefaceswap_core.errors import BudgetError, OptionError
from mobilefaceswap_core.faces.choose import largest_few
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.runtime.budget import Budget
from mobilefaceswap_core.types import Face
from tests.fakes.painted import GREY, Painter, SquareDetector


class Clock:
    """Time that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_nothing_is_refused() -> None:
    spent = Budget().begin()
    for _ in range(1000):
        spent.picture(100_000, 100_000, at_s=1e9)
    spent.check()


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(frames=3), "more than 3 pictures"),
        (Budget(pixels=3 * 200), "800 pixels together; at most 600"),
        (Budget(clip_seconds=2.5), "longer than 2.5 seconds"),
    ],
)
def test_the_picture_that_goes_over_a_limit_is_refused_and_none_before(budget: Budget, words: str) -> None:
    spent = budget.begin()
    for number in range(3):
        spent.picture(20, 10, at_s=100.0 + number)
    with pytest.raises(BudgetError, match=words):
        spent.picture(20, 10, at_s=103.0)


def test_a_second_pass_counts_pictures_anew_but_not_time() -> None:
    clock = Clock()
    spent = Budget(frames=1, seconds=10).begin(clock=clock)
    spent.picture(1, 1)
    spent.new_pass()
    spent.picture(1, 1)
    clock.now = 10.5
    spent.new_pass()
    with pytest.raises(BudgetError, match="took 10 seconds"):
        spent.check()


@pytest.mark.parametrize("wrong", [{"faces": 0}, {"seconds": -1.0}, {"frames": float("nan")}])
def test_a_budget_of_nothing_is_a_mistake(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Budget(**wrong)  # type: ignore[arg-type]


def faces_of(sizes: Sequence[float]) -> list[Face]:
    return [Face(np.array([0, 0, size, size], np.float64), 1.0, np.zeros((5, 2))) for size in sizes]


def test_the_largest_are_kept_in_their_order() -> None:
    faces = faces_of([3, 9, 1, 5])
    assert largest_few(faces, range(4), 2) == [1, 3]
    assert largest_few(faces, [3, 2, 0], 2) == [3, 0]
    assert largest_few(faces, range(4), None) == [0, 1, 2, 3]


def test_faces_over_the_budget_are_left_alone_and_reported() -> None:
    class Counting(SquareDetector):
        landmarks_of = 0

        def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
            Counting.landmarks_of += 1
            return super().landmarks(image, face)

    image = np.full((60, 300, 3), GREY, np.uint8)
    swapper = Painter()
    object.__setattr__(swapper.info, "needs_landmarks", True)
    pipeline = Pipeline(swapper, Counting())
    source = pipeline.prepare_source([np.full((60, 60, 3), 200, np.uint8)])
    Counting.landmarks_of = 0
    result = pipeline.swap(image, source, budget=Budget(faces=2))
    assert (result.report.faces_found, result.report.faces_swapped) == (5, 2)
    assert len(result.report.skipped) == 3 and "2 largest" in result.report.skipped[4]
    assert Counting.landmarks_of == 2
    assert pipeline.swap(image, source).report.faces_swapped == 5


def test_a_detector_may_be_held_to_the_largest_faces() -> None:
    image = np.full((60, 300, 3), 100, np.uint8)
    few = LargestFaces(SquareDetector(), 2)
    assert len(few.detect(image)) == 2 and few.left_out == 3 and few.info.name == "squares"
