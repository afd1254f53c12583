"""The Compare tab's answers, without a browser; what measures is a fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from demo.handlers import compare
from demo.messages import Visit
from demo.work.compare import Compared, Measured
from demo.work.services import Services
from mobilefaceswap_core.errors import OptionError

VISIT = Visit(session="me")


def compared(name: str) -> Compared:
    return Compared(Measured(name, name, id_similarity=0.5), np.zeros((4, 4, 3), np.uint8))


def test_methods_appear_one_after_the_other(services: Services, photo: str) -> None:
    def measure(engine: Any, bench: Any, source: str, target: str, models: list[str]) -> Iterator[Compared]:
        yield from (compared(name) for name in ("target", *models))

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
    assert last["status"] == "2 methods measured. Judges: a judge."


@pytest.mark.parametrize(
    ("change", "said"),
    [({"source": None}, "face to use"), ({"target": None}, "photo to change"), ({"models": []}, "at least one method")],
)
def test_a_comparison_names_what_is_missing(services: Services, photo: str, change: Any, said: str) -> None:
    given = {"source": photo, "target": photo, "models": ["graphics"], "consented": True} | change
    with pytest.raises(OptionError, match=said):
        next(compare.compare(services, VISIT, **given))
