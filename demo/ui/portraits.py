"""Six faces to pick from, in every tab that takes a face: one tap and a portrait of nobody is there."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..examples.pairs import portraits
from .context import Context

# What a face that is offered is called, by those who hear the page: its file's name.
NAMES = """() => {
    const name = () => document.querySelectorAll('[id$=portraits] img, [id$=examples] img').forEach(picture => {
        const words = decodeURIComponent(picture.src).split('/').pop().replace(/\\.\\w+$/, '').replace(/_/g, ' ');
        if (!picture.alt) picture.alt = words;
        const button = picture.closest('button');
        if (button && !button.getAttribute('aria-label')) button.setAttribute('aria-label', words);
    });
    name();
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
}"""


def offer(context: Context, source: gr.Image, name: str, *, label: str = "portraits") -> Any:
    """Add the strip.

    Args:
        context: of the page.
        source: takes the portrait that was tapped.
        name: of the tab; begins the element's id.
        label: key of the text above.

    Returns:
        Gradio's event that follows a tap.
    """
    shown = gr.Examples([[path] for path in portraits()], [source], label=context.words(label),
                        elem_id=f"{name}-portraits")  # fmt: skip
    return shown.load_input_event
