"""Clips of a few pictures, and pictures with odd sides."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mobilefaceswap_core.video import VideoOptions, run_to_end, swap_video
from mobilefaceswap_core.video.reader import open_clip
from tests.corpus import parts


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_an_animation_with_odd_sides_becomes_a_clip_whose_border_is_repeated(tmp_path: Path, format: str) -> None:
    pictures = [Image.effect_noise((97, 65), spread).convert("RGB") for spread in (10, 40, 70)]
    path, result = tmp_path / f"odd.{format.lower()}", tmp_path / "result.mp4"
    pictures[0].save(path, format=format, save_all=True, append_images=pictures[1:], duration=40)
    run_to_end(swap_video(parts.pipeline(), path, result, parts.person(), options=VideoOptions(swap=parts.SWAP)))
    clip = open_clip(result)
    try:
        assert (clip.info.width, clip.info.height) == (98, 66) and len(list(clip.pictures())) == 3
    finally:
        clip.close()


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_all_pictures_of_a_short_clip_are_read(tmp_path: Path, count: int) -> None:
    """A decoder with threads gives the last ones all at once, and of a short clip those are all."""
    path = tmp_path / "short.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "3"})
        stream.width, stream.height = 64, 48
        for level in range(count):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * level, np.uint8), "rgb24"))
            )
        container.mux(stream.encode())
    clip = open_clip(path)
    try:
        assert [picture.stamp.index for picture in clip.pictures()] == list(range(count))
    finally:
        clip.close()
