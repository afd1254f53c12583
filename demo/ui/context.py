"""What every tab is laid out and connected with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..settings import Settings
from ..work.engine import Engine
from ..work.services import Services

_HEAVY = "swap"  # concurrency id of everything that keeps the processor or GPU busy


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Shared by the tabs while the page is built.

    Attributes:
        services: what handlers are given.
        consent: the visit's answer, ``True`` once given; never stored.
        words: text by key, as something Gradio translates in the browser.
    """

    services: Services
    consent: gr.State
    words: Callable[[str], Any]

    @property
    def engine(self) -> Engine:
        return self.services.engine

    @property
    def settings(self) -> Settings:
        return self.services.settings

    @property
    def heavy(self) -> dict[str, Any]:
        """Event options of what keeps the machine busy: as many at the same time as the host allows, in all tabs together."""
        return {"concurrency_id": _HEAVY, "concurrency_limit": self.settings.concurrency}


# An evaluation is a process of its own at low priority: swaps of other visitors go on beside it.
BACKGROUND: dict[str, Any] = {"concurrency_id": "evaluate", "concurrency_limit": 1}
