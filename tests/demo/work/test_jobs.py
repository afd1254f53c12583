"""Jobs: stopped for their own visitor, and forgotten when they end."""

from __future__ import annotations

from demo.work.jobs import Jobs


def test_stopping_reaches_only_the_visitors_own_jobs() -> None:
    jobs = Jobs()
    mine, other = jobs.begin("me", "video"), jobs.begin("you", "video")
    assert jobs.stop("me") == 1
    assert mine.is_set() and not other.is_set()


def test_a_new_job_stops_the_one_before_and_outlives_its_end() -> None:
    jobs = Jobs()
    first = jobs.begin("me", "video")
    second = jobs.begin("me", "video")
    jobs.end("me", "video", first)
    assert first.is_set() and not second.is_set()
    assert jobs.stop("me", "video") == 1 and second.is_set()
    jobs.end("me", "video", second)
    assert len(jobs) == 0
