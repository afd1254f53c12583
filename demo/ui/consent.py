"""Asks for consent once per visit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from ..handlers import consent as handlers
from .context import Context
from .listen import listen


@dataclass(frozen=True, slots=True, eq=False)
class ConsentPanel:
    """The question and its button; hidden until a guarded button is pressed. ``photos`` are what it is asked about."""

    question: gr.Group
    agree: gr.Button
    photos: dict[str, Any] = field(default_factory=dict)


def lay_out(context: Context, name: str) -> ConsentPanel:
    """Add the panel where the question should appear; ``name`` is the tab's."""
    with gr.Group(visible=False, elem_classes="consent") as question:
        gr.Markdown(context.words("consent"), elem_classes="consent-text")
        agree = gr.Button(context.words("agree"), variant="primary", elem_id=f"agree-{name}")
    return ConsentPanel(question, agree)


def guard(
    context: Context,
    tab: Any,
    button: gr.Button,
    handler: Callable[..., Any],
    outputs: Sequence[str],
    *,
    also: Sequence[Any] = (),
    unasked: Callable[..., Any] | None = None,
    photos: Sequence[str] = (),
    **options: Any,
) -> list[Any]:
    """Have a handler answer a click, with consent.

    The first click opens the panel with the text; agreeing there runs what was asked for. After that no tab asks again.

    Args:
        context: of the page.
        tab: dataclass of components with a field ``consent``, the :class:`ConsentPanel`.
        button: starts it.
        handler: takes ``consented`` and must do nothing without it.
        outputs: names of what it may change.
        also: other events that start it, once they are through.
        unasked: answers those in the place of ``handler``.
        photos: names of what is swapped; photos that ship need no consent.
        options: Gradio's event options in the place of those of heavy work.

    Returns:
        The events that run it.
    """
    panel: ConsentPanel = replace(tab.consent, photos={name: getattr(tab, name) for name in photos})
    asking: dict[str, Any] = {"queue": False, "show_progress": "hidden"}

    def ask(start: Any) -> Any:
        return listen(start, handlers.ask, context, panel, ["question"], **asking)

    agreed = listen(panel.agree.click, handlers.agree, context, panel, ["consented", "question"], **asking)
    starts = [
        (ask(button.click), handler),
        (agreed, handler),
        *((ask(event.then), unasked or handler) for event in also),
    ]
    wiring = context.heavy | options
    return [listen(start.then, answer, context, tab, outputs, **wiring) for start, answer in starts]
