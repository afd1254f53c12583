"""Pages of numbers that are computed: what many visitors need, and what a phone's processor may take."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from .pages import DOCS

PROGRAM = runpy.run_path(str(DOCS / "scale.py"))  # by its path: other packages are called docs too
ASSUMED = PROGRAM["ASSUMED"]


def test_the_page_is_what_the_simulation_gives() -> None:
    assert PROGRAM["PAGE"].read_text(encoding="utf-8") == PROGRAM["text"](), "run `python -m docs.scale write`"


def erlang_c(places: int, load: float) -> float:
    """Share of visitors that wait in an M/M/c queue."""
    terms = [load**k / math.factorial(k) for k in range(places)]
    last = load**places / math.factorial(places) * places / (places - load)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("places", "load"), [(1, 0.6), (4, 2.4)])
def test_waiting_is_that_of_an_m_m_c_queue(places: int, load: float) -> None:
    stays: Callable[[Any], float] = lambda draw: draw.expovariate(1.0)  # noqa: E731
    several = (PROGRAM["waits"](load, 1.0, 1, places, seed=seed, length_s=stays) for seed in range(5))
    waited = [wait for each in several for wait in each]
    share = erlang_c(places, load)
    assert sum(wait > 0 for wait in waited) / len(waited) == pytest.approx(share, rel=0.03)
    assert sum(waited) / len(waited) == pytest.approx(share / (places - load), rel=0.05)


def test_one_line_before_all_places_waits_less_than_a_line_before_each() -> None:
    one, each = (PROGRAM["waits"](9.0, 1.0, lines, places, count=5000) for lines, places in ((1, 10), (10, 1)))
    assert sum(one) < 0.2 * sum(each)


def test_a_visitor_alone_waits_for_nobody_and_many_share_what_there_is() -> None:
    serve = PROGRAM["serve"]
    alone = serve(1, 4, [40.0], 10.0)
    pause_ms = ASSUMED.away_ms + ASSUMED.looks_every_ms / 2
    assert alone.median_ms == alone.p95_ms == pytest.approx(50)
    assert alone.per_second == pytest.approx(1000 / (50 + pause_ms), rel=0.02)
    cores = serve(60, 2, [40.0], 10.0)
    assert 60 * cores.per_second == pytest.approx(2 * 1000 / 50, rel=0.03) and cores.core_share > 0.98
    loop = serve(60, 16, [40.0], 10.0)  # the one event loop, whatever the cores
    assert 60 * loop.per_second == pytest.approx(1000 / 10, rel=0.03) and loop.loop_share > 0.98
    # Little's law: those at the host are its pictures a second times how long each is there.
    waiting = serve(60, 2, [40.0], 10.0, seconds=30)
    assert 60 * waiting.per_second * (waiting.median_ms + pause_ms) / 1000 == pytest.approx(60, rel=0.05)


def test_more_visitors_are_served_by_more_cores_until_the_loop_is_full() -> None:
    most: Any = cache(lambda cores: PROGRAM["most_visitors"](cores, [40.0], 10.0)[0])
    assert 0 < most(1) < most(2) < most(4) and most(16) == pytest.approx(most(32), abs=1)


def test_workers_are_the_limit_until_the_driver_is() -> None:
    judged = PROGRAM["judged"]
    few, share = judged(8, 1000.0, 1.0)
    assert few == pytest.approx(8, rel=0.1) and share < 0.02
    many, share = judged(2000, 1000.0, 1.0, rounds=10)
    assert many == pytest.approx(1000, rel=0.05) and share > 0.95


def test_the_estimate_for_arm_is_what_the_program_prints() -> None:
    made = runpy.run_path(str(DOCS / "arm.py"))
    table = made["table"]()
    assert table in (DOCS / "mobile.md").read_text(encoding="utf-8"), "put what `python -m docs.arm` prints there"
    assert "| MobileNet v2 | 301 M |" in table  # 300 M by its paper
