"""The page and the endpoints offer what the core's table of choices holds, and what is chosen reaches the swap."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import gradio as gr
import pytest

from demo.endpoints import endpoint, swap_image, swap_video
from demo.handlers.choices import BOX_SIDES, box_name, chosen
from demo.settings import Settings
from demo.ui import choices
from demo.ui.context import Context
from demo.work.engine import Engine
from demo.work.services import Services
from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.options import SwapOptions, swap_options
from mobilefaceswap_core.types import REGIONS

NAMES = {choice.name for choice in CHOICES}
TEXTS = Path(__file__).parents[2] / "demo" / "texts"


def shown(moving: bool) -> dict:
    with gr.Blocks():
        context = Context(Services.of(Engine(Settings())), gr.State(False), lambda key: key)
        return choices.lay_out(context, "tab", moving=moving)


@pytest.mark.parametrize("moving", [False, True])
def test_a_tab_shows_every_choice_and_untouched_it_means_the_defaults(moving: bool) -> None:
    components = shown(moving)
    boxes = {box_name(side) for side in BOX_SIDES}
    assert set(components) - boxes == NAMES - {"box"} - ({"badge"} if moving else set()) and boxes <= set(components)
    made = swap_options(chosen({name: component.value for name, component in components.items()}))
    # A slider has no "not chosen": what it shows is what would have been taken.
    assert made == (SwapOptions(texture=0.0, mouth=1.0) if moving else SwapOptions(texture=1.0, mouth=0.0))


def test_what_is_set_on_a_tab_reaches_the_options() -> None:
    made = swap_options(
        chosen({"region": ["eyes"], "box_left": 0.2, "max_yaw": 30, "occlusion": False, "strength": 0.5})
    )
    assert made.limits.regions == ("eyes",) and made.limits.box == (0.2, 0, 0, 0)
    assert made.max_yaw_deg == 30 and not made.occlusion and made.strength == 0.5


@pytest.mark.parametrize("function", [swap_image, swap_video])
def test_an_endpoint_takes_and_describes_every_choice(function) -> None:
    call = endpoint(function, Services.of(Engine(Settings())))
    parameters = inspect.signature(call).parameters
    assert set(parameters) >= NAMES and "choices" not in parameters
    for choice in CHOICES:
        assert parameters[choice.name].default == choice.default and f"{choice.name}: {choice.help}" in call.__doc__
    assert call.__doc__.index(CHOICES[0].help) < call.__doc__.index("Returns:")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_choice_and_part_has_a_name_in_every_language(language: str) -> None:
    words = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    wanted = {f"choice_{name}" for name in NAMES - {"box"}} | {f"choice_{box_name(side)}" for side in BOX_SIDES}
    assert wanted | {f"part_{part}" for part in REGIONS} <= set(words)
