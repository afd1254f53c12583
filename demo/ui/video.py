"""The Video tab: a face, a clip, its first frame at once, then the swapped clip beside the old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..examples.pairs import portraits as faces
from ..handlers import video as handlers
from ..handlers.assignment import PEOPLE
from ..work.clips import QUALITIES, SIZES, Writing
from . import assignment, choices, consent, portraits, trim
from .context import Context
from .listen import forget, listen, once_seen
from .photos import photo
from .words import model_choices

_SLIDER = 12  # percent from the left, as on the Image tab
_PAIRS = 4  # that are offered
_USUAL = Writing()
# Both players begin together, without sound until somebody wants it; on a phone they come into view.
_PLAY = once_seen(
    "#clip-result .side-by-side",
    """shown => {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (!still) shown.querySelectorAll('video').forEach(video => { video.muted = true; video.play().catch(() => {}); });
    if (shown.getBoundingClientRect().top > innerHeight / 2) {
        shown.scrollIntoView({behavior: still ? 'auto' : 'smooth', block: 'start'});
    }
}""",
)
# What happens to the result's player happens to the other one. Events of players do not bubble, but they can be caught.
TOGETHER = """() => {
    const other = event => {
        const pair = event.target.closest && event.target.closest('.side-by-side .after');
        return pair && pair.parentElement.querySelector('.before video');
    };
    for (const name of ['play', 'pause', 'seeking', 'ratechange', 'timeupdate']) {
        document.addEventListener(name, event => {
            const before = other(event), after = event.target;
            if (!before) return;
            if (name === 'play') before.play().catch(() => {});
            if (name === 'pause') before.pause();
            before.playbackRate = after.playbackRate;
            const there = after.currentTime + parseFloat(before.dataset.ahead);
            if (Math.abs(before.currentTime - there) > 0.08) before.currentTime = there;
        }, true);
    }
}"""


@dataclass(frozen=True, slots=True, eq=False)
class VideoTab:
    """Components of the tab.

    ``found`` and ``assignment`` are the visitor's own: people of the clip, letter by their index; ``previewed`` is what the
    preview was made of.
    """

    source: gr.Image
    person_b: gr.Image
    person_c: gr.Image
    person_d: gr.Image
    clip: gr.Video
    trim: gr.HTML
    look: gr.Button
    people_status: gr.Markdown
    people: gr.Gallery
    found: gr.State
    assignment: gr.State
    swap: gr.Button
    cancel: gr.Button
    consent: consent.ConsentPanel
    progress: gr.HTML
    preview: gr.ImageSlider
    preview_status: gr.Markdown
    previewed: gr.State
    result: gr.HTML
    status: gr.Markdown
    download: gr.DownloadButton
    details: gr.Accordion
    report: gr.JSON
    model: gr.Dropdown
    choices: dict[str, Any]
    quality: gr.Radio
    size: gr.Radio
    sound: gr.Checkbox
    deinterlace: gr.Checkbox
    pairs: gr.Column


def build(context: Context, clips: Sequence[str]) -> dict[str, gr.Image]:
    """Add the tab and return its photos by what they are for; ``clips`` are paths of those to try."""
    tab = lay_out(context)
    connect(context, tab, offer(context, tab, clips))
    return {"face": tab.source}


def lay_out(context: Context) -> VideoTab:
    """Add the tab's components."""
    chosen, found, previewed = gr.State({}), gr.State([]), gr.State(None)
    pairs = gr.Column()
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            with gr.Row(equal_height=False):
                source = photo(
                    context, context.words("source"), "video-source", context.words("alt_source"), height_px=270
                )
                clip = gr.Video(label=context.words("clip"), sources=["upload", "webcam"], height=270, elem_id="clip",
                                include_audio=True, min_width=200, buttons=[])  # fmt: skip
            gr.Markdown(context.words("clip_hint"), elem_classes="hint")
            part = trim.lay_out(context)
            people = _people(context, found, chosen)
            asked = _asked(context)
        with gr.Column(scale=3, min_width=280):
            result = _result(context)
    return VideoTab(source=source, clip=clip, trim=part, assignment=chosen, found=found, previewed=previewed, pairs=pairs,
                    **people, **asked, **result)  # fmt: skip


def _people(context: Context, found: gr.State, chosen: gr.State) -> dict[str, Any]:
    """Who is in the clip, and who goes there."""
    words = context.words
    with gr.Accordion(words("clip_people"), open=False):
        gr.Markdown(words("clip_people_hint"), elem_classes="hint")
        look = gr.Button(words("find_people"), elem_id="find-people")
        status = gr.Markdown(elem_id="people-status")
        people = gr.Gallery(label=words("people"), columns=4, height=130, fit_columns=False, show_label=False, visible=False,
                            format="png", elem_id="people", object_fit="contain", interactive=False)  # fmt: skip
        assignment.lay_out(context, found, chosen, "clip-person")
        with gr.Row():
            others = {
                f"person_{letter.lower()}": photo(
                    context, letter, f"video-person-{letter}", height_px=160, min_width_px=90
                )
                for letter in PEOPLE[1:]
            }
    return {"look": look, "people_status": status, "people": people, **others}


