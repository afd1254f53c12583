"""The Compare tab's answers, without a browser; what measures is a fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from demo.handlers import compare
from demo.messages import Visit
from demo.texts import say
from demo.work.compare import Compared, Measured
from demo.work.services import Services
from mobilefaceswap_core.errors import OptionError

VISIT = Visit(session="me")


def compared(name: str, similarity: float = 0.5, patches: float = 2.0) -> Compared:
    picture = np.zeros((4, 4, 3), np.uint8)
    return Compared(Measured(name, name, id_similarity=similarity, patches=patches), picture, picture)


def test_identity_is_told_between_another_person_and_the_same_photo() -> None:
    assert compare.nearness(0.5, 0.5) == 0 and compare.nearness(1.0, 0.5) == 1 and compare.nearness(0.4, 0.5) == 0
    assert compare.nearness(0.8, 0.6) == pytest.approx(0.5) and compare.nearness(1.0, 1.0) == 0
    shown = compare.grid_of([compared("target", 0.5), compared("student", 0.8)], "en")
    first, second = shown.split("<figure>")[1:]
    assert "identity: another person 0, 0%, the same photo 100" in first and "width: 0%" in first
    assert "identity: another person 0, 60%, the same photo 100" in second and "0.800 ↑" in second


def test_patchier_skin_has_a_shorter_bar_and_a_face_that_was_not_found_has_none() -> None:
    lengths = [compare.cleanness(value) for value in (0, 2, 4, 9)]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] == 1 and lengths[-1] == 0
    lost = Compared(Measured("student", "student", failure="no face"), *[np.zeros((4, 4, 3), np.uint8)] * 2)
    assert "class='scale'" not in compare.grid_of([lost], "zh-CN")


def test_each_method_is_seen_from_near_and_as_a_whole() -> None:
    shown = compare.grid_of([compared("student")], "en")
    assert shown.count("class='near' alt='MobileFaceSwap'") == 1 and shown.count("class='whole' alt=''") == 1


def test_methods_appear_one_after_the_other(services: Services, photo: str) -> None:
    def measure(engine: Any, bench: Any, source: str, target: str, models: list[str]) -> Iterator[Compared]:
        yield from (compared(name) for name in ("target", models[0]))
        yield replace(compared(models[1]), glasses="left out")

    class Judges:
        def titles(self) -> list[str]:
            return ["a judge"]

    fakes = replace(services, compare=measure, bench=Judges())  # type: ignore[arg-type]
    start, *steps, last = compare.compare(
        fakes, VISIT, source=photo, target=photo, models=["graphics", "student"], consented=True
    )
    assert "Warp without a network" in start["progress"] and start["grid"] == ""
    assert [step["grid"].count("<figure>") for step in steps] == [1, 2, 3]
    assert steps[1]["progress"] and not steps[2]["progress"]
    assert last["status"] == f"2 methods measured. Judges: a judge. {say('glasses_left_out', 'en')}"


@pytest.mark.parametrize(
    ("change", "said"),
    [({"source": None}, "face to use"), ({"target": None}, "photo to change"), ({"models": []}, "at least one method")],
)
def test_a_comparison_names_what_is_missing(services: Services, photo: str, change: Any, said: str) -> None:
    given = {"source": photo, "target": photo, "models": ["graphics"], "consented": True} | change
    with pytest.raises(OptionError, match=said):
        next(compare.compare(services, VISIT, **given))
