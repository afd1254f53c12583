"""The Image tab: a face, a photo, a swap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import OptionError

from ..engine import SwappedPhoto
from ..faces import numbered, thumbnail
from ..messages import caller, language, plain_words
from ..texts import say
from ..zerogpu import on_gpu
from .context import ConsentPanel, Context, photo

PEOPLE = "ABCD"
NOBODY = "-"
_SLIDER = 12  # percent from the left: a new result shows itself first, and that it can be pulled away


def build(context: Context, examples: Sequence[tuple[str, str]]) -> None:
    """Add the tab's components; ``examples`` are pairs of source and target paths."""
    words, settings = context.words, context.settings
    swap_photo = on_gpu(context.engine.swap_photo)
    assignment = gr.State({})  # face number -> letter, of this visitor
    found = gr.State([])  # thumbnails of the target's faces
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=260):
            source = photo(words("source"), "source", words("alt_source"))
            with gr.Accordion(words("more_sources"), open=False):
                gr.Markdown(words("more_sources_hint"))
                more = gr.File(
                    label=words("person_photos"), file_count="multiple", file_types=["image"], type="filepath"
                )
                with gr.Row():
                    others = [photo(f"{letter}", f"person-{letter}", height_px=160) for letter in PEOPLE[1:]]
        with gr.Column(scale=2, min_width=260):
            target = photo(words("target"), "target", words("alt_target"))
            faces_status = gr.Markdown(elem_id="faces-status")
            faces = gr.Gallery(label=words("faces"), columns=4, height=130, visible=False, format="png", elem_id="faces", fit_columns=False, show_label=False,
                               object_fit="contain", interactive=False)  # fmt: skip
            _assignments(context, found, assignment)
        with gr.Column(scale=3, min_width=300):
            swap = gr.Button(words("swap"), variant="primary", size="lg", elem_id="swap")
            panel = ConsentPanel(context, "image")
            result = gr.ImageSlider(label=words("result"), format="png", interactive=False, elem_id="result",
                                    max_height=560, slider_position=_SLIDER)  # fmt: skip
            status = gr.Markdown(elem_id="status")
            download = gr.DownloadButton(words("download"), visible=False, elem_id="download")
            with gr.Accordion(words("options"), open=False):
                model = gr.Dropdown(
                    context.engine.model_names(), value=context.engine.default_model(), label=words("model")
                )
                badge = gr.Checkbox(settings.badge, label=words("badge"))

    @plain_words
    def look(path: str | None, request: gr.Request) -> tuple[Any, ...]:
        if not path:
            return "", gr.update(value=None, visible=False), [], {}
        context.engine.admit(caller(request))
        image, detected = context.engine.find_faces(path)
        spoken = language(request)
        if not detected:
            return say("no_faces", spoken), gr.update(value=None, visible=False), [], {}
        message = say("face_found", spoken) if len(detected) == 1 else say("faces_found", spoken, count=len(detected))
        cuts = [thumbnail(image, face) for face in detected]
        pictures: list[Any] = [numbered(image, detected)] if len(detected) > 1 else []
        pictures += [(cut, say("face", spoken, number=n)) for n, cut in enumerate(cuts, start=1)]
        everyone = dict.fromkeys(range(len(detected)), PEOPLE[0])
        return message, gr.update(value=pictures, visible=True), list(everyone), everyone

    @plain_words
    def run(
        source_path: str | None, more_paths: list[str] | None, b: str | None, c: str | None, d: str | None,
        target_path: str | None, chosen: dict[int, str], model_name: str, draw_badge: bool, consented: bool,
        request: gr.Request,
    ) -> tuple[Any, ...]:  # fmt: skip
        if not consented:
            return (gr.skip(),) * 3
        spoken = language(request)
        if not source_path and not any((b, c, d)):
            raise OptionError(say("need_source", spoken))
        if not target_path:
            raise OptionError(say("need_target", spoken))
        context.engine.admit(caller(request))
        people = dict(
            zip(PEOPLE, ([source_path, *(more_paths or [])] if source_path else [], [b], [c], [d]), strict=True)
        )
        sources = people_by_face(people, chosen, spoken)
        done = swap_photo(sources, target_path, model=model_name, badge=draw_badge)
        return (done.target, str(done.path)), describe(done, spoken), gr.update(value=str(done.path), visible=True)

    target.change(look, target, [faces_status, faces, found, assignment], queue=True, api_visibility="private",
                  show_progress="hidden")  # fmt: skip
    also = []
    if examples:
        shown = gr.Examples([list(pair) for pair in examples], [source, target], label=words("examples"),
                            examples_per_page=8, elem_id="examples")  # fmt: skip
        shown.dataset.headers = ["1", "2"]  # column heads are not translated; the numbers are those of the steps
        gr.Markdown(words("examples_note"), elem_classes="hint")
        also = [shown.load_input_event]
    inputs = [source, more, *others, target, assignment, model, badge]
    panel.guard(swap, run, inputs, [result, status, download], also=also)


