"""A run never writes over the files that it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.inputs import check_inputs
from eval.options import resolve
from mobilefaceswap_core.errors import OptionError


@pytest.mark.parametrize("option", ["identities", "pair_file", "cost"])
@pytest.mark.parametrize("name", ["pairs.csv", "inputs/../run.txt", "link"])
def test_a_file_in_the_folder_of_the_run_is_refused(option: str, name: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "inputs").mkdir(parents=True)
    for file in ("pairs.csv", "run.txt"):
        (run / file).write_text("a,b\n")
    (tmp_path / "outside").symlink_to(run)
    given = tmp_path / "outside" / "pairs.csv" if name == "link" else run / name
    options = resolve({"dataset": "pairs", "root": str(tmp_path), option: str(given)})
    with pytest.raises(OptionError, match="lies in the folder of the run"):
        check_inputs(run, options)
    assert (run / "pairs.csv").read_text() == "a,b\n"


def test_the_data_set_itself_is_no_folder_for_a_run(tmp_path: Path) -> None:
    options = resolve({"dataset": "folders", "root": str(tmp_path)})
    with pytest.raises(OptionError, match="--root"):
        check_inputs(tmp_path / "x" / "..", options)


def test_costs_are_not_written_into_the_run_that_they_are_drawn_with(tmp_path: Path) -> None:
    from eval.cost.cli import _cost

    (tmp_path / "cost.json").write_text("{}")
    with pytest.raises(OptionError, match="one of the inputs"):
        _cost(tmp_path, True, True, True, 224, None, None, False, tmp_path / "x" / "..", [])
    assert (tmp_path / "cost.json").read_text() == "{}"


def test_inputs_elsewhere_pass(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("a,b\n")
    options = resolve({"dataset": "pairs", "root": str(tmp_path), "pair_file": str(tmp_path / "pairs.csv")})
    check_inputs(tmp_path / "run", options)
