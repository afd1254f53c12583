"""Where results go: a folder that exists takes them, and a place that cannot is refused by the user's own name for it."""

from __future__ import annotations

import errno
import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.cli import main
from mobilefaceswap_core.cli.output import _printable
from mobilefaceswap_core.files.atomic import hidden_name, with_own_names
from tests.corpus.clips import Recipe, animation, make
from tests.corpus.parts import OPTIONS, source_photo


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source_photo(tmp_path)
    PillowImage.new("RGB", (96, 64), (90, 90, 90)).save(tmp_path / "photo.png")
    make(tmp_path / "clip.mp4", Recipe(sound="aac"))
    animation(tmp_path / "moving.gif", "GIF")
    animation(tmp_path / "moving.avif", "AVIF")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old.txt").write_text("old")
    (tmp_path / "file").write_text("a file")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments), "--json"])
    return int(left.value.code or 0), json.loads(capsys.readouterr().out)


VIDEO = ("video", "--source", "source.png", "--preset", "ultrafast", *OPTIONS)
IMAGE = ("image", "--source", "source.png", *OPTIONS)


@pytest.mark.parametrize(
    ("command", "target", "name"),
    [(VIDEO, "clip.mp4", "clip.mp4"), (VIDEO, "moving.gif", "moving.gif"), (VIDEO, "moving.avif", "moving.avif.mp4"),
     (IMAGE, "photo.png", "photo.png"), (IMAGE, "moving.gif", "moving.gif.png")],
)  # fmt: skip
def test_a_folder_that_exists_gets_a_file_of_the_targets_name(
    place: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], target: str, name: str
) -> None:
    code, printed = run(capsys, *command, "--target", target, "--out", "folder")
    assert (code, Path(printed["output"])) == (0, Path("folder") / name)
    assert {path.name for path in (place / "folder").iterdir()} == {"old.txt", name}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((*VIDEO, "--target", "clip.mp4", "--out", "out.mp4", "--report", "folder"), "folder is a folder"),
        ((*VIDEO, "--target", "clip.mp4", "--out", "file/out.mp4"), "file is a file"),
        ((*VIDEO, "--target", "clip.mp4", "--out", "none/out.mp4"), "does not exist"),
        ((*IMAGE, "--target", "photo.png", "--out", "none/out.png"), "does not exist"),
        ((*IMAGE, "--target", "folder2", "--out", "file"), "file is a file"),
        (("people", "--target", "clip.mp4", "--out", "file"), "file is a file"),
        (("live", "--source", "source.png", "--target", "clip.mp4", "--out", "folder", *OPTIONS), "is a folder"),
        (("export", "--source", "source.png", "--out", "folder", "--i-have-consent"), "is a folder"),
        (("convert", "file", "--out", "file/x"), "file is a file"),
        (("convert", "photo.png", "--out", "file"), "file is a file"),
        ((*VIDEO, "--target", "clip.mp4", "--out", "out.mp4", "--audit-log", "folder"), "cannot be written"),
    ],
)  # fmt: skip
def test_a_folder_where_a_file_is_wanted_and_the_other_way_round(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], word: str
) -> None:
    (place / "folder2").mkdir()
    PillowImage.new("RGB", (96, 64)).save(place / "folder2" / "a.png")
    code, printed = run(capsys, *arguments)
    message = printed["error"]["message"]
    assert code == 7 and word in message and "mfs-part" not in message, message
    assert (place / "file").read_text() == "a file"


def test_a_recording_of_an_unknown_kind_is_refused_before_it_begins(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = run(
        capsys, "live", "--source", "source.png", "--target", "clip.mp4", "--out", "a.xyz", "--seconds", 1, *OPTIONS
    )
    assert code == 2 and "cannot record .xyz" in printed["error"]["message"]


@pytest.mark.parametrize("target", ["clip.mp4", "photo.png", "moving.gif"])
def test_a_full_disk_is_told_by_the_users_own_name(
    place: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    command, out = (IMAGE, "result.png") if target == "photo.png" else (VIDEO, f"result{Path(target).suffix}")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
    try:
        code, printed = run(capsys, *command, "--target", target, "--out", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    message = printed["error"]["message"]
    assert code == 7 and "space" in message and "mfs-part" not in message, message
    assert not [path for path in place.iterdir() if "result" in path.name]


def test_what_nobody_foresaw_is_one_sentence_and_more_with_debug(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobilefaceswap_core.files import images

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(images, "read_image", broken)
    said = []
    for more in ((), ("--debug",)):
        with pytest.raises(SystemExit) as left:
            main([*IMAGE, "--target", "photo.png", "--out", "out.png", *more])
        said.append(capsys.readouterr().err)
        assert left.value.code == 1
    assert "Traceback" not in said[0] and "ZeroDivisionError: by zero" in said[0] and "--debug" in said[0]
    assert "Traceback" in said[1] and "broken" in said[1]


def test_hidden_names_are_shown_as_the_names_that_they_were_to_have() -> None:
    hidden = hidden_name(Path("out") / "my clip.final.mp4")
    assert with_own_names(f"{hidden}: {errno.ENOSPC}") == f"out/my clip.final.mp4: {errno.ENOSPC}"
    assert with_own_names("an ordinary.name.mp4") == "an ordinary.name.mp4"


def test_a_name_cannot_drive_the_terminal() -> None:
    assert _printable("a\x1b[2Jb\rc\udcffd\ne") == "a\\x1b[2Jb\\rc\\udcffd\ne"
