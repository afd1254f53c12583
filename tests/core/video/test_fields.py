"""Interlaced clips made whole on request: one picture for one, at its time, without combs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mobilefaceswap_core.errors import VideoError
from mobilefaceswap_core.video import Part
from mobilefaceswap_core.video.fields import deinterlaced
from mobilefaceswap_core.video.reader import open_clip
from tests.corpus.clips import COUNT, HEIGHT, WIDTH, Recipe, make

BASE = Fraction(1, 25)
INTERLACED = Recipe(interlaced=True)


def shown(at: float) -> np.ndarray:
    """A bright upright bar on grey, somewhere on its way to the right, 64 x 96."""
    image = np.full((64, 96, 3), 90, np.uint8)
    left = round(10 + 8 * at)
    image[:, left : left + 12] = 220
    return image


def woven(count: int) -> list[Any]:
    """Frames of two fields, the lower one half a picture later; nothing in them says so."""
    frames = []
    for index in range(count):
        image = shown(index)
        image[1::2] = shown(index + 0.5)[1::2]
        frames.append(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p"))
        frames[-1].pts, frames[-1].time_base = 7 * index, BASE
    return frames


def combs(frame: Any) -> float:
    """How far rows are from the mean of their neighbours."""
    luma = frame.to_ndarray()[: frame.height].astype(float)
    return float(np.abs(luma[1:-1] - (luma[:-2] + luma[2:]) / 2).mean())


def test_pictures_come_out_one_for_one_without_combs_and_where_the_first_field_was() -> None:
    before = woven(6)
    after = list(deinterlaced(iter(before), BASE))
    assert [(f.pts, f.time_base, f.interlaced_frame) for f in after] == [(7 * n, BASE, False) for n in range(6)]
    for index in range(1, 5):
        assert combs(after[index]) < 0.2 * combs(before[index])
        wanted = av.VideoFrame.from_ndarray(shown(index), format="rgb24").reformat(format="yuv420p").to_ndarray()[:64]
        got, woven_one = (f.to_ndarray()[:64].astype(float) for f in (after[index], before[index]))
        assert np.abs(got - wanted).mean() < 0.5 * np.abs(woven_one - wanted).mean()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_shortest_clips_lose_no_picture(count: int) -> None:
    assert len(list(deinterlaced(iter(woven(count)), BASE))) == count


def test_missing_times_stay_missing_and_sizes_may_change_on_the_way() -> None:
    frames = [*woven(3), *(frame.reformat(width=64, height=48) for frame in woven(3))]
    for frame in frames:
        frame.pts, frame.time_base = None, BASE
    after = list(deinterlaced(iter(frames), BASE))
    assert [(f.width, f.height, f.pts) for f in after] == [(96, 64, None)] * 3 + [(64, 48, None)] * 3


def test_what_the_filter_refuses_is_said_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobilefaceswap_core.video.fields._FILTER", "null")
    with pytest.raises(VideoError, match="could not be deinterlaced"):
        list(deinterlaced(iter(woven(2)), BASE))


def test_a_clip_is_read_whole_upright_and_in_its_colours(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mov", INTERLACED.but(turned=6, colour=(1, 1, 1, 1)))
    clip = open_clip(path, deinterlace=True)
    pictures = list(clip.pictures())
    assert len(pictures) == COUNT and not clip.info.is_interlaced and clip.info.notes == []
    assert all(p.size_px == (WIDTH, HEIGHT) and p.colourspace.matrix == "bt709" for p in pictures)  # type: ignore[attr-defined]
    plain = open_clip(path)
    assert plain.info.is_interlaced
    assert [p.stamp for p in plain.pictures()] == [p.stamp for p in pictures]
    parts = [open_clip(path, part=Part(0.1, 0.3), deinterlace=on) for on in (False, True)]
    counts = [len(list(part.pictures())) for part in parts]
    assert counts[0] == counts[1] < COUNT
    for each in (clip, plain, *parts):
        each.close()


def test_a_clip_that_does_not_say_that_it_is_interlaced_is_believed_to_be_when_asked(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "clip.mp4", Recipe()), deinterlace=True)
    assert len(list(clip.pictures())) == COUNT
    assert clip.info.notes == ["the clip does not say that it is interlaced; every picture was deinterlaced as asked"]
    clip.close()
