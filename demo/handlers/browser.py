"""Answers of the tab whose swaps run on the visitor's own machine."""

from __future__ import annotations

from typing import Any

from mobilefaceswap_core.errors import OptionError

from ..messages import Visit
from ..texts import say
from ..work.export import prepare_network
from ..work.services import Services


def prepare(services: Services, visit: Visit, *, source: str | None, consented: bool) -> dict[str, Any]:
    """Turn a photo into a network for the page; nothing without consent.

    Raises:
        OptionError: there is no photo.
    """
    if not consented:
        return {}
    if not source:
        raise OptionError(say("need_source", visit.language))
    services.engine.admit(visit.caller)
    made = prepare_network(services.engine, source)
    return {"made": str(made), "status": say("browser_prepared", visit.language)}
