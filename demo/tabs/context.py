"""What every tab is built with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from mobilefaceswap_core.consent import consent_text

from ..engine import Engine
from ..settings import Settings

HEAVY = "swap"  # concurrency id of everything that keeps the processor or GPU busy


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Shared by the tabs while the page is built.

    Attributes:
        consent: the visit's answer, ``True`` once given; never stored.
        words: text by key, as something Gradio translates in the browser.
    """

    engine: Engine
    settings: Settings
    consent: gr.State
    words: Callable[[str], Any]


def consent_gate(
    context: Context,
    button: gr.Button,
    run: Callable[..., Any],
    inputs: list[gr.components.Component],
    outputs: list[gr.components.Component],
    *,
    api_name: str,
) -> None:
    """Run on click, after asking for consent once per visit.

    The first click opens a panel with the text; agreeing there runs what was asked for. ``run`` takes the inputs, then
    the visit's consent as its last positional argument, and must do nothing without it.
    """
    with gr.Group(visible=False, elem_classes="consent") as panel:
        gr.Markdown(f"### {consent_title()}\n\n{consent_text()}", container=True)
        agree = gr.Button(context.words("agree"), variant="primary", elem_id=f"agree-{api_name}")
    wiring: dict[str, Any] = {
        "inputs": [*inputs, context.consent],
        "outputs": outputs,
        "concurrency_id": HEAVY,
        "concurrency_limit": context.settings.concurrency,
        "api_visibility": "private",
    }
    asked = button.click(
        lambda given: gr.update(visible=not given), context.consent, panel, queue=False, api_visibility="private"
    )
    asked.then(run, **wiring)
    agreed = agree.click(
        lambda: (True, gr.update(visible=False)), None, [context.consent, panel], queue=False, api_visibility="private"
    )
    agreed.then(run, **wiring)


def consent_title() -> str:
    from ..texts import say

    return say("consent_title")
