"""A run for the Hub's viewer and for trackers of experiments."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from eval.hub_folder import TABLES, write_hub_folder
from eval.run import summary_of
from eval.trackers import send_to_tracker
from mobilefaceswap_core.errors import BackendError, OptionError
from tests.fakes.made_runs import made_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    pose = np.linspace(1, 4, 24)
    return made_run(
        tmp_path_factory.mktemp("exports") / "mine", {"x": {"pose_error@pnp": pose}, "y": {"pose_error@pnp": 2 * pose}}
    )


def test_the_folder_names_tables_that_are_there_and_hold_the_runs_numbers(run, tmp_path) -> None:
    summary = summary_of(run)
    count = write_hub_folder(run, summary, tmp_path / "hub")
    _, front, text = (tmp_path / "hub" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    configs = {entry["config_name"]: entry["data_files"] for entry in yaml.safe_load(front)["configs"]}
    assert configs == TABLES and "# Measured here" in text
    tables = {name: pd.read_csv(tmp_path / "hub" / file) for name, file in configs.items()}
    assert len(tables["records"]) == count
    means = tables["methods"].set_index(["method", "metric"])["mean"]
    assert means["y", "pose_error"] == pytest.approx(2 * means["x", "pose_error"]) == pytest.approx(5)
    assert sorted(path.name for path in (tmp_path / "hub").iterdir()) == sorted(["README.md", *TABLES.values()])


def test_a_tracker_gets_every_mean_and_the_table_and_is_closed(run, monkeypatch) -> None:
    said: list[tuple] = []
    tracker = SimpleNamespace(
        init=lambda **given: said.append(("init", given["project"], given["name"], given["config"]["dataset"])),
        log=lambda values: said.append(("log", values)), finish=lambda: said.append(("finish",)),
        Table=lambda dataframe: dataframe,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "trackio", tracker)
    count = send_to_tracker(run, summary_of(run), "trackio", "faces")
    assert said[0] == ("init", "faces", "mine", "folders") and said[-1] == ("finish",)
    values, table = said[1][1], said[2][1]["table"]
    assert (
        values["y/pose_error/pnp"] == pytest.approx(5)
        and len(values) == count
        and all(np.isfinite(list(values.values())))
    )
    assert list(table["method"]) == ["x", "y"]


def test_a_tracker_that_is_unknown_or_not_installed_is_named(run, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(BackendError, match="pip install wandb"):
        send_to_tracker(run, summary_of(run), "wandb", "faces")
    with pytest.raises(OptionError, match="choose one of wandb, trackio"):
        send_to_tracker(run, summary_of(run), "tensorboard", "faces")
