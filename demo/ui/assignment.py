"""A drop-down for each face of a group or person of a clip: who goes there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from mobilefaceswap_core.faces.numbers import number_of

from ..handlers.assignment import NOBODY, PEOPLE, assign
from .context import Context


def lay_out(context: Context, found: gr.State, chosen: gr.State, name: str) -> None:
    """Add the drop-downs; they appear when there is more than one to choose for.

    Args:
        context: of the page.
        found: the faces or people, in order; texts are who goes there already.
        chosen: letter by index.
        name: begins the element ids, such as ``face`` for ``face-1``.
    """
    choices = [*((letter, letter) for letter in PEOPLE), ("—", NOBODY)]

    @gr.render(inputs=found, triggers=[found.change])
    def show(everyone: Sequence[Any]) -> None:
        if len(everyone) < 2:
            return
        with gr.Accordion(context.words("who_goes_where"), open=True), gr.Row():
            for index in range(len(everyone)):
                number = str(number_of(index))
                letter = everyone[index] if isinstance(everyone[index], str) else PEOPLE[0]
                choice = gr.Dropdown(choices, value=letter, label=number, min_width=70, filterable=False,
                                     interactive=True, elem_id=f"{name}-{number}")  # fmt: skip
                # Through the queue, for what goes past it has no route; without a limit, for it waits for nothing.
                choice.input(partial(assign, index=index), [choice, chosen], chosen, concurrency_limit=None,
                             show_progress="hidden", api_visibility="private")  # fmt: skip
