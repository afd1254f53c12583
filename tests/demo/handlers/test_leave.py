"""What happens when a visitor closes the page."""

from __future__ import annotations

from demo.handlers.leave import leave
from demo.messages import Visit
from demo.work.services import Services

VISIT = Visit(session="me")


def test_leaving_stops_all_of_a_visitors_jobs_and_no_others(services: Services) -> None:
    mine = [services.jobs.begin("me", kind) for kind in ("video", "evaluate")]
    other = services.jobs.begin("you", "video")
    leave(services, VISIT)
    assert all(stop.is_set() for stop in mine) and not other.is_set()
