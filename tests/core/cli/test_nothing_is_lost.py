"""No command writes over what it reads; every byte of the inputs is there afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.cli import main
from tests.corpus.clips import Recipe, make
from tests.corpus.parts import OPTIONS, source_photo


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a source, a photo, a clip, frames, an older log, and files that only look like something else."""
    source_photo(tmp_path)
    PillowImage.new("RGB", (96, 64), (90, 90, 90)).save(tmp_path / "photo.png")
    make(tmp_path / "clip.mp4", Recipe(sound="aac"))
    (tmp_path / "frames").mkdir()
    for number in (1, 2):
        PillowImage.new("RGB", (96, 64)).save(tmp_path / "frames" / f"person{number}.png")
    (tmp_path / "report.json").write_text('{"frames": 3}\n')
    (tmp_path / "key.pem").write_text("a key")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "clip.mp4")
    (tmp_path / "blocked").mkdir()
    PillowImage.new("RGB", (96, 64)).save(tmp_path / "blocked" / "someone.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILEFACESWAP_SIGNING_KEY", "key.pem")
    monkeypatch.setenv("MOBILEFACESWAP_SIGNING_CHAIN", "key.pem")
    before = content(tmp_path)
    yield tmp_path
    assert content(tmp_path) == before


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments), "--json"])
    return int(left.value.code or 0), json.loads(capsys.readouterr().out)


VIDEO = ("video", "--source", "source.png", "--target", "clip.mp4", "--out", "out.mp4", *OPTIONS)
IMAGE = ("image", "--source", "source.png", "--target", "photo.png", "--out", "out.png", *OPTIONS)
LIVE = ("live", "--source", "source.png", "--target", "clip.mp4", *OPTIONS)
EXPORT = ("export", "--source", "source.png", "--out", "me.onnx", "--i-have-consent")


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (VIDEO, ("--report", "clip.mp4")),
        (VIDEO, ("--report", "link.mp4")),
        (VIDEO, ("--report", "frames/../clip.mp4")),
        (VIDEO, ("--report", "source.png")),
        (VIDEO, ("--report", "out.mp4")),
        (VIDEO, ("--report", "key.pem")),
        (VIDEO, ("--audit-log", "clip.mp4")),
        (VIDEO, ("--audit-log", "out.mp4")),
        (VIDEO, ("--report", "log.json", "--audit-log", "log.json")),
        (VIDEO, ("--blocklist", "blocked", "--report", "blocked/someone.png")),
        (VIDEO, ("--out", "clip.mp4")),
        (VIDEO, ("--out", "link.mp4")),
        (VIDEO, ("--out", "CLIP.MP4")),
        (VIDEO, ("--target", "frames", "--out", "frames")),
        (VIDEO, ("--target", "frames", "--report", "frames/person1.png")),
        (VIDEO, ("--target", "frames/person%d.png", "--out", "frames/person%d.png")),
        (IMAGE, ("--out", "photo.png")),
        (IMAGE, ("--out", "source.png")),
        (IMAGE, ("--audit-log", "photo.png")),
        (IMAGE, ("--audit-log", "out.png")),
        (IMAGE, ("--target", "frames", "--out", "frames")),
        (LIVE, ("--out", "clip.mp4")),
        (LIVE, ("--out", "link.mp4")),
        (LIVE, ("--out", "out.mp4", "--audit-log", "out.mp4")),
        (("people", "--target", "frames", "--out", "frames"), ()),
        (EXPORT, ("--out", "source.png")),
        (EXPORT, ("--dynamic", "--weights-out", "me.onnx")),
        (EXPORT, ("--audit-log", "source.png")),
    ],
)  # fmt: skip
def test_what_would_write_over_an_input_or_twice_is_refused_before_anything_starts(
    place: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], more: tuple[str, ...]
) -> None:
    code, printed = run(capsys, *command, *more)
    message = printed["error"]["message"]
    assert code == 2 and ("one of the inputs" in message or "the same file" in message), message


@pytest.mark.parametrize("name", ["report.json", "key.pem"])
@pytest.mark.parametrize("command", [VIDEO, IMAGE])
def test_a_log_is_not_appended_to_what_is_none(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    name: str,
) -> None:
    monkeypatch.delenv("MOBILEFACESWAP_SIGNING_KEY")
    monkeypatch.delenv("MOBILEFACESWAP_SIGNING_CHAIN")
    code, printed = run(capsys, *command, "--audit-log", name)
    assert code == 7 and "is no audit log" in printed["error"]["message"]


def test_photos_of_one_result_name_get_two_and_both_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = source_photo(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    for level, name in enumerate(("a.gif", "a.gif.png", "A.gif.PNG", "b.png")):
        PillowImage.fromarray(np.full((64, 96, 3), 60 + 40 * level, np.uint8)).save(photos / name, name.split(".")[-1])
    code, printed = run(capsys, "image", "--source", source, "--target", photos, "--out", tmp_path / "out", *OPTIONS)
    written = sorted(os.listdir(tmp_path / "out"))
    assert (code, printed["files_swapped"], len(written)) == (0, 4, 4)
    assert (
        written == ["A.gif.PNG", "a.gif-3.png", "a.gif.png-2.png", "b.png"] or len({n.casefold() for n in written}) == 4
    )
    levels = {
        entry["output"]: PillowImage.open(entry["target"]).convert("L").getpixel((2, 60)) for entry in printed["files"]
    }
    assert len(levels) == 4
    for output, level in levels.items():
        assert abs(PillowImage.open(output).convert("L").getpixel((2, 60)) - level) <= 2
