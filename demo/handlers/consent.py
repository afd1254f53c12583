"""The question that comes before the first swap of a visit."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..messages import Visit
from ..work.services import Services


def ask(services: Services, visit: Visit, *, consented: bool) -> dict[str, Any]:
    """Show the question unless it was answered in this visit."""
    return {"question": gr.update(visible=not consented)}


def agree(services: Services, visit: Visit) -> dict[str, Any]:
    """Remember the answer for this visit."""
    return {"consented": True, "question": gr.update(visible=False)}
