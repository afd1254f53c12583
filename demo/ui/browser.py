"""The tab whose swaps run on the visitor's own machine: a frame around the static page of :mod:`demo.browser`."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from ..browser.serve import URL, prepares_itself
from ..handlers import browser as handlers
from . import consent
from .context import Context
from .photos import photo

_FRAME = (
    f'<iframe id="browser-frame" src="{URL}/index.html" title="{{title}}" loading="lazy" allow="camera; microphone; fullscreen"'
    ' style="width: 100%; height: 900px; border: 0; color-scheme: normal"></iframe>'
)
# The frame has this server's address, so it may be told where the file is.
_HAND_OVER = """(file) => {
    const frame = document.querySelector('#browser-frame');
    if (file && file.url) frame.contentWindow.postMessage({network: file.url, name: file.orig_name}, location.origin);
}"""


@dataclass(frozen=True, slots=True, eq=False)
class BrowserTab:
    """Components of the tab."""

    source: gr.Image
    ready: gr.Button
    consent: consent.ConsentPanel
    made: gr.File
    status: gr.Markdown


def build(context: Context) -> None:
    """Add the tab; only where the page was built."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> BrowserTab:
    """Add the tab's components."""
    words = context.words
    is_needed = prepares_itself(context.settings)
    gr.Markdown(words("browser_hint_host") if is_needed else words("browser_hint"), elem_id="browser-hint")
    title = words("browser_prepare_host") if is_needed else words("browser_prepare")
    with gr.Accordion(title, open=is_needed, elem_id="browser-prepare"):
        gr.Markdown(words("browser_prepare_hint"), elem_classes="hint")
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=240):
                source = photo(context, words("browser_source"), "browser-source", words("alt_source"), height_px=220)
            with gr.Column(scale=1, min_width=240):
                ready = gr.Button(words("browser_ready"), variant="primary", elem_id="browser-ready")
                panel = consent.lay_out(context, "browser")
                made = gr.File(label=words("browser_file"), interactive=False, elem_id="browser-file")
                status = gr.Markdown(elem_id="browser-status")
    gr.HTML(_FRAME.format(title=escape("MobileFaceSwap")), elem_id="browser-page", padding=False)
    return BrowserTab(source, ready, panel, made, status)


def connect(context: Context, tab: BrowserTab) -> None:
    """Have the tab answer, and hand what it made over to the page in the frame."""
    for event in consent.guard(context, tab, tab.ready, handlers.prepare, ["made", "status"]):
        event.success(None, tab.made, None, js=_HAND_OVER, api_visibility="private")
