"""Whoever runs the jobs of an evaluation: the same results, the same errors, and nothing that stays behind."""

from __future__ import annotations

import os

import pytest

from eval import executors
from eval.executors import chosen_executor, crew, run_jobs
from mobilefaceswap_core.errors import BackendError, OptionError
from tests.fakes.workers import Adder


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_IMPORTED_ONCE", ())


def test_processes_do_all_jobs_stay_for_more_and_are_others_than_this_one() -> None:
    with crew(Adder, {"more": 100}, executor="processes", workers=2) as run:
        first, second = ([one for results in run([n] for n in range(count)) for one in results] for count in (9, 1))
    assert sorted(number for number, _ in first) == list(range(100, 109))
    workers = {process for _, process in first}
    assert len(workers) == 2 and os.getpid() not in workers
    assert second[0][1] in workers  # whoever holds the models goes on


def test_all_jobs_of_a_unit_are_done_by_one_process_in_their_order() -> None:
    units = [[10, 11, 12, 14, 15], [20, 21, 22, 23], [30, 31, 32]]
    done = [one for results in run_jobs(units, Adder, {"more": 0}, executor="processes", workers=2) for one in results]
    for unit in units:
        assert [number for number, _ in done if number in unit] == unit
        assert len({process for number, process in done if number in unit}) == 1
    assert len(done) == 12 and len({process for _, process in done}) == 2


def test_an_error_of_a_process_is_that_of_the_worker_and_one_that_ends_is_told() -> None:
    with pytest.raises(OptionError, match=r"^13 is not added\."):
        list(run_jobs([[13]], Adder, {"more": 0}, executor="processes", workers=1))
    with pytest.raises(BackendError, match=r"exit code 9; .*--resume"):
        list(run_jobs([[1, 99]], Adder, {"more": 0}, executor="processes", workers=1))


def test_an_executor_nobody_knows_is_refused() -> None:
    with pytest.raises(OptionError, match="auto, serial, processes, ray"):
        list(run_jobs([[1]], Adder, {"more": 0}, executor="threads", workers=1))


def test_processes_are_taken_where_they_are_worth_their_start(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {"images": 80, "device": "cpu", "units": 2}
    monkeypatch.setattr(executors, "default_threads", lambda: 2)
    assert chosen_executor("auto", **many) == "processes"
    for less in ({"images": 8}, {"device": "cuda"}, {"units": 1}):
        assert chosen_executor("auto", **{**many, **less}) == "serial"
    assert chosen_executor("ray", **many) == "ray"
    monkeypatch.setattr(executors, "default_threads", lambda: 1)
    assert chosen_executor("auto", **many) == "serial"
