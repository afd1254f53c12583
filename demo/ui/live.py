"""The Live tab: the visitor's camera through the swapper."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from ..handlers import live as handlers
from . import choices, consent, portraits
from .context import Context
from .listen import listen
from .photos import photo
from .words import model_choices

# The camera's own picture is small in a corner of the swapped one. Gradio's stream gave 6 to 9 pictures a second where the
# script beside this file gives twice as many: it writes each picture as text into JSON, and asks for each by an event.
_STAGE = """<div class="live-stage" data-state="">
  <canvas class="own" width="4" height="3"></canvas><canvas class="swapped" width="640" height="480"></canvas>
  <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 7h11v10H3z M14 11l6-3v8l-6-3"/></svg>
</div>
<p id="live-stats"></p>"""
_SCRIPT = files(__package__).joinpath("live.js").read_text(encoding="utf-8")
_TELL = "() => document.querySelector('#live-result .live-stage').dispatchEvent(new Event('%s', {bubbles: true}))"


@dataclass(frozen=True, slots=True, eq=False)
class LiveTab:
    """Components of the tab.

    ``session`` is the key of the visitor's own live swapper, as the server keeps it; ``stage`` has it too, for the browser
    sends it with each picture.
    """

    source: gr.Image
    ready: gr.Button
    consent: consent.ConsentPanel
    status: gr.Markdown
    session: gr.State
    stage: gr.HTML
    start: gr.Button
    stop: gr.Button
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
    session = gr.State(None, delete_callback=context.services.live.close)
    faces = gr.Column()
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            asked = _asked(context)
        with gr.Column(scale=3, min_width=280):
            seen = _seen(context)
    with faces:
        tapped = portraits.offer(context, asked["source"], "live", label="portraits_first")
    return LiveTab(session=session, tapped=tapped, **asked, **seen)


def _asked(context: Context) -> dict[str, Any]:
    """The face, the button, and how it is done."""
    words, engine = context.words, context.engine
    source = photo(context, words("live_source"), "live-source", words("alt_source"), height_px=240)
    ready = gr.Button(words("live_ready"), variant="primary", size="lg", elem_id="live-ready")
    panel = consent.lay_out(context, "live")
    status = gr.Markdown(elem_id="live-status")
    with gr.Accordion(words("options"), open=False):
        model = gr.Dropdown(model_choices(words, engine.model_names()), value=engine.default_video_model(),
                            label=words("model"), elem_id="live-model")  # fmt: skip
        chosen = choices.lay_out(context, "live", moving=True)
    return {"source": source, "ready": ready, "consent": panel, "status": status, "model": model, "choices": chosen}


def _seen(context: Context) -> dict[str, Any]:
    """The camera and what becomes of it."""
    words = context.words
    stage = gr.HTML(None, label=words("live_result"), show_label=True, container=True, elem_id="live-result",
                    html_template=_STAGE, js_on_load=_SCRIPT)  # fmt: skip
    gr.Markdown(words("live_refused"), elem_id="live-refused")
    start = gr.Button(words("live_start"), variant="primary", size="lg", elem_id="live-start")
    stop = gr.Button(words("live_stop"), size="lg", elem_id="live-stop")
    gr.Markdown(words("live_hint"), elem_classes="hint")
    return {"stage": stage, "start": start, "stop": stop}


def connect(context: Context, tab: LiveTab) -> None:
    """Have the tab answer."""
    consent.guard(context, tab, tab.ready, handlers.prepare, ["session", "stage", "status"], also=[tab.tapped],
                  photos=["source"])  # fmt: skip
    for event in (tab.model.input, *(choices.changed(component) for component in tab.choices.values())):
        listen(event, handlers.adjust, context, tab, ["status"], **context.heavy, trigger_mode="always_last",
               show_progress="hidden")  # fmt: skip
    for button, what in ((tab.start, "live-start"), (tab.stop, "live-stop")):
        button.click(None, None, None, js=_TELL % what, api_visibility="private")
