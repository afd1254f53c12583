"""The tab whose swaps run on the visitor's own machine: a frame around the static page of :mod:`demo.browser`."""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.student.export import export_baked

from ..auditing import door
from ..browser.serve import URL, page_folder, prepares_itself
from ..engine import Engine
from ..messages import caller, language, plain_words
from ..texts import say
from .context import ConsentPanel, Context, photo

_MODEL = "student"  # the only swapper small enough, and the one whose alignment the page knows
_FRAME = (
    f'<iframe id="browser-frame" src="{URL}/index.html" title="{{title}}" loading="lazy" allow="camera; fullscreen"'
    ' style="width: 100%; height: 900px; border: 0; color-scheme: normal"></iframe>'
)
# The frame has this server's address, so it may be told where the file is.
_HAND_OVER = """(file) => {
    const frame = document.querySelector('#browser-frame');
    if (file && file.url) frame.contentWindow.postMessage({network: file.url, name: file.orig_name}, location.origin);
}"""


def build(context: Context) -> None:
    """Add the tab's components; one sentence where the page was not built."""
    words, settings = context.words, context.settings
    if page_folder(settings) is None:
        gr.Markdown(words("browser_not_built"), elem_id="browser-not-built")
        return
    is_needed = prepares_itself(settings)
    gr.Markdown(words("browser_hint_host") if is_needed else words("browser_hint"), elem_id="browser-hint")
    title = words("browser_prepare_host") if is_needed else words("browser_prepare")
    with gr.Accordion(title, open=is_needed, elem_id="browser-prepare"):
        gr.Markdown(words("browser_prepare_hint"), elem_classes="hint")
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=240):
                source = photo(words("browser_source"), "browser-source", words("alt_source"), height_px=220)
            with gr.Column(scale=1, min_width=240):
                ready = gr.Button(words("browser_ready"), variant="primary", elem_id="browser-ready")
                panel = ConsentPanel(context, "browser")
                made = gr.File(label=words("browser_file"), interactive=False, elem_id="browser-file")
                status = gr.Markdown(elem_id="browser-status")
    gr.HTML(_FRAME.format(title=escape("MobileFaceSwap")), elem_id="browser-page", padding=False)

    @plain_words
    def prepare(path: str | None, consented: bool, request: gr.Request) -> tuple[object, object]:
        if not consented:
            return gr.skip(), gr.skip()
        spoken = language(request)
        if not path:
            raise OptionError(say("need_source", spoken))
        context.engine.admit(caller(request))
        return str(prepare_network(context.engine, path)), say("browser_prepared", spoken)

    for event in panel.guard(ready, prepare, [source], [made, status]):
        event.success(None, made, None, js=_HAND_OVER, api_visibility="private")


@door("export")
def prepare_network(engine: Engine, path: str | Path) -> Path:
    """The student with a visitor's source inside, 1 MB, as a file that is deleted with the other results.

    Raises:
        NoFaceError, ImageError: the photo cannot be used.
        RefusedError: the person is on the host's block list.
    """
    source = engine.prepare(_MODEL, [path], video=True)
    student = engine.video_pipeline(_MODEL).swapper
    out = engine.new_file("face.onnx")
    export_baked(student, source.condition, out, half=True)  # type: ignore[arg-type]  # the swapper of this name is one
    engine.rules().note("export", sources=[Path(path)], output=out, model=_MODEL)
    return out
