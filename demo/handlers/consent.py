"""The question that comes before the first swap of a visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ..examples.shipped import are_examples
from ..messages import Visit
from ..work.services import Services

TARGETS = ("target", "clip")  # what is changed; everything else that is given is used for its face


def may_swap(consented: bool, *photos: str | None) -> bool:
    """Whether a swap of these photos may go on: the visitor agreed, or the page offers them and they show nobody to be asked."""
    return consented or are_examples(photos)


def ask(services: Services, visit: Visit, *, consented: bool, photos: Mapping[str, Any]) -> dict[str, Any]:
    """Show the question unless it was answered in this visit, or need not be put.

    Args:
        photos: what is to be swapped, by name; empty where a tab cannot tell.
    """
    given = [path for value in photos.values() for path in (value if isinstance(value, list) else [value]) if path]
    targets = [name for name in TARGETS if name in photos]  # none where a camera is what is changed
    complete = len(given) > len(targets[:1]) and (
        not targets or any(photos[name] for name in targets)
    )  # else that is said first
    needed = not consented and (not photos or (complete and not are_examples(given)))
    return {"question": gr.update(visible=needed)}


def agree(services: Services, visit: Visit) -> dict[str, Any]:
    """Remember the answer for this visit."""
    return {"consented": True, "question": gr.update(visible=False)}
