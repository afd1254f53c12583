"""Costs joined to a run: who wins, what is refused, what a label stands for."""

from __future__ import annotations

import json

import pytest

from eval.cost import methods
from eval.cost.columns import cost_stage, read_costs
from eval.records import write_json
from mobilefaceswap_core.errors import OptionError


def card(run, label: str, model: str | None) -> None:
    write_json(
        run / "methods" / f"{label}.json",
        {"name": label, "title": "a card", "reference": False, "details": {} if model is None else {"model": model}},
    )


def test_labels_take_the_cost_of_their_network_and_entries_made_by_hand_stay(tmp_path):
    card(tmp_path, "mine", "student")
    card(tmp_path, "theirs", None)
    card(tmp_path, "teacher", "teacher")
    write_json(tmp_path / "cost.json", {"teacher": {"ms per face": 7}})
    cost_stage(tmp_path, ("mine=student", "theirs=folder", "teacher"), "count")
    costs = read_costs(tmp_path / "cost.json")
    assert costs["teacher"] == {"ms per face": 7} and costs["theirs"] == {}
    assert costs["mine"]["parameters (M)"] == pytest.approx(0.496, abs=0.01)
    before = (tmp_path / "cost.json").read_bytes()
    cost_stage(tmp_path, ("mine=student",), "count")
    assert (tmp_path / "cost.json").read_bytes() == before


def test_networks_that_a_run_does_not_show_are_not_counted(tmp_path, monkeypatch):
    counted = []
    count = methods.count
    monkeypatch.setattr(
        methods, "count", lambda call, *inputs, **given: counted.append(call) or count(call, *inputs, **given)
    )
    methods.teacher.cache_clear()
    methods._mobilefacenet.cache_clear()
    card(tmp_path, "mine", "teacher")
    card(tmp_path, "drawn", "graphics")
    cost_stage(tmp_path, ("mine=teacher", "drawn=graphics"), "count")
    assert read_costs(tmp_path / "cost.json").keys() == {"mine", "drawn"}
    assert [type(call).__name__ for call in counted] == ["TeacherGenerator", "MobileFaceNet"]


def test_a_cost_file_is_joined_and_nonsense_is_refused(tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"student": {"multiply-adds (G)": 0.3}}))
    cost_stage(tmp_path, ("student",), str(tmp_path / "other.json"))
    assert read_costs(tmp_path / "cost.json") == {"student": {"multiply-adds (G)": 0.3}}
    (tmp_path / "bad.json").write_text("[1]")
    for mode in (str(tmp_path / "bad.json"), "cheap"):
        with pytest.raises(OptionError, match="--cost"):
            cost_stage(tmp_path, ("student",), mode)
    cost_stage(tmp_path / "nowhere", ("student",), "none")
    assert not (tmp_path / "nowhere").exists()
