"""The Image tab: a face, a photo, a swap; the swapped face from near beside the whole picture."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import faces as face_handlers
from ..handlers import image as handlers
from ..handlers.assignment import PEOPLE
from ..work.results import LEAST_QUALITY, QUALITY, SUFFIXES, USUAL
from . import assignment, choices, consent, portraits
from .context import Context
from .listen import forget, listen, once_seen
from .photos import photo
from .words import model_choices

_SLIDER = 12  # percent from the left: a new result shows itself first, and that it can be pulled away
_USUAL_SCORE, _LEAST = 0.9, 0.1  # what the detector is content with, and the least a visitor can ask for
_PAGE = 8  # pairs that are offered at once
# On a phone the result is below what asked for it.
_INTO_VIEW = once_seen(
    "#near img",
    """image => {
    const near = image.closest('#near');
    if (near.getBoundingClientRect().top > innerHeight / 2) {
        const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
        near.scrollIntoView({behavior: still ? 'auto' : 'smooth', block: 'start'});
    }
}""",
)
_HAS_QUALITY = f"name => ({{__type__: 'update', visible: name !== '{USUAL}'}})"  # the usual format loses nothing
# Browsers take PNG only; the pixels, with the hidden mark in them, are those of the result.
_COPY = """async () => {
    const button = document.querySelector('#copy');
    const say = how => { button.classList.add(how); setTimeout(() => button.classList.remove(how), 1500); };
    try {
        const picture = [...document.querySelectorAll('#result img')].pop();
        const png = fetch(picture.src).then(answer => answer.blob()).then(async blob => {
            if (blob.type === 'image/png') return blob;
            const drawn = await createImageBitmap(blob), canvas = new OffscreenCanvas(drawn.width, drawn.height);
            canvas.getContext('2d').drawImage(drawn, 0, 0);
            return canvas.convertToBlob({type: 'image/png'});
        });
        await navigator.clipboard.write([new ClipboardItem({'image/png': png})]);
        say('done');
    } catch (refused) {
        console.warn('copy', refused);
        say('refused');
    }
}"""
# As long as the button is held, with a finger, a mouse or a key, the pictures are those before.
HOLD = """() => {
    const shown = before => document.querySelectorAll('#near, #result').forEach(e => e.classList.toggle('before', before));
    const isHold = event => event.target.closest && event.target.closest('#hold');
    const isKey = event => event.key === ' ' || event.key === 'Enter';
    document.addEventListener('pointerdown', event => isHold(event) && shown(true));
    for (const name of ['pointerup', 'pointercancel', 'blur']) window.addEventListener(name, () => shown(false));
    document.addEventListener('keydown', event => isHold(event) && isKey(event) && shown(true));
    document.addEventListener('keyup', event => isKey(event) && shown(false));
    document.addEventListener('contextmenu', event => isHold(event) && event.preventDefault());
}"""


@dataclass(frozen=True, slots=True, eq=False)
class ImageTab:
    """Components of the tab.

    The states are the visitor's own. ``found`` and ``assignment``: who goes on each face of the target. ``looked``: the target
    that was searched and what was found in it. ``tapped``: where it was tapped. ``corner``: of a box that was begun. ``made``:
    the last result. ``picked``: the face of it that is seen from near.
    """

    source: gr.Image
    more: gr.File
    person_b: gr.Image
    person_c: gr.Image
    person_d: gr.Image
    target: gr.Image
    faces_status: gr.Markdown
    panel: gr.Accordion
    overview: gr.Image
    tapped: gr.State
    corner: gr.State
    least: gr.Slider
    faces: gr.Gallery
    found: gr.State
    assignment: gr.State
    swap: gr.Button
    consent: consent.ConsentPanel
    near: gr.ImageSlider
    strip: gr.Gallery
    result: gr.ImageSlider
    status: gr.Markdown
    saving: gr.Row
    format: gr.Radio
    quality: gr.Slider
    download: gr.DownloadButton
    copy: gr.Button
    exchange: gr.Button
    reset: gr.Button
    model: gr.Dropdown
    choices: dict[str, Any]
    looked: gr.State
    made: gr.State
    picked: gr.State
    pairs: gr.Column


def build(context: Context, examples: Sequence[tuple[str, str]]) -> dict[str, gr.Image]:
    """Add the tab and return its photos by what they are for; ``examples`` are pairs of source and target paths."""
    tab = lay_out(context)
    connect(context, tab, offer(context, tab, examples))
    return {"face": tab.source, "target": tab.target}


def lay_out(context: Context) -> ImageTab:
    """Add the tab's components."""
    chosen, found, looked, made, picked = gr.State({}), gr.State([]), gr.State(None), gr.State(None), gr.State(0)
    tapped, corner = gr.State(None), gr.State(None)
    pairs = gr.Column()
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            with gr.Row(equal_height=False):
                source = photo(context, context.words("source"), "source", context.words("alt_source"), height_px=240)
                target = photo(context, context.words("target"), "target", context.words("alt_target"), height_px=240)
            with gr.Row(equal_height=False):
                exchange = gr.Button(context.words("exchange"), size="sm", elem_id="exchange", min_width=120)
                reset = gr.Button(context.words("reset"), size="sm", elem_id="reset", min_width=120)
            more = _more(context)
            faces = _faces(context, found, chosen)
            asked = _asked(context)
        with gr.Column(scale=3, min_width=280):
            result = _result(context)
    return ImageTab(source=source, target=target, assignment=chosen, found=found, looked=looked, made=made, picked=picked,
                    pairs=pairs, tapped=tapped, corner=corner, exchange=exchange, reset=reset,
                    **more, **faces, **asked, **result)  # fmt: skip