def _assignments(context: Context, found: gr.State, assignment: gr.State) -> None:
    """A drop-down for each face of a group: who goes there."""

    @gr.render(inputs=found, triggers=[found.change])
    def show(numbers: list[int]) -> None:
        if len(numbers) < 2:
            return
        with gr.Accordion(context.words("who_goes_where"), open=True), gr.Row():
            for number in numbers:
                choice = gr.Dropdown(
                    [*((letter, letter) for letter in PEOPLE), ("—", NOBODY)],
                    value="A", label=str(number + 1), min_width=70, filterable=False, interactive=True, elem_id=f"face-{number + 1}",
                )  # fmt: skip
                choice.input(
                    lambda letter, chosen, number=number: {**chosen, number: letter},
                    [choice, assignment], assignment, queue=False, api_visibility="private",
                )  # fmt: skip


def people_by_face(
    people: dict[str, list[str | None]], chosen: dict[int, str], spoken: str
) -> list[str] | dict[int, list[str]]:
    """Source photos by face number, or one person's photos when nothing was chosen.

    Raises:
        OptionError: everybody stays as they are, or a chosen person has no photo.
    """
    photos = {letter: [path for path in paths if path] for letter, paths in people.items()}
    if not chosen:
        if not photos["A"]:
            raise OptionError(say("need_source", spoken))
        return photos["A"]
    wanted = {number: letter for number, letter in chosen.items() if letter != NOBODY}
    if not wanted:
        raise OptionError(say("nobody_chosen", spoken))
    for number, letter in wanted.items():
        if not photos[letter]:
            raise OptionError(say("missing_person", spoken, letter=letter, number=number + 1))
    return {number: photos[letter] for number, letter in wanted.items()}


def describe(done: SwappedPhoto, spoken: str) -> str:
    """The sentence below a result."""
    lines = [
        say("swapped", spoken, swapped=done.faces_swapped, found=done.faces_found, seconds=f"{done.seconds:.1f}",
            model=done.model, device=done.device, detector=done.detector)
    ]  # fmt: skip
    lines += [say("left_alone", spoken, number=n + 1, reason=reason) for n, reason in done.skipped.items()]
    return "\n\n".join([*lines, say("marked", spoken)])


def example_pairs(folder: Path) -> list[tuple[str, str]]:
    """Portraits onto the astronaut, and the astronaut onto portraits; the astronaut comes from scikit-image."""
    import skimage.data

    portraits = [str(path) for path in sorted(folder.glob("*.webp"))]
    astronaut = str(Path(skimage.data.__file__).parent / "astronaut.png")
    if not portraits or not Path(astronaut).is_file():
        return []
    return [
        *((portrait, astronaut) for portrait in portraits[:4]),
        (astronaut, portraits[0]),
        (portraits[1], portraits[-1]),
    ]
