"""What happens when a visitor closes the page."""

from __future__ import annotations

from typing import Any

from ..messages import Visit
from ..work.services import Services


def leave(services: Services, visit: Visit) -> dict[str, Any]:
    """Stop whatever runs for the visitor."""
    services.jobs.stop(visit.session)
    return {}