def _more(context: Context) -> dict[str, Any]:
    words = context.words
    with gr.Accordion(words("more_sources"), open=False):
        gr.Markdown(words("more_sources_hint"))
        more = gr.File(label=words("person_photos"), file_count="multiple", file_types=["image"], type="filepath")
        with gr.Row():
            others = {
                f"person_{letter.lower()}": photo(context, letter, f"person-{letter}", height_px=160, min_width_px=90)
                for letter in PEOPLE[1:]
            }
    return {"more": more, **others}


def _faces(context: Context, found: gr.State, chosen: gr.State) -> dict[str, Any]:
    words = context.words
    status = gr.Markdown(elem_id="faces-status")
    with gr.Accordion(words("faces_panel"), open=False, visible=False, elem_id="faces-panel") as panel:
        gr.Markdown(words("faces_hint"), elem_classes="hint")
        overview = gr.Image(label=words("faces"), show_label=False, interactive=False, format="webp", buttons=[],
                            elem_id="overview", height=360)  # fmt: skip
        gallery = gr.Gallery(label=words("faces"), columns=4, height=130, visible=False, format="webp", elem_id="faces",
                           fit_columns=False, show_label=False, object_fit="contain", interactive=False)  # fmt: skip
        assignment.lay_out(context, found, chosen, "face")
        least = gr.Slider(_LEAST, _USUAL_SCORE, value=_USUAL_SCORE, step=0.05, label=words("least"), elem_id="least")
    return {"faces_status": status, "panel": panel, "overview": overview, "faces": gallery, "least": least}


def _asked(context: Context) -> dict[str, Any]:
    """The button, what it asks, and how it is done."""
    words, engine = context.words, context.engine
    swap = gr.Button(words("swap"), variant="primary", size="lg", elem_id="swap")
    panel = consent.lay_out(context, "image")
    with gr.Accordion(words("options"), open=False):
        model = gr.Dropdown(model_choices(words, engine.model_names()), value=engine.default_model(),
                            label=words("model"), elem_id="model")  # fmt: skip
        chosen = choices.lay_out(context, "image")
    return {"swap": swap, "consent": panel, "model": model, "choices": chosen}


def _result(context: Context) -> dict[str, Any]:
    words = context.words
    with gr.Row(equal_height=False):
        with gr.Column(min_width=260, elem_id="close-up"):
            near = gr.ImageSlider(label=words("near"), format="webp", interactive=False, elem_id="near", visible=False,
                                  slider_position=_SLIDER, buttons=["fullscreen"])  # fmt: skip
            strip = gr.Gallery(label=words("strip"), columns=6, height=96, visible=False, format="webp", elem_id="strip",
                               show_label=False, allow_preview=False, object_fit="cover", interactive=False, buttons=[])  # fmt: skip
        with gr.Column(min_width=260):
            result = gr.ImageSlider(label=words("result"), format="png", interactive=False, elem_id="result",
                                    max_height=560, slider_position=_SLIDER, buttons=["fullscreen"])  # fmt: skip
    status = gr.Markdown(elem_id="status")
    saving = _saving(context)
    return {"near": near, "strip": strip, "result": result, "status": status, **saving}


def _saving(context: Context) -> dict[str, Any]:
    """How the result is taken away."""
    words = context.words
    with gr.Row(visible=False, equal_height=False) as saving:
        with gr.Column(min_width=200):
            names = gr.Radio(list(SUFFIXES), value=USUAL, label=words("format"), elem_id="format")
            quality = gr.Slider(LEAST_QUALITY, 100, value=QUALITY, step=1, label=words("quality"), elem_id="quality",
                                visible=False)  # fmt: skip
        with gr.Column(min_width=160):
            download = gr.DownloadButton(words("download"), elem_id="download", variant="primary")
            copy = gr.Button(words("copy"), elem_id="copy")
            gr.Button(words("hold"), elem_id="hold")  # HOLD listens to it
    return {"saving": saving, "format": names, "quality": quality, "download": download, "copy": copy}


