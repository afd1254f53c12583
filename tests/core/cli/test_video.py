"""The commands ``video``, ``people`` and ``live``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.cli import main
from tests.fakes import clips


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    PillowImage.fromarray(clips.head(1)).save(tmp_path / "source.png")
    clip = clips.write_clip(tmp_path / "clip.mp4", clips.portrait_frames(10), sound=True)
    (tmp_path / "out").mkdir()
    return {"source": tmp_path / "source.png", "clip": clip, "out": tmp_path / "out"}


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments), "--json"])
    said = capsys.readouterr()
    return int(left.value.code or 0), json.loads(said.out), said.err


def test_a_clip_with_sound_is_swapped_and_reported(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    out, report = files["out"] / "out.mp4", files["out"] / "report.json"
    code, printed, _ = run(
        capsys, "video", "--source", files["source"], "--target", files["clip"], "--out", out, "--report", report,
        "--i-have-consent", "--threads", 1, "--keep", "eyes", "--max-yaw", 80, "--crf", 23,
    )  # fmt: skip
    assert code == 0 and printed["frames"] == printed["frames_swapped"] == 10
    assert json.loads(report.read_text()) == printed
    assert printed["options"]["swap"]["limits"]["keep"] == ["eyes"] and printed["options"]["encode"]["crf"] == 23
    assert clips.packets(out, "audio") == clips.packets(files["clip"], "audio")
    before, after = clips.read_frames(files["clip"])[4], clips.read_frames(out)[4]
    assert np.abs(after.astype(int) - before)[:, 110:].max() > 40


def test_people_are_listed_with_thumbnails(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run(capsys, "people", "--target", files["clip"], "--out", files["out"] / "who")
    assert code == 0
    (person,) = printed["people"]
    assert (person["number"], person["first_frame"], person["share"]) == (1, 0, 1.0)
    assert Path(person["thumbnail"]).name == "person1.png"
    assert PillowImage.open(person["thumbnail"]).size == (224, 224)


def test_a_clip_is_played_live(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run(
        capsys, "live", "--source", files["source"], "--target", files["clip"], "--out", files["out"] / "live.mp4",
        "--i-have-consent", "--threads", 1,
    )  # fmt: skip
    assert code == 0 and printed["frames"] + printed["frames_dropped"] == 10
    assert 0 < printed["p50_ms"] <= printed["p95_ms"]
    assert os.listdir(files["out"]) == ["live.mp4"]


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [({"--target": "none.mp4"}, 8, "does not exist"), ({"--region": "ears"}, 2, "region"),
     ({"--codec": "nonsense"}, 2, "encoder"), ({"--report": "nowhere/report.json"}, 7, "folder")],
)  # fmt: skip
def test_errors_have_their_class_and_leave_nothing(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str], change: dict[str, str], code: int, word: str
) -> None:
    options: dict[str, Any] = {
        "--source": files["source"],
        "--target": files["clip"],
        "--out": files["out"] / "out.mp4",
    }
    options |= change
    got, printed, _ = run(capsys, "video", "--i-have-consent", *[part for item in options.items() for part in item])
    assert got == code and word in printed["error"]["message"]
    assert os.listdir(files["out"]) == []


def test_a_live_picture_needs_one_origin(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run(capsys, "live", "--source", files["source"], "--i-have-consent")
    assert code == 2 and "--camera" in printed["error"]["message"]
