"""The corpus through the other doors: the evaluation's reader, and what the app looks at before it swaps."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from demo.settings import Settings
from demo.work.clips import check_clip
from eval.images import ImageReader
from mobilefaceswap_core.files.formats import CLIP_SUFFIXES

from .clips import is_upright, number_of
from .situations import SITUATIONS, Situation

# Where pictures have no times of their own, their number is counted from the beginning of the file.
_WITHOUT_TIMES = (".avi", ".h264", ".ogv")
CLIPS = [row for row in SITUATIONS if row.command == "video" and not row.refused and row.in_order and row.frames > 0
         and Path(row.name).suffix.lower() in CLIP_SUFFIXES and row.group != "A part of a clip" and "/" not in row.name]  # fmt: skip
PHOTOS = [row for row in SITUATIONS if row.command == "image" and not row.refused and row.in_order]


def made(row: Situation, folder: Path) -> Path:
    path = folder / row.name
    try:
        row.make(path)
    except (av.codec.codec.UnknownCodecError, KeyError) as missing:
        pytest.skip(f"nothing here can write this: {missing}")
    return path


@pytest.mark.parametrize("row", CLIPS, ids=[f"{row.group}: {row.gives}" for row in CLIPS])
def test_the_evaluation_reads_the_picture_that_was_named_and_the_app_knows_the_clip(
    row: Situation, tmp_path: Path
) -> None:
    path = made(row, tmp_path)
    facts = check_clip(path, Settings())
    assert sorted((facts.width, facts.height))[0] >= min(row.size) - 2 and facts.pictures >= row.frames
    assert 0 < facts.seconds <= 30
    if "#" in row.name or "\0" in row.name:
        return  # a reference of the evaluation ends in its number
    pixels = ImageReader(tmp_path).read(f"{path.name}#{min(3, row.frames - 1)}")
    assert is_upright(pixels) and abs(pixels.shape[1] - row.size[0]) <= 1
    if path.suffix not in _WITHOUT_TIMES and row.rate is not None:
        assert number_of(pixels) == row.first + min(3, row.frames - 1)


@pytest.mark.parametrize("row", PHOTOS, ids=[f"{row.group}: {row.gives}" for row in PHOTOS])
def test_the_evaluation_reads_photos_upright(row: Situation, tmp_path: Path) -> None:
    pixels = ImageReader(tmp_path).read(made(row, tmp_path).name)
    assert is_upright(pixels) and number_of(pixels) == 0
