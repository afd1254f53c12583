"""Answer to a photo that a visitor gave, before anything is done with it."""

from __future__ import annotations

from ..messages import Visit
from ..work.services import Services


def check(services: Services, visit: Visit, *, photo: str | None) -> None:
    """Nothing, for a photo that can be read.

    Raises:
        ImageError: it is none, damaged or too large.
    """
    if photo:
        services.engine.read(photo)
