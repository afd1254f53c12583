"""Judges with known answers, named by tests as ``tests.fakes.added_judges:...``."""

from __future__ import annotations

import numpy as np

from eval.judges import JudgeInfo
from mobilefaceswap_core.faces.landmarks68 import mouth_opening


class Brightness:
    """A judge of pose whose three angles are the picture's mean colour, times its argument."""

    def __init__(self, argument: str = "1", device: str = "cpu") -> None:
        self._factor = float(argument or 1)
        self.info = JudgeInfo("brightness", "pose", f"mean colour on {device}", "1")

    def measure(self, image, face):
        return image.reshape(-1, 3).mean(0) * self._factor


class MouthForLids:
    """A judge of gaze that takes the mouth's opening for that of both eyes, which look ahead."""

    info = JudgeInfo("squint", "gaze", "the mouth's opening", "1")

    def measure(self, image, face):
        return np.array([0, 0, 0, 0, *[mouth_opening(face.landmarks)] * 2])


def of_no_kind() -> object:
    judge = Brightness()
    judge.info = JudgeInfo("tasteful", "taste", "no kind that is known", "1")  # type: ignore[arg-type]  # that is the point
    return judge


def unnamed() -> object:
    judge = Brightness()
    judge.info = JudgeInfo("two words", "pose", "a name that is no word", "1")
    return judge
