"""The About tab: what this is, what it cannot do, and under which terms."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr

from mobilefaceswap_core import __version__
from mobilefaceswap_core.consent import usage_policy

from .context import Context


def build(context: Context) -> None:
    """Add the tab's components."""
    card = files("mobilefaceswap_core").joinpath("weights", "MODEL_CARD.md").read_text(encoding="utf-8")
    about = files("demo").joinpath("texts", "about.md").read_text(encoding="utf-8")
    gr.Markdown(about.replace("{version}", __version__))
    with gr.Accordion("Usage policy", open=False):
        gr.Markdown(usage_policy())
    with gr.Accordion("Model card", open=False):
        gr.Markdown(card)