def offer(context: Context, tab: ImageTab, examples: Sequence[tuple[str, str]]) -> list[Any]:
    """Show the pairs to try; the events that follow a choice."""
    if not examples:
        return []
    with tab.pairs:
        shown = gr.Examples([list(pair) for pair in examples], [tab.source, tab.target], label=context.words("examples"),
                            examples_per_page=_PAGE, elem_id="examples")  # fmt: skip
        picked = portraits.offer(context, tab.source, "image")
        gr.Markdown(context.words("examples_note"), elem_classes="hint")
    shown.dataset.headers = ["1", "2"]  # column heads are not translated; the numbers are those of the steps
    return [shown.load_input_event, picked]


def _index(event: gr.SelectData) -> int:
    return int(event.index)


def _place(event: gr.SelectData) -> tuple[float, float, float]:
    """Where a picture was tapped, and when: the same place twice is two taps."""
    return float(event.index[0]), float(event.index[1]), time.monotonic()


def _faces_answer(context: Context, tab: ImageTab) -> None:
    seen = ["faces_status", "overview", "faces", "found", "assignment", "looked", "corner"]
    for event in (tab.target.change, tab.least.release):
        listen(event, face_handlers.look, context, tab, [*seen, "panel", "least"], queue=True, show_progress="hidden")
    tab.overview.select(_place, None, tab.tapped, queue=False, show_progress="hidden", api_visibility="private")
    listen(tab.tapped.change, face_handlers.tap, context, tab, seen, show_progress="hidden")


def _options_at_once(context: Context, tab: ImageTab, outputs: Sequence[str]) -> None:
    """The last picture follows what is chosen about it."""
    wiring: dict[str, Any] = {**context.heavy, "trigger_mode": "always_last", "show_progress_on": [tab.near]}
    for event in (tab.model.input, *map(choices.changed, tab.choices.values())):
        listen(event, handlers.swap_again, context, tab, outputs, **wiring)
    listen(tab.assignment.change, handlers.swap_reassigned, context, tab, outputs, **wiring)


def _in_the_browser(tab: ImageTab) -> None:
    """What needs no server."""
    quiet: dict[str, Any] = {"api_visibility": "private"}
    tab.format.input(None, tab.format, tab.quality, js=_HAS_QUALITY, **quiet)
    tab.copy.click(None, None, None, js=_COPY, **quiet)
    emptied = [tab.source, tab.more, tab.person_b, tab.person_c, tab.person_d, tab.target]
    usual = {component: component.value for component in (tab.model, *tab.choices.values())}
    values = json.dumps([*[None] * len(emptied), *usual.values()])
    tab.reset.click(None, None, [*emptied, *usual], js=f"() => {values}", **quiet)


def connect(context: Context, tab: ImageTab, also: Sequence[Any]) -> None:
    """Have the tab answer; ``also`` are events after which it swaps at once."""
    _faces_answer(context, tab)
    forget([tab.source.change, tab.target.change], [tab.result, tab.status], [tab.near, tab.strip, tab.saving])
    people = ["source", "more", "person_b", "person_c", "person_d", "target"]
    outputs = ["result", "near", "strip", "status", "saving", "download", "made", "picked"]
    quiet: dict[str, Any] = {"api_visibility": "private"}
    given = [event(None, None, None, js="() => {}", **quiet) for event in (tab.source.input, tab.target.input)]
    both = [tab.source, tab.target]
    given.append(tab.exchange.click(None, both, both, js="(source, target) => [target, source]", **quiet))
    for event in consent.guard(context, tab, tab.swap, handlers.swap, outputs, also=[*also, *given],
                               unasked=handlers.swap_if_complete, photos=people):  # fmt: skip
        event.success(None, None, None, js=_INTO_VIEW, api_visibility="private")
    tab.strip.select(_index, None, tab.picked, queue=False, show_progress="hidden", api_visibility="private")
    quietly: dict[str, Any] = {"show_progress": "hidden"}
    listen(tab.picked.change, handlers.show_near, context, tab, ["near"], **quietly)
    for event in (tab.format.input, tab.quality.release):
        listen(event, handlers.save_as, context, tab, ["download"], **quietly)
    _options_at_once(context, tab, outputs)
    _in_the_browser(tab)
