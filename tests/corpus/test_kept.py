"""Every property in every format: kept, or left out and told; nothing is lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobilefaceswap_core.files.formats import FORMATS, format_of
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.files.losses import losses
from mobilefaceswap_core.video import EncodeOptions, VideoOptions, run_to_end, swap_video

from . import parts
from .kept import (
    CLIP_PROPERTIES,
    CLIP_RESULTS,
    CLIP_TABLE,
    PHOTO_PROPERTIES,
    PHOTO_RESULTS,
    PHOTO_TABLE,
    clip_cells,
    photo_cell,
    rich_clip,
    rich_photo,
)

OPTIONS = VideoOptions(swap=parts.SWAP, encode=EncodeOptions(preset="ultrafast"))


def test_every_kind_of_result_has_its_column() -> None:
    clips = {row.name for row in FORMATS if row.muxer}
    written = {row.name for row in FORMATS if row.modes}
    assert {format_of(f"x{suffix}").name for suffix in CLIP_RESULTS} == clips  # type: ignore[union-attr]
    assert {format_of(f"x{suffix}").name for suffix in PHOTO_RESULTS} == written  # type: ignore[union-attr]


@pytest.mark.parametrize("number", range(len(CLIP_RESULTS)), ids=CLIP_RESULTS)
def test_what_a_clip_keeps(number: int, tmp_path: Path) -> None:
    result = tmp_path / f"out{CLIP_RESULTS[number]}"
    events = swap_video(parts.pipeline(), rich_clip(tmp_path), result, parts.person(), options=OPTIONS)
    cells = clip_cells(result, list(run_to_end(events).notes))
    assert cells == {name: CLIP_TABLE[name][number] for name in CLIP_PROPERTIES}


@pytest.mark.parametrize("suffix", PHOTO_RESULTS)
@pytest.mark.parametrize("name", PHOTO_PROPERTIES)
def test_what_a_photo_keeps(name: str, suffix: str, tmp_path: Path) -> None:
    before, after = rich_photo(tmp_path, PHOTO_PROPERTIES[name][0]), tmp_path / f"out{suffix}"
    like = read_image(before)
    parts.pipeline().swap(like.image, parts.person(), options=parts.SWAP).save(after, like=like)
    cell = photo_cell(name, before, after, list(losses(like, after)))
    assert cell == PHOTO_TABLE[name][PHOTO_RESULTS.index(suffix)]
