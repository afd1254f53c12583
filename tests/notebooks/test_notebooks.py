"""The notebooks run from top to bottom, draw what they promise, and are stored without outputs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = ("quickstart", "evaluation", "cost", "training", "live_and_video")
TIMEOUT_S = 600  # of one cell, on a machine that does other things too


def stored(name: str):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """``executed(name)``: the notebook with its outputs, each run once, in a process that can reach no network."""
    done = {}
    home = tmp_path_factory.mktemp("home")
    env = {
        **os.environ,
        "MOBILEFACESWAP_HOME": str(home),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
    }

    def run(name: str):
        if name not in done:
            client = nbclient.NotebookClient(
                stored(name), timeout=TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
            )
            done[name] = client.execute(env=env)
        return done[name]

    return run


def outputs(notebook) -> list:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def printed(notebook) -> str:
    """Everything printed or shown as text."""
    parts = [
        o.text if o.output_type == "stream" else o.get("data", {}).get("text/plain", "") for o in outputs(notebook)
    ]
    return "\n".join(parts)


def figures(notebook) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


def test_every_notebook_is_known_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_valid_and_stored_without_outputs(name) -> None:
    notebook = stored(name)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_all_begin_with_the_same_cell_that_installs_from_one_address() -> None:
    firsts = {code_cells(stored(name))[0] for name in NAMES}
    assert len(firsts) == 1
    first = firsts.pop()
    assert first.count("REPOSITORY =") == 1
    assert not any(
        re.search(r"pip install|subprocess", cell) for name in NAMES for cell in code_cells(stored(name))[1:]
    )


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_import_and_define_little_themselves(name) -> None:
    for cell in code_cells(stored(name)):
        for body in re.split(r"^(?=def |class )", cell, flags=re.MULTILINE)[1:]:
            lines = [line for line in body.split("\n\n\n")[0].splitlines() if line.strip()]
            assert len(lines) <= 12, f"{name}: {lines[0]} belongs into the package"


def test_quickstart_swaps_and_two_sources_give_other_kernels_and_like_masks(executed) -> None:
    notebook = executed("quickstart")
    text = printed(notebook)
    assert "FrameReport(faces_found=1, faces_swapped=1, skipped={})" in text
    assert "411,664 predicted values per source" in text  # closed form: sum of the IDN's channel products
    kernels = re.search(r"the kernels of \w+\.\d differ most: ([\d.]+)", text)
    heads = re.search(r"masks differ by ([\d.]+) of 1 on average, faces inside them by ([\d.]+) of 255", text)
    assert kernels is not None and float(kernels[1]) > 0.05
    assert heads is not None and float(heads[1]) < 0.05 and float(heads[1]) * 255 < float(heads[2])
    assert figures(notebook) == 5


def test_cost_counts_what_the_tables_of_the_documentation_say(executed) -> None:
    notebook = executed("cost")
    text = printed(notebook)
    assert re.search(r"convolutions\s+0\.3057", text) and re.search(r"total\s+0\.3345", text)
    # 3 x 16 x 9 + 16 + 16 x 3 + 3 parameters; (432 + 48) x 224 x 224 multiply-adds
    assert "499 parameters, 24,084,480 multiply-adds" in text
    assert figures(notebook) == 2


def test_live_and_video_swaps_both_people_in_every_frame_and_marks_the_clip(executed) -> None:
    notebook = executed("live_and_video")
    text = printed(notebook)
    assert re.search(r"frames_swapped\s+24\b", text) and re.search(r"people_swapped\s+\{0: 24, 1: 24\}", text)
    assert "Marked as a face swap." in text and re.search(r"LiveStats\(dropped=(True|False), faces=1", text)
    assert figures(notebook) == 3
    assert any("<video" in output.get("data", {}).get("text/html", "") for output in outputs(notebook))


def test_training_lowers_the_distance_to_the_teacher_on_people_held_out(executed) -> None:
    notebook = executed("training")
    found = re.search(r"teacher_error\s+([\d.]+) before\s+([\d.]+) after", printed(notebook))
    assert found is not None and float(found[2]) < 0.9 * float(found[1])
    assert "steps used up after 30 steps" in printed(notebook) and figures(notebook) == 3


def test_evaluation_gives_known_answers_for_reference_rows_and_the_readers_own_method_and_metric(executed) -> None:
    notebook = executed("evaluation")
    text = printed(notebook)
    assert "9 pairs swapped, 9 measured" in text
    touched = {
        m: float(v) for m, v in re.findall(r"^(target|student|half)\b.*\s([\d.]+) \[[^\]]*\]$", text, re.MULTILINE)
    }
    assert touched["target"] == 0 < touched["half"] < touched["student"]
    paste = re.search(r"ID top-1.*", text)
    assert paste is not None and re.search(r"100\.0 \[[\d.]+, 100\.0\]", paste[0])
    assert figures(notebook) == 2