def _asked(context: Context) -> dict[str, Any]:
    """The button, what it asks, and how it is done."""
    words, engine = context.words, context.engine
    swap = gr.Button(words("swap_clip"), variant="primary", size="lg", elem_id="swap-clip")
    panel = consent.lay_out(context, "video")
    with gr.Accordion(words("options"), open=False):
        quality = gr.Radio([(words(f"quality_{name}"), name) for name in QUALITIES], value=_USUAL.quality,
                           label=words("quality"), elem_id="clip-quality")  # fmt: skip
        size = gr.Radio([(words(f"size_{name}"), name) for name in SIZES], value=_USUAL.size, label=words("size"),
                        elem_id="clip-size")  # fmt: skip
        sound = gr.Checkbox(_USUAL.sound, label=words("sound"), elem_id="clip-sound")
        deinterlace = gr.Checkbox(_USUAL.deinterlace, label=words("deinterlace"), elem_id="clip-deinterlace")
        model = gr.Dropdown(
            model_choices(words, engine.model_names()), value=engine.default_video_model(), label=words("model")
        )
        chosen = choices.lay_out(context, "video", moving=True)
    return {"swap": swap, "consent": panel, "quality": quality, "size": size, "sound": sound, "deinterlace": deinterlace,
            "model": model, "choices": chosen}  # fmt: skip


def _result(context: Context) -> dict[str, Any]:
    words = context.words
    preview = gr.ImageSlider(label=words("clip_preview"), format="webp", interactive=False, elem_id="clip-preview",
                             max_height=420, slider_position=_SLIDER, buttons=["fullscreen"])  # fmt: skip
    preview_status = gr.Markdown(elem_id="clip-preview-status", elem_classes="hint")
    with gr.Row(elem_id="clip-running", equal_height=True):
        progress = gr.HTML(elem_id="clip-progress", scale=4)
        cancel = gr.Button(words("cancel"), variant="stop", elem_id="cancel", scale=1, min_width=90)
    result = gr.HTML(elem_id="clip-result")
    status = gr.Markdown(elem_id="clip-status")
    download = gr.DownloadButton(words("download_clip"), visible=False, elem_id="clip-download", variant="primary")
    with gr.Accordion(words("clip_report"), open=False, visible=False) as details:
        report = gr.JSON(show_label=False)
    return {"preview": preview, "preview_status": preview_status, "progress": progress, "cancel": cancel, "result": result,
            "status": status, "download": download, "details": details, "report": report}  # fmt: skip


def offer(context: Context, tab: VideoTab, clips: Sequence[str]) -> list[Any]:
    """Show pairs to try, and faces to pick from; the events after which it swaps at once."""
    with tab.pairs:
        known = faces()
        events = []
        if clips and known:
            pairs = [[face, clips[number % len(clips)]] for number, face in enumerate(known[:_PAIRS])]
            shown = gr.Examples(pairs, [tab.source, tab.clip], label=context.words("examples"),
                                elem_id="video-examples")  # fmt: skip
            shown.dataset.headers = ["1", "2"]  # as on the Image tab
            events.append(shown.load_input_event)
        portraits.offer(context, tab.source, "video")
    return events


def connect(context: Context, tab: VideoTab, also: Sequence[Any]) -> None:
    """Have the tab answer; ``also`` are events after which it swaps at once."""
    people = ["people_status", "people", "found", "assignment"]
    listen(tab.clip.change, handlers.forget, context, tab, [*people, "trim"], queue=False)
    # It reads the file's index only, so it does not wait for the swap that an example starts.
    listen(tab.clip.change, handlers.measure, context, tab, ["trim"], show_progress="hidden")
    listen(tab.look.click, handlers.look, context, tab, people, **context.heavy)
    forget([tab.source.change, tab.clip.change], [tab.result, tab.status], [tab.download, tab.details], [tab.preview])
    _preview_at_once(context, tab)
    outputs = [
        "progress",
        "preview",
        "preview_status",
        "previewed",
        "result",
        "status",
        "download",
        "details",
        "report",
    ]
    photos = ["source", "person_b", "person_c", "person_d", "clip"]
    for event in consent.guard(context, tab, tab.swap, handlers.swap, outputs, also=also, photos=photos,
                               show_progress="hidden"):  # fmt: skip
        event.success(None, None, None, js=_PLAY, api_visibility="private")
    # Gradio's own `cancels` would drop the job where it stands and leave its file behind.
    listen(tab.cancel.click, handlers.halt, context, tab, ["progress", "status"], queue=False)


def _preview_at_once(context: Context, tab: VideoTab) -> None:
    """The first frame follows whatever it is made of."""
    asks = [tab.source.change, tab.clip.change, tab.trim.release, tab.model.input, tab.assignment.change]
    asks += [choices.changed(component) for component in tab.choices.values()]

    def on_any(*given: Any, **options: Any) -> Any:
        return gr.on(asks, *given, **options)

    listen(on_any, handlers.preview, context, tab, ["preview", "preview_status", "previewed"], **context.heavy,
           trigger_mode="always_last", show_progress="hidden")  # fmt: skip
