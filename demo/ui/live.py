"""The Live tab: the visitor's camera through the swapper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import live as handlers
from ..work.camera import read_as_photos
from . import choices, consent, portraits
from .context import Context
from .listen import listen
from .photos import photo
from .words import model_choices

# How often the browser looks whether the last picture is back; only then it sends the next one. At 0.1 s it waited 50 ms for
# nothing on the average: 7 pictures a second where 0.033 s gives 9, on two processors that others kept busy.
_EVERY_S = 0.033
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
    model: gr.Dropdown
    choices: dict[str, Any]
    tapped: Any


def build(context: Context) -> dict[str, gr.Image]:
    """Add the tab, and return its photos by what they are for."""
    tab = lay_out(context)
    connect(context, tab)
    return {"face": tab.source}


def lay_out(context: Context) -> LiveTab:
    """Add the tab's components."""
    words = context.words
    session = gr.State(None, delete_callback=context.services.live.close)
    faces = gr.Column()
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            asked = _asked(context)
        with gr.Column(scale=3, min_width=280):
            shown = gr.Image(label=words("live_result"), streaming=True, format="jpeg", interactive=False,
                             buttons=["fullscreen"], height=420, elem_id="live-result")  # fmt: skip
            stats = gr.Markdown(elem_id="live-stats")
            gr.Markdown(words("live_hint"), elem_classes="hint")
    with faces:
        tapped = portraits.offer(context, asked["source"], "live", label="portraits_first")
    return LiveTab(session=session, shown=shown, stats=stats, tapped=tapped, **asked)


def _asked(context: Context) -> dict[str, Any]:
    """The face, the button, the camera, and how it is done."""
    words, engine = context.words, context.engine
    source = photo(context, words("live_source"), "live-source", words("alt_source"), height_px=200)
    ready = gr.Button(words("live_ready"), variant="primary", size="lg", elem_id="live-ready")
    panel = consent.lay_out(context, "live")
    status = gr.Markdown(elem_id="live-status")
    camera = gr.Image(
        label=words("live_camera"), sources=["webcam"], streaming=True, type="numpy", elem_id="camera", height=260,
        webcam_options=gr.WebcamOptions(mirror=True, constraints=_CAMERA),
    )  # fmt: skip
    read_as_photos(camera, max_pixels=context.settings.max_pixels)
    with gr.Accordion(words("options"), open=False):
        model = gr.Dropdown(model_choices(words, engine.model_names()), value=engine.default_video_model(),
                            label=words("model"), elem_id="live-model")  # fmt: skip
        chosen = choices.lay_out(context, "live", moving=True)
    return {"source": source, "ready": ready, "consent": panel, "status": status, "camera": camera, "model": model,
            "choices": chosen}  # fmt: skip


def connect(context: Context, tab: LiveTab) -> None:
    """Have the tab answer."""
    settings = context.settings
    consent.guard(context, tab, tab.ready, handlers.prepare, ["session", "status"], also=[tab.tapped])
    for event in (tab.model.input, *(choices.changed(component) for component in tab.choices.values())):
        listen(event, handlers.adjust, context, tab, ["status"], **context.heavy, trigger_mode="always_last",
               show_progress="hidden")  # fmt: skip
    listen(
        tab.camera.stream, handlers.step, context, tab, ["shown", "stats"], time_limit=settings.live_seconds,
        stream_every=_EVERY_S, concurrency_id="live", concurrency_limit=settings.live_concurrency,
        show_progress="hidden",
    )  # fmt: skip
