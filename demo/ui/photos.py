"""An input for a photo: hands over the visitor's own file, and says so at once if it is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import photos as handlers
from .context import Context
from .listen import listen


@dataclass(frozen=True, slots=True, eq=False)
class _Photo:
    photo: gr.Image


def photo(
    context: Context, label: Any, elem_id: str, alt_text: Any = None, *, height_px: int = 300, min_width_px: int = 200
) -> gr.Image:
    """Add the input. 16-bit, CMYK and colour profiles survive; what cannot be read is said and taken out again.

    Args:
        context: of the page.
        label: shown on it.
        elem_id: of the page's element.
        alt_text: for screen readers.
        height_px: of the component.
        min_width_px: with less room it goes on a line of its own.
    """
    image = gr.Image(label=label, sources=["upload", "webcam", "clipboard"], type="filepath", image_mode=None, format="png",
                     height=height_px, elem_id=elem_id, alt_text=alt_text, min_width=min_width_px, buttons=[])  # fmt: skip
    _hand_over_the_file(image)
    checked = listen(image.input, handlers.check, context, _Photo(image), queue=True, show_progress="hidden")
    checked.failure(None, None, image, js="() => null", api_visibility="private")
    return image


def _hand_over_the_file(image: gr.Image) -> None:
    """Gradio opens the file on the way to say its mode, and fails with a path of the host if it cannot."""
    usual = image.preprocess

    def preprocess(payload: Any) -> Any:
        if payload is not None and payload.path and not (payload.url or "").startswith("data:"):
            return payload.path  # in the folder of uploads: Gradio has looked at that already
        return usual(payload)

    image.preprocess = preprocess  # type: ignore[method-assign]
