"""What every tab is built with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..engine import Engine
from ..jobs import Jobs
from ..settings import Settings

HEAVY = "swap"  # concurrency id of everything that keeps the processor or GPU busy


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Shared by the tabs while the page is built.

    Attributes:
        consent: the visit's answer, ``True`` once given; never stored.
        words: text by key, as something Gradio translates in the browser.
        jobs: what runs for whom, so that it can be stopped.
    """

    engine: Engine
    settings: Settings
    consent: gr.State
    words: Callable[[str], Any]
    jobs: Jobs


class ConsentPanel:
    """Asks for consent once per visit; created where the question should appear.

    The first click on a guarded button opens the panel with the text; agreeing there runs what was asked for. After
    that no tab asks again.
    """

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        with gr.Group(visible=False, elem_classes="consent") as self._panel:
            gr.Markdown(context.words("consent"), elem_classes="consent-text")
            self._agree = gr.Button(context.words("agree"), variant="primary", elem_id=f"agree-{name}")

    def guard(
        self,
        button: gr.Button,
        run: Callable[..., Any],
        inputs: list[gr.components.Component],
        outputs: list[gr.components.Component],
        *,
        concurrency_id: str = HEAVY,
        concurrency_limit: int | None = None,
        also: Sequence[Any] = (),
        **event: Any,
    ) -> list[Any]:
        """Run on click, with consent.

        Args:
            button: starts it.
            run: takes the inputs, then the visit's consent; must do nothing without it.
            inputs: of ``run``.
            outputs: of ``run``.
            concurrency_id: what it shares the machine with.
            concurrency_limit: how many run at the same time; the host's for swaps if not given.
            also: other events that start it, once they are through.
            event: more of Gradio's event options.

        Returns:
            The events that run it.
        """
        context = self._context
        wiring: dict[str, Any] = {
            "inputs": [*inputs, context.consent],
            "outputs": outputs,
            "concurrency_id": concurrency_id,
            "concurrency_limit": concurrency_limit or context.settings.concurrency,
            "api_visibility": "private",
            **event,
        }
        asking: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        asked = [
            start(lambda given: gr.update(visible=not given), context.consent, self._panel, **asking)
            for start in (button.click, *(event.then for event in also))
        ]
        agreed = self._agree.click(
            lambda: (True, gr.update(visible=False)),
            None, [context.consent, self._panel], **asking,
        )  # fmt: skip
        return [start.then(run, **wiring) for start in (*asked, agreed)]


def photo(label: Any, elem_id: str, alt_text: Any = None, *, height_px: int = 300) -> gr.Image:
    """An input for a photo that hands over the visitor's own file: 16-bit, CMYK and colour profiles survive."""
    return gr.Image(label=label, sources=["upload", "webcam", "clipboard"], type="filepath", image_mode=None, format="png",
                    height=height_px, elem_id=elem_id, alt_text=alt_text)  # fmt: skip
