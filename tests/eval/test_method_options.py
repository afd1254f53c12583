"""Choices behind a method's name: the same names, defaults and refusals as on every other door."""

from __future__ import annotations

import numpy as np
import pytest

from eval.images import ImageReader, write_png
from eval.method_options import split_choices, unmarked_options, unusual_choices
from eval.methods import load_method, parse_method
from eval.options import RunOptions
from eval.pairs import Pair
from eval.run import judge_stage, prepare, render, swap_stage
from eval.run_files import read_card
from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.marking import UNMARKED
from mobilefaceswap_core.options import SwapOptions

BARE = "student?occlusion=0&lids=0&texture=0"


def test_a_method_without_choices_swaps_as_every_door_does_but_unmarked() -> None:
    options = unmarked_options(split_choices("student")[1])
    assert options == SwapOptions(marks=UNMARKED)


def test_choices_become_those_of_the_core() -> None:
    name, chosen = split_choices(BARE + "&strength=0.5&keep=mouth:eyes&box=0:0.1:0:0.2&max_yaw=40")
    options = unmarked_options(chosen)
    assert name == "student" and (options.occlusion, options.lids, options.texture) == (False, False, 0)
    assert options.strength == 0.5 and set(options.limits.keep) == {"mouth", "eyes"} and options.max_yaw_deg == 40
    assert options.limits.box == (0, 0.1, 0, 0.2) and options.marks == UNMARKED


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "student?halo=1",
            "'halo' is not known here; wanted .*occlusion, folds, brows, gaze, lids, mouth, sharpen, texture",
        ),
        ("student?badge=1", "'badge' is not known here"),
        ("student?lids=0&lids=1", "'lids' is given twice"),
        ("student?lids=maybe", "lids: got 'maybe', wanted true or false"),
        ("student?texture=2", "texture: got '2.0', wanted a number from 0 to 1"),
        ("student?texture=nan", "texture: got 'nan'"),
        ("student?texture=much", "texture: got 'much'"),
        ("student?box=0:0:0", "box: got .*, wanted four fractions"),
        ("student?keep=ears", "keep: got .*names out of"),
        ("student?", "names no choice"),
        ("student?lids", "lids: got ''"),
        ("student?enhancer=best", "enhancer: got 'best', wanted one of none, gfpgan_1.2"),
    ],
)
def test_what_is_no_choice_is_refused_with_what_was_wanted(spec, said) -> None:
    with pytest.raises(OptionError, match=said):
        split_choices(spec)


def test_every_choice_but_the_badge_can_be_written() -> None:
    for choice in CHOICES:
        if choice.name != "badge":
            text = {
                "switch": "0",
                "number": str(choice.low),
                "parts": "mouth",
                "box": "0:0:0:0",
                "name": choice.default,
            }[choice.kind]
            assert split_choices(f"student?{choice.name}={text}")[1]


def test_a_method_with_choices_needs_a_label_of_its_own() -> None:
    assert parse_method(f"bare={BARE}") == ("bare", BARE)
    with pytest.raises(OptionError, match=r"wanted a label of its own, such as bare=student\?"):
        parse_method(BARE)


def test_a_network_of_others_in_a_method_s_finish_stands_on_its_card_with_its_terms(tmp_path, monkeypatch) -> None:
    from mobilefaceswap_core.files.digest import file_sha256
    from tests.fakes.foreign import write_stage

    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    options = {"detector": "lite", "device": "cpu", "aligned": None, "base": tmp_path}
    monkeypatch.delenv("MOBILEFACESWAP_MODELS", raising=False)
    with pytest.raises(WeightsError, match="Run `python -m mobilefaceswap_core fetch codeformer`"):
        load_method("sharp=graphics?enhancer=codeformer", **options)
    path = write_stage(tmp_path / "cache" / "teachers", "codeformer")
    details = load_method("sharp=graphics?enhancer=codeformer&fidelity=0.9", **options).info.details
    assert details["weights_sha256"]["codeformer.onnx"] == file_sha256(path)
    assert "S-Lab License 1.0 (non-commercial) (codeformer)" in details["licence"]
    assert details["options"]["enhancer"] == "codeformer" and details["options"]["fidelity"] == 0.9


@pytest.mark.parametrize("spec", ["target", "target-jpeg", "source-paste", "."])
def test_what_is_not_swapped_here_takes_no_choices(spec, tmp_path) -> None:
    with pytest.raises(OptionError, match="only a swapper takes choices"):
        load_method(f"a={spec}?lids=0", detector="lite", device="cpu", aligned=None, base=tmp_path)


def test_strength_0_leaves_the_target_and_the_card_says_so(tmp_path, astronaut) -> None:
    write_png(tmp_path / "a.png", astronaut)
    none, whole = (
        load_method(spec, detector="lite", device="cpu", aligned=None, base=tmp_path)
        for spec in ("none=student?strength=0", "student")
    )
    pair, reader = Pair(0, "a.png", "a.png", "a", "b"), ImageReader(tmp_path)
    assert np.array_equal(none.make(pair, reader), astronaut)
    assert not np.array_equal(whole.make(pair, reader), astronaut)
    assert none.info.details["options"]["strength"] == 0 and none.info.details["options"]["occlusion"] is True
    assert unusual_choices(none.info.details["options"]) == {"strength": 0}
    assert unusual_choices(whole.info.details["options"]) == {}


def test_a_run_compares_a_model_with_and_without_its_stages(tmp_path) -> None:
    options = RunOptions(
        dataset="builtin", detector="lite", judge_detector="lite", pairs=1, judges=("dlib",),
        methods=("student", f"bare={BARE}"), cost="count",
    )  # fmt: skip
    run = tmp_path / "run"
    prepare(run, options, resume=False, say=lambda text: None)
    swap_stage(run, options)
    judge_stage(run, options)
    from eval.cost.columns import cost_stage, read_costs

    cost_stage(run, options.methods, "count")
    render(run)
    assert read_card(run, "bare")["details"]["options"]["texture"] == 0
    costs = read_costs(run / "cost.json")
    assert costs["bare"] == costs["student"] != {}
    table = (run / "table.md").read_text(encoding="utf-8")
    assert (
        "bare swaps with occlusion = False, lids = False, texture = 0.0." in table and "student swaps with" not in table
    )
