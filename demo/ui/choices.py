"""What may be chosen about a swap, as components made from the core's one table."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mobilefaceswap_core.choices import CHOICES, Choice
from mobilefaceswap_core.options import offered
from mobilefaceswap_core.types import REGIONS

from ..handlers.choices import BOX_SIDES, box_name
from .context import Context

_STEP = 0.05  # of sliders over fractions; angles go in whole degrees
_LARGEST_MARGIN = 0.45  # two sides of it still leave a strip of the face
_SELDOM = (  # shown behind a lid of their own
    "region", "keep", "box", "feather", "max_yaw", "occluder", "parser", "enhancer", "enhancement", "fidelity"
)  # fmt: skip


def lay_out(context: Context, name: str, *, moving: bool = False) -> dict[str, Any]:
    """Add a component for each choice that is one here; ``name`` is the tab's.

    Who does a step of the finish is a choice only where a published network for it was fetched.

    Args:
        context: of the page.
        name: of the tab.
        moving: the tab swaps clips or a camera's picture, where texture is off and no label is drawn.

    Returns:
        Components by name; a box has one for each side.
    """
    shown: dict[str, Any] = {}
    for choice in (choice for choice in CHOICES if choice.name not in _SELDOM):
        if choice.name == "badge":
            if not moving:
                shown["badge"] = gr.Checkbox(context.settings.badge, label=context.words("choice_badge"))
        else:
            shown[choice.name] = _component(context, choice, f"{name}-{choice.name}", moving)
    with gr.Accordion(context.words("choices_seldom"), open=False):
        for choice in (choice for choice in CHOICES if choice.name in _SELDOM):
            if len(offered(choice)) == 1 or (choice.of and choice.of not in shown):
                continue
            if choice.kind == "box":
                shown |= _box(context, choice)
            else:
                shown[choice.name] = _component(context, choice, f"{name}-{choice.name}", moving)
    return shown


def changed(component: Any) -> Any:
    """The event that says that a visitor has chosen; a slider says it once it is let go."""
    return component.release if isinstance(component, gr.Slider) else component.input


def _box(context: Context, choice: Choice) -> dict[str, Any]:
    return {
        box_name(side): gr.Slider(
            choice.low, _LARGEST_MARGIN, value=0, step=_STEP, label=context.words(f"choice_{box_name(side)}")
        )
        for side in BOX_SIDES
    }


def _component(context: Context, choice: Choice, elem_id: str, moving: bool) -> Any:
    label = context.words(f"choice_{choice.name}")
    if choice.kind == "switch":
        return gr.Checkbox(choice.default, label=label, elem_id=elem_id)
    if choice.kind == "parts":
        parts = [(context.words(f"part_{part}"), part) for part in REGIONS]
        return gr.CheckboxGroup(parts, label=label, elem_id=elem_id)
    value = choice.default
    if choice.kind == "name":
        named = [(context.words(f"name_{each}") if each == value else each, each) for each in offered(choice)]
        return gr.Dropdown(named, value=value, label=label, elem_id=elem_id)
    if value is None:  # what holds when nobody chooses
        value = choice.clips if moving else choice.photos
        value = choice.high if value is None else value
    step = 1 if choice.high > 1 else 0.01 if choice.high < 0.5 else _STEP
    return gr.Slider(choice.low, choice.high, value=value, step=step, label=label, elem_id=elem_id)
