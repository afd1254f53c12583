"""The Live tab: the visitor's camera through the swapper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import live as handlers
from ..work.camera import read_as_photos
from . import choices, consent
from .context import Context
from .listen import listen
from .photos import photo

_EVERY_S = 0.1  # between two pictures that the browser sends; faster than a processor answers
_CAMERA = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}  # larger pictures only take longer to send


@dataclass(frozen=True, slots=True, eq=False)
class LiveTab:
    """Components of the tab; ``session`` is the key of the visitor's own live swapper."""

    source: gr.Image
    ready: gr.Button
    consent: consent.ConsentPanel
    status: gr.Markdown
    session: gr.State
    camera: gr.Image
    shown: gr.Image
    stats: gr.Markdown
    choices: dict[str, Any]


def build(context: Context) -> None:
    """Add the tab."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> LiveTab:
    """Add the tab's components."""
    words = context.words
    session = gr.State(None, delete_callback=context.services.live.close)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=240):
            source = photo(context, words("live_source"), "live-source", words("alt_source"), height_px=240)
            ready = gr.Button(words("live_ready"), variant="primary", elem_id="live-ready")
            panel = consent.lay_out(context, "live")
            status = gr.Markdown(elem_id="live-status")
            gr.Markdown(words("live_hint"), elem_classes="hint")
            with gr.Accordion(words("options"), open=False):
                chosen = choices.lay_out(context, "live", moving=True)
        with gr.Column(scale=2, min_width=280):
            camera = gr.Image(
                label=words("live_camera"), sources=["webcam"], streaming=True, type="numpy", elem_id="camera",
                height=360, webcam_options=gr.WebcamOptions(mirror=True, constraints=_CAMERA),
            )  # fmt: skip
            read_as_photos(camera, max_pixels=context.settings.max_pixels)
        with gr.Column(scale=2, min_width=280):
            shown = gr.Image(label=words("live_result"), streaming=True, format="jpeg", interactive=False,
                             buttons=["fullscreen"], height=360, elem_id="live-result")  # fmt: skip
            stats = gr.Markdown(elem_id="live-stats")
    return LiveTab(source, ready, panel, status, session, camera, shown, stats, chosen)


def connect(context: Context, tab: LiveTab) -> None:
    """Have the tab answer."""
    settings = context.settings
    consent.guard(context, tab, tab.ready, handlers.prepare, ["session", "status"])
    listen(
        tab.camera.stream, handlers.step, context, tab, ["shown", "stats"], time_limit=settings.live_seconds,
        stream_every=_EVERY_S, concurrency_id="live", concurrency_limit=settings.live_concurrency,
        show_progress="hidden",
    )  # fmt: skip
