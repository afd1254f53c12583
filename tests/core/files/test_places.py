"""No result takes the place of an input or of another result, whatever the paths look like."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.places import Place, check_places, files_of_pattern, is_pattern, numbered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    (tmp_path / "frames").mkdir()
    PillowImage.new("RGB", (4, 4)).save(tmp_path / "frames" / "00001.png")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "clip.mp4")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "frames")
    os.link(tmp_path / "clip.mp4", tmp_path / "second name.mp4")
    return tmp_path


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("clip.mp4", "clip.mp4"),
        ("clip.mp4", "frames/../clip.mp4"),
        ("clip.mp4", "link.mp4"),
        ("link.mp4", "clip.mp4"),
        ("clip.mp4", "second name.mp4"),
        ("clip.mp4", "CLIP.mp4"),
        ("Cafe\u0301.mp4", "Caf\u00e9.mp4"),
        ("frames", "frames"),
        ("frames", "frames/00001.png"),
        ("frames", "elsewhere/00001.png"),
        ("elsewhere", "frames/00001.png"),
        ("frames/%05d.png", "frames/00001.png"),
        ("none.mp4", "none.mp4"),
    ],
)
def test_a_result_in_the_place_of_an_input_is_refused_by_both_names(folder: Path, read: str, written: str) -> None:
    before = (folder / "clip.mp4").read_bytes()
    with pytest.raises(OptionError, match=r"--report .* is one of the inputs .--target ") as refusal:
        check_places([Place("--target", folder / read)], [Place("--report", folder / written)])
    assert str(folder / read) in str(refusal.value) and str(folder / written) in str(refusal.value)
    assert (folder / "clip.mp4").read_bytes() == before


def test_two_results_in_one_place_are_refused(folder: Path) -> None:
    places = [Place("--out", folder / "a.mp4"), Place("--report", folder / "frames" / ".." / "A.mp4")]
    with pytest.raises(OptionError, match=r"--report .* and --out .* are the same file"):
        check_places([], places)


def test_places_of_their_own_pass(folder: Path) -> None:
    reads = [Place("--target", folder / "frames"), Place("a source", folder / "clip.mp4")]
    check_places(reads, [Place("--out", folder / "out.mp4"), Place("--report", folder / "frames" / "report.json")])
    check_places(reads, [Place("--out", folder / "loop")])


def test_one_photo_may_be_read_twice(folder: Path) -> None:
    clip = Place("a source", folder / "clip.mp4")
    check_places([clip, clip], [Place("--out", folder / "out.mp4")])


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("%05d.png", True),
        ("a%d.png", True),
        ("100%.png", False),
        ("%d%d.png", False),
        ("a%s.png", False),
        ("a.png", False),
    ],
)
def test_a_pattern_has_one_frame_number(folder: Path, name: str, pattern: bool) -> None:
    assert is_pattern(folder / name) is pattern
    (folder / name).write_bytes(b"x")
    assert not is_pattern(folder / name)  # a file that has this name is that file


def test_other_percent_signs_of_a_pattern_stay(folder: Path) -> None:
    pattern = folder / "100%_%03d[a].png"
    assert numbered(pattern, 7).name == "100%_007[a].png"
    numbered(pattern, 7).write_bytes(b"x")
    (folder / "100%_007a.png").write_bytes(b"x")
    assert files_of_pattern(pattern) == [numbered(pattern, 7)]
