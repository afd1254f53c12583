"""The Live tab: the visitor's camera through the swapper."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.images import check_image
from mobilefaceswap_core.video import LiveStats, LiveSwapper

from ..camera import read_as_photos
from ..living import live_swapper
from ..messages import caller, language, plain_words
from ..texts import say
from .context import ConsentPanel, Context, photo

_EVERY_S = 0.1  # between two pictures that the browser sends; faster than a processor answers
_CAMERA = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}  # larger pictures only take longer to send


def build(context: Context) -> None:
    """Add the tab's components."""
    words, settings = context.words, context.settings
    swapper = gr.State(None, time_to_live=60.0 * settings.keep_minutes)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=240):
            source = photo(words("live_source"), "live-source", words("alt_source"), height_px=240)
            ready = gr.Button(words("live_ready"), variant="primary", elem_id="live-ready")
            panel = ConsentPanel(context, "live")
            status = gr.Markdown(elem_id="live-status")
            gr.Markdown(words("live_hint"), elem_classes="hint")
        with gr.Column(scale=2, min_width=280):
            camera = gr.Image(
                label=words("live_camera"), sources=["webcam"], streaming=True, type="numpy", elem_id="camera",
                height=360, webcam_options=gr.WebcamOptions(mirror=True, constraints=_CAMERA),
            )  # fmt: skip
            read_as_photos(camera, max_pixels=settings.max_pixels)
        with gr.Column(scale=2, min_width=280):
            shown = gr.Image(label=words("live_result"), streaming=True, format="jpeg", interactive=False, buttons=["fullscreen"], height=360,
                             elem_id="live-result")  # fmt: skip
            stats = gr.Markdown(elem_id="live-stats")

    @plain_words
    def prepare(path: str | None, consented: bool, request: gr.Request) -> tuple[Any, ...]:
        if not consented:
            return gr.skip(), gr.skip()
        spoken = language(request)
        if not path:
            raise OptionError(say("need_source", spoken))
        context.engine.admit(caller(request))
        return live_swapper(context.engine, path), say("live_prepared", spoken)

    @plain_words
    def step(frame: np.ndarray | None, made: LiveSwapper | None, request: gr.Request) -> tuple[Any, str]:
        spoken = language(request)
        if made is None:
            return None, say("live_first", spoken)
        if frame is None:
            return gr.skip(), gr.skip()
        picture, how = made.process(check_image(frame, what="the camera's picture"))
        return picture, in_words(how, spoken)

    panel.guard(ready, prepare, [source], [swapper, status])
    camera.stream(
        step, [camera, swapper], [shown, stats], time_limit=settings.live_seconds, stream_every=_EVERY_S,
        concurrency_id="live", concurrency_limit=settings.live_concurrency, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip


def in_words(how: LiveStats, spoken: str) -> str:
    """The latency read-out."""
    return say(
        "live_stats", spoken, latency=f"{how.latency_ms:.0f}", p50=f"{how.p50_ms:.0f}", p95=f"{how.p95_ms:.0f}",
        frames=how.frames, dropped=how.frames_dropped, faces=how.faces,
    )  # fmt: skip
