"""The page and the endpoints offer what the core's table of choices holds, and what is chosen reaches the swap."""

from __future__ import annotations

import inspect
import json
import re
import socket
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from demo.endpoints import OFFERED, endpoint, swap_image, swap_video
from demo.handlers.choices import BOX_SIDES, box_name, chosen
from demo.settings import Settings
from demo.texts.errors import in_language
from demo.ui import choices
from demo.ui.context import Context
from demo.work.engine import Engine
from demo.work.services import Services
from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.options import SwapOptions, swap_options
from mobilefaceswap_core.types import REGIONS
from mobilefaceswap_core.weights.published import own_folder
from tests.fakes.foreign import write_stage
from tests.fakes.painted import painted_engine, squares

NAMES = {choice.name for choice in CHOICES}
FETCHED = {
    choice.name for choice in CHOICES if choice.kind == "name" or choice.of
}  # choices where a network was fetched
TEXTS = Path(__file__).parents[2] / "demo" / "texts"


def shown(moving: bool) -> dict:
    with gr.Blocks():
        context = Context(Services.of(Engine(Settings())), gr.State(False), lambda key: key)
        return choices.lay_out(context, "tab", moving=moving)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MOBILEFACESWAP_MODELS", raising=False)


@pytest.mark.parametrize("moving", [False, True])
def test_a_tab_shows_every_choice_and_untouched_it_means_the_defaults(moving: bool) -> None:
    components = shown(moving)
    boxes = {box_name(side) for side in BOX_SIDES}
    wanted = NAMES - {"box"} - FETCHED - ({"badge"} if moving else set())
    assert set(components) - boxes == wanted and boxes <= set(components)
    made = swap_options(chosen({name: component.value for name, component in components.items()}))
    # A slider has no "not chosen": what it shows is what would have been taken.
    assert made == (
        SwapOptions(sharpen=0.0, texture=0.0, pupils=1.0, gaze=1.0, mouth=1.0)
        if moving
        else SwapOptions(sharpen=1.0, texture=1.0, pupils=1.0, gaze=0.0, mouth=0.5)
    )


def test_a_tab_offers_the_networks_that_were_fetched_and_their_details() -> None:
    own_folder().mkdir(parents=True)
    for name in ("xseg_2", "codeformer"):
        (own_folder() / f"{name}.onnx").write_bytes(b"")
    components = shown(moving=False)
    assert set(components) & FETCHED == {"occluder", "enhancer", "enhancement", "fidelity"}
    assert components["occluder"].choices == [("name_own", "own"), ("xseg_2", "xseg_2")]
    assert components["enhancer"].choices == [("name_none", "none"), ("codeformer", "codeformer")]
    values = {name: component.value for name, component in components.items()}
    assert swap_options(chosen(values)) == SwapOptions(sharpen=1.0, texture=1.0, pupils=1.0, gaze=0.0, mouth=0.5)
    assert swap_options(chosen(values | {"occluder": "xseg_2"})).occluder == "xseg_2"


def test_a_visitor_s_wish_for_a_network_that_is_not_here_fetches_nothing_and_does_not_say_where_the_host_keeps_files(
    monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was used"))
    engine = painted_engine()
    photo = squares(tmp_path / "a.png", (200, 30, 30), (30, 200, 30))
    wish = {"enhancer": "gfpgan_1.4", "enhancement": 1, "occlusion": False, "texture": 0}
    with pytest.raises(OptionError) as raised:
        engine.swap_photo([photo], photo, choices=wish)
    said = str(raised.value)
    assert "The enhancer gfpgan_1.4 is not available here; choose none." in said and "fetch gfpgan_1.4" in said
    assert str(tmp_path) not in said and "gfpgan_1.4" in in_language(said, "zh-CN") != said
    plain = engine.swap_photo([photo], photo, choices=wish | {"enhancer": "none"})
    write_stage(own_folder(), "gfpgan_1.4")
    drawn = engine.swap_photo([photo], photo, choices=wish)
    one, other = (read_image(done.path).image[120, 360].astype(int) for done in (plain, drawn))
    assert np.abs(one + other - 255).max() < 12  # the stand-in draws the negative; the mark moves levels a little


def test_the_call_by_hand_that_the_guide_shows_has_a_value_for_every_choice_in_order() -> None:
    guide = (TEXTS.parents[1] / "docs" / "demo.md").read_text(encoding="utf-8")
    ((_, listed),) = re.findall(r'(\\"auto\\", \\"largest\\"), (.*)\]\}"', guide)
    values = json.loads("[" + listed.replace('\\"', '"') + "]")
    usual = [list(choice.default) if isinstance(choice.default, tuple) else choice.default for choice in OFFERED]
    assert values == usual


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
    wanted = {f"name_{choice.default}" for choice in CHOICES if choice.kind == "name"}
    wanted |= {f"choice_{name}" for name in NAMES - {"box"}} | {f"choice_{box_name(side)}" for side in BOX_SIDES}
    assert wanted | {f"part_{part}" for part in REGIONS} <= set(words)
