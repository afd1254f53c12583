"""Pictures of a clip: made smaller, and pasted into without a way over RGB."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mobilefaceswap_core.files.colourspace import Colourspace
from mobilefaceswap_core.video.picture import RgbPicture, Stamp, paste_planes, picture_of, planes_of, smaller
from mobilefaceswap_core.video.reader import open_clip
from tests.fakes import clips


def test_a_picture_that_is_small_enough_is_left_alone_and_one_with_alpha_keeps_it() -> None:
    pixels = np.zeros((90, 160, 3), np.uint8)
    pixels[:, 80:] = 255
    picture = RgbPicture(Stamp(0, 0, Fraction(1, 25)), pixels, np.full((90, 160), 128, np.uint8))
    assert smaller(picture, 90) is picture and smaller(picture, 400) is picture
    small = smaller(picture, 44)
    assert small.size_px == (78, 44) and small.alpha is not None and small.alpha.shape == (44, 78)
    assert set(np.unique(small.alpha)) == {128} and small.rgb()[20, 10].max() == 0 and small.rgb()[20, 70].min() == 255


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("colourspace", [1, 5, 9])
def test_pasting_into_planes_equals_pasting_into_rgb(pixel_format: str, colourspace: int) -> None:
    from mobilefaceswap_core.blend.paste import paste_back

    frame = av.VideoFrame.from_ndarray(clips.textured((96, 64)), format="rgb24").reformat(
        format=pixel_format, dst_colorspace=colourspace, src_color_range=2, dst_color_range=1
    )
    frame.colorspace, frame.color_range = {1: 1, 5: 6, 9: 9}[colourspace], 1
    picture = picture_of(frame, Stamp(0, 0, Fraction(1, 25)), orientation=1)
    crop, weight = clips.textured((32, 32), seed=1), np.zeros((32, 32), np.float32)
    weight[4:28, 4:28] = 0.7
    crop_from_frame = np.array([[0.7, 0.1, -20.0], [-0.1, 0.7, -5.0]])
    expected = paste_back(picture.rgb(), crop, weight, crop_from_frame)
    picture.paste(crop, weight, crop_from_frame)
    assert np.abs(picture.rgb().astype(int) - expected).mean() < 1.0  # chroma is shared between pixels


def test_a_paste_leaves_the_decoders_own_frame_alone(with_sound: Path) -> None:
    clip = open_clip(with_sound)
    pictures = clip.pictures()
    picture = next(pictures)
    original = picture.frame  # type: ignore[attr-defined]
    before = [plane.copy() for plane in planes_of(original)]
    weight = np.zeros((32, 32), np.float32)
    weight[8:24, 8:24] = 1.0
    picture.paste(np.zeros((32, 32, 3), np.uint8), weight, np.array([[1.0, 0, -20], [0, 1.0, -20]]))
    rest = [p.rgb() for p in pictures]
    clip.close()
    assert not np.array_equal(planes_of(picture.frame)[0], before[0])  # type: ignore[attr-defined]
    for after, untouched in zip(rest, clips.read_frames(with_sound)[1:], strict=True):
        assert np.abs(after.astype(int) - untouched).mean() < 1.5  # only swscale's default matrix differs


def test_weight_zero_leaves_planes_as_they_are() -> None:
    frame = av.VideoFrame.from_ndarray(clips.textured((64, 48)), format="rgb24").reformat(format="yuv420p")
    before = [plane.copy() for plane in planes_of(frame)]
    weight = np.zeros((16, 16), np.float32)
    picture = picture_of(frame, Stamp(0, 0, Fraction(1, 25)), orientation=1)
    matrix = np.array([[1.0, 0, -10], [0, 1.0, -10]])
    paste_planes(planes_of(frame), np.zeros((16, 16, 3), np.uint8), weight, matrix, picture.colourspace)  # type: ignore[union-attr]
    assert all(np.array_equal(a, b) for a, b in zip(before, planes_of(frame), strict=True))


@pytest.mark.parametrize("full_range", [False, True])
def test_planes_of_eight_bits_are_blended_as_exactly_as_their_levels_allow(full_range: bool) -> None:
    colourspace, rng = Colourspace("bt709", full_range), np.random.default_rng(0)
    planes = [rng.integers(16, 236, shape, np.uint8) for shape in ((90, 120), (45, 60), (45, 60))]
    exact = [plane.astype(np.float64) for plane in planes]
    crop, weight = clips.textured((60, 60), seed=1), np.zeros((60, 60), np.float32)
    weight[8:52, 8:52] = 0.6
    paste_planes(planes, crop, weight, np.array([[1.0, 0, -20], [0, 1, -10]]), colourspace)
    yuv = np.concatenate([crop, np.ones((60, 60, 1))], 2) @ colourspace.yuv_from_rgb().T.astype(np.float64)
    for number, step in enumerate((1, 2, 2)):
        area = np.s_[10 // step : 70 // step, 20 // step : 80 // step]
        values, share = (
            layer.reshape(60 // step, step, 60 // step, step).mean((1, 3)) for layer in (yuv[..., number], weight)
        )
        exact[number][area] += share * (values - exact[number][area])
        assert np.abs(planes[number] - exact[number]).max() <= 1.51, "half a level each for values, mean and sum"
