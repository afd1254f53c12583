"""Who goes on which face."""

from __future__ import annotations

import pytest

from demo.handlers.assignment import assign, everyone, people_by_face
from mobilefaceswap_core.errors import OptionError


def test_a_chosen_person_without_a_photo_is_named() -> None:
    with pytest.raises(OptionError, match="Person B was chosen for face 2"):
        people_by_face({"A": ["a"], "B": [None], "C": [None], "D": [None]}, {0: "A", 1: "B"}, "en")


def test_leaving_every_face_alone_is_refused() -> None:
    with pytest.raises(OptionError, match="stay as it is"):
        people_by_face({"A": ["a"], "B": [], "C": [], "D": []}, {0: "-"}, "en")


def test_choosing_for_one_face_leaves_the_others_and_the_choice_before_as_they_were() -> None:
    before = everyone(3)
    assert assign("-", before, index=1) == {0: "A", 1: "-", 2: "A"}
    assert before == {0: "A", 1: "A", 2: "A"}
