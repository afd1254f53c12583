"""From nothing to one table of the student, SimSwap and inswapper with LPIPS, against a local mirror with stand-in files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from eval.cli import app as eval_app
from eval.cost.methods import all_methods
from eval.metrics.lpips import find_backbone, import_lpips
from eval.options import resolve
from mobilefaceswap_core.cli import app
from mobilefaceswap_core.errors import BackendError
from mobilefaceswap_core.weights.published import PUBLISHED, find
from tests.fakes.foreign import write_published
from tests.fakes.served import serving


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch) -> None:
    for name in ("MOBILEFACESWAP_HOME", "MOBILEFACESWAP_CONFIG", "HOME", "INSIGHTFACE_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in ("MOBILEFACESWAP_MODELS", "MOBILEFACESWAP_MIRROR", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def stand_ins(folder: Path) -> dict[str, bytes]:
    """What a mirror holds: the two swappers with all they need, checksums, and an AlexNet of random weights."""
    write_published(folder, "simswap_256", side=256, seen=((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    write_published(folder, "inswapper_128", side=128, seen=((0, 0, 0), (1, 1, 1)), with_matrix=True)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    checksums = {f"{Path(name).stem}.hash": b"%08x" % zlib.crc32(content) for name, content in files.items()}
    import_lpips()
    import torchvision

    stream = io.BytesIO()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(torchvision.models.alexnet(weights=None).state_dict(), stream)
    return files | checksums | {PUBLISHED["lpips"].file: stream.getvalue()}


@pytest.mark.slow
def test_three_commands_go_from_nothing_to_one_table(tmp_path, monkeypatch) -> None:
    with pytest.raises(BackendError, match=r"mobilefaceswap_core fetch lpips"):
        find_backbone()
    run = (
        "run",
        "--detector",
        "lite",
        "--judge-detector",
        "lite",
        "--judges",
        "dlib,arcface_w600k_r50",
        "--pairs",
        "2",
        "--cost",
        "none",
    )
    absent = CliRunner().invoke(eval_app, [*run, "--methods", "simswap_256", "--out", str(tmp_path / "none")])
    assert "fetch simswap_256" in str(absent.exception) + absent.output
    names = ["simswap_256", "inswapper_128", "lpips"]
    offline = CliRunner().invoke(app, ["fetch", *names, "--offline"])
    said = str(offline.exception) + offline.output
    for name in (*names, "arcface_w600k_r50", "crossface_simswap"):
        assert (
            f"{PUBLISHED[name].file} ({PUBLISHED[name].about}; {PUBLISHED[name].licence}) is not on this machine."
            in said
        )
        assert f"Run `python -m mobilefaceswap_core fetch {name}`" in said
    assert said.count("Nothing was fetched, since --offline or HF_HUB_OFFLINE forbid the network.") == 1

    with serving() as served:
        served.files = stand_ins(tmp_path / "files")
        sha256 = hashlib.sha256(served.files[PUBLISHED["lpips"].file]).hexdigest()
        monkeypatch.setitem(PUBLISHED, "lpips", replace(PUBLISHED["lpips"], sha256=sha256[:8]))
        fetched = CliRunner().invoke(app, ["fetch", *names, "--mirror", served.url, "--accept-licence", "--json"])
    assert fetched.exit_code == 0, fetched.output
    rows = json.loads(fetched.stdout)["fetched"]
    assert {row["name"] for row in rows} == {*names, "arcface_w600k_r50", "crossface_simswap"}
    assert find(PUBLISHED["lpips"]) == find_backbone()

    chosen = resolve({"methods": "all,student"}).methods
    assert chosen == ("target", "target-jpeg", "student", "teacher", "graphics", "simswap_256", "inswapper_128")
    out = tmp_path / "run"
    methods = "student,simswap_256,inswapper_128"
    done = CliRunner().invoke(eval_app, [*run, "--methods", methods, "--out", str(out)])
    assert done.exit_code == 0, done.output
    cells = {(row["method"], row["metric"]): row for row in csv.DictReader((out / "table.csv").open())}
    for name in methods.split(","):
        assert len(list((out / "swapped" / name).glob("*.png"))) == 2
        assert float(cells[name, "failed"]["mean"]) == 0
        assert 0 <= float(cells[name, "lpips"]["mean"]) < 1  # a failed swap counts 1
    assert float(cells["student", "lpips"]["mean"]) > 0  # the stand-ins answer with the target
    table = (out / "table.md").read_text()
    assert "[arcface_w600k_r50†]" in table
    assert "† simswap_256, inswapper_128: what is swapped in is what arcface_w600k_r50 measures" in table
    card = json.loads((out / "methods" / "simswap_256.json").read_text())
    assert "non-commercial" in json.dumps(card) and "arcface_frontal" in json.dumps(card)


@pytest.mark.slow
def test_foreign_files_that_are_here_are_rows_of_the_cost_table_with_what_they_need(tmp_path, monkeypatch) -> None:
    assert not {row.name for row in all_methods()} & {"ghost_1_256", "uniface_256"}
    monkeypatch.setenv("MOBILEFACESWAP_MODELS", str(tmp_path))
    write_published(tmp_path, "ghost_1_256", side=256, batch="n")
    write_published(tmp_path, "uniface_256", side=256, source=(3, 256, 256))
    rows = {row.name: row for row in all_methods()}
    assert rows["ghost_1_256"].parts.keys() == {"generator", "recogniser ArcFace ResNet-50", "converter of embeddings"}
    assert rows["ghost_1_256"].source.parameters > 40e6 and rows["ghost_1_256"].frame.multiply_adds == 0
    assert rows["uniface_256"].parts.keys() == {"generator"} and rows["uniface_256"].size_px == 256
