"""HDR frames: the map to what networks know is what the standards say, and it leads back."""

from __future__ import annotations

import av
import numpy as np
import pytest

from mobilefaceswap_core.files.hdr import HLG, PQ, Curve
from mobilefaceswap_core.video.picture import Stamp, picture_of

CURVES = pytest.mark.parametrize("curve", [PQ, HLG], ids=["PQ", "HLG"])


@pytest.mark.parametrize(
    ("curve", "code", "nits"),
    [(PQ, 0.0, 0.0), (PQ, 0.508, 100.0), (PQ, 0.5807, 203.0), (PQ, 0.7518, 1000.0), (PQ, 1.0, 10_000.0),
     (HLG, 0.0, 0.0), (HLG, 0.75, 203.0), (HLG, 1.0, 1000.0)],
)  # fmt: skip
def test_codes_mean_the_light_that_the_standards_tabulate(curve: Curve, code: float, nits: float) -> None:
    """PQ: SMPTE ST 2084 and ITU-R BT.2408, table 1; HLG: the same table and the peak of a screen of 1,000 cd/m2."""
    assert curve.light(np.array([code]))[0] * 203 == pytest.approx(nits, rel=0.01, abs=0.01)


@CURVES
def test_light_leads_back_to_its_code(curve: Curve) -> None:
    codes = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(curve.codes(curve.light(codes)), codes, atol=1e-6)


@CURVES
def test_a_picture_shown_and_brought_back_is_the_same_picture(curve: Curve) -> None:
    levels = np.random.default_rng(5).integers(0, 250, (40, 40, 3)).astype(np.uint8)
    levels[0] = np.linspace(0, 249, 40)[:, None].round()
    codes = np.clip(curve.codes_of_shown(levels), 0, 255)
    inside = (curve.codes_of_shown(levels) < 255).all(-1)  # the wide primaries hold all that sRGB shows
    again = curve.shown((codes * 257).round().astype(np.uint16))
    assert inside.all()
    assert np.abs(again.astype(int) - levels).max() <= 1


@CURVES
def test_grey_stays_grey_and_brighter_stays_brighter(curve: Curve) -> None:
    ramp = np.repeat(np.arange(0, 65536, 64, dtype=np.uint16)[None, :, None], 3, 2)
    shown = curve.shown(ramp)[0].astype(int)
    assert (np.diff(shown, axis=0) >= 0).all() and np.abs(shown - shown.mean(1, keepdims=True)).max() <= 1
    assert shown[-1, 0] == 255


def hdr_frame(levels: np.ndarray, curve: Curve) -> av.VideoFrame:
    """A decoded frame of a clip that shows these sRGB levels."""
    codes = (np.clip(curve.codes_of_shown(levels), 0, 255) * 257).round().astype(np.uint16)
    frame = av.VideoFrame.from_ndarray(codes, format="rgb48le").reformat(
        format="yuv444p10le", dst_colorspace=9, src_color_range=2, dst_color_range=1
    )
    frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = 9, 1, 9, curve.code
    return frame


def sdr_frame(levels: np.ndarray) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(levels, format="rgb24").reformat(
        format="yuv444p", dst_colorspace=1, src_color_range=2, dst_color_range=1
    )
    frame.colorspace, frame.color_range = 1, 1
    return frame


@CURVES
def test_a_face_and_its_mark_are_as_visible_in_hdr_as_in_an_ordinary_clip(curve: Curve) -> None:
    """A skin tone is pasted, once plain and once with a pattern of three levels, the strength of a mark."""
    from fractions import Fraction

    rng = np.random.default_rng(2)
    background = np.full((64, 64, 3), (120, 110, 100), np.uint8)
    skin = np.full((64, 64, 3), (190, 150, 130), np.uint8)
    marked = np.clip(skin.astype(int) + 3 * rng.choice([-1, 1], (64, 64, 1)), 0, 255).astype(np.uint8)
    weight = np.zeros((64, 64), np.float32)
    weight[8:56, 8:56] = 1
    errors, strengths = [], []
    for frame_of in (sdr_frame, lambda levels: hdr_frame(levels, curve)):
        shown = []
        for crop in (skin, marked):
            picture = picture_of(frame_of(background), Stamp(0, 0, Fraction(1, 25)), orientation=1)
            assert np.abs(picture.rgb().astype(int) - background).max() <= 3
            picture.paste(crop, weight, np.array([[1.0, 0, 0], [0, 1.0, 0]]))
            shown.append(picture.rgb()[12:52, 12:52].astype(float))
        errors.append(np.abs(shown[0] - skin[12:52, 12:52]).mean())
        strengths.append(np.abs(shown[1] - shown[0]).mean())
    assert errors[1] <= errors[0] + 1.0
    assert strengths[1] == pytest.approx(strengths[0], rel=0.15)


def test_pq_codes_read_as_srgb_would_be_dark_and_the_mark_stronger() -> None:
    """What the map is for: the same codes, taken for sRGB, show skin half as bright."""
    skin = np.full((4, 4, 3), (190, 150, 130), np.uint8)
    assert PQ.codes_of_shown(skin).mean() < 0.85 * skin.mean()
