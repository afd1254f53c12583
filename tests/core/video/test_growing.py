"""Pictures that grow in mid-stream: limits belong to every picture and to the decoder, in every reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import VideoError
from mobilefaceswap_core.files.opening import MAX_PIXELS
from mobilefaceswap_core.runtime.budget import Budget
from mobilefaceswap_core.video.reader import open_clip
from tests.fakes.growing import SMALL, growing_gif, growing_h264, growing_mjpeg
from tests.trust.limits import run_limited

HUGE = (14000, 14000)  # 196 million pixels: 294 MB as the decoder gives them, 588 MB as RGB
MEASURE = """
from pathlib import Path
def peak_mb():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024
"""
READ = """
from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.video.reader import open_clip
before = peak_mb()
try:
    clip = open_clip(sys.argv[1])
    sizes = {picture.rgb().shape[:2] for picture in clip.pictures()}
    print(max(sizes), clip.damaged, peak_mb() - before)
except SwapError as error:
    print(type(error).__name__, error, peak_mb() - before)
"""


def test_a_decoder_makes_no_room_for_a_picture_over_the_limit(tmp_path: Path) -> None:
    path = growing_mjpeg(tmp_path / "grows.mjpeg", HUGE)
    done = run_limited(MEASURE + READ, str(path))
    assert done.returncode == 0, done.stderr[-500:]
    *seen, damaged, taken_mb = done.stdout.split()
    assert " ".join(seen) == "(240, 320)" and int(damaged) == 2
    assert int(taken_mb) < 100


@pytest.mark.parametrize("name", ["grows.ts", "grows.h264"])
def test_a_job_may_allow_less_than_a_photo_has(tmp_path: Path, name: str) -> None:
    path = growing_h264(tmp_path / name, (2000, 2000))
    clip = open_clip(path, spent=Budget(frame_pixels=500_000).begin())
    assert {picture.size_px for picture in clip.pictures()} == {SMALL} and clip.damaged == 3
    clip.close()


def test_a_picture_just_over_the_limit_is_named_with_its_size(tmp_path: Path) -> None:
    path = growing_mjpeg(tmp_path / "grows.mjpeg", (800, 700))
    clip = open_clip(path, spent=Budget(frame_pixels=500_000).begin())
    with pytest.raises(VideoError, match=r"800 x 700 px, wanted at most 500000"):
        for _ in clip.pictures():
            pass
    clip.close()


def test_a_picture_of_just_the_limit_passes_whatever_its_sides_are(tmp_path: Path) -> None:
    path = growing_h264(tmp_path / "grows.h264", (706, 708))  # 64-fold sides would be over the limit
    clip = open_clip(path, spent=Budget(frame_pixels=706 * 708).begin())
    assert (706, 708) in {picture.size_px for picture in clip.pictures()} and clip.damaged == 0
    clip.close()


def test_an_animations_canvas_may_not_grow_over_the_limit(tmp_path: Path) -> None:
    path = growing_gif(tmp_path / "grows.gif", (9800, 9800))
    assert MAX_PIXELS < 9800 * 9800
    with pytest.warns(PillowImage.DecompressionBombWarning), pytest.raises(VideoError, match="9800 x 9800"):
        open_clip(path)
    with pytest.raises(VideoError, match="1000 x 900 px, wanted at most 500000"):
        open_clip(growing_gif(path, (1000, 900)), spent=Budget(frame_pixels=500_000).begin())
    assert open_clip(growing_gif(path, (500, 400))).info.frames == 2


def test_frames_of_data_sets_are_bounded_too(tmp_path: Path) -> None:
    growing_mjpeg(tmp_path / "grows.avi", HUGE, small=3)
    code = (
        MEASURE
        + """
from eval.images import ImageReader
from mobilefaceswap_core.errors import ImageError
before = peak_mb()
try:
    print(ImageReader(Path(sys.argv[1])).read("grows.avi#4").shape, peak_mb() - before)
except ImageError as error:
    print("refused", peak_mb() - before)
"""
    )
    done = run_limited(code, str(tmp_path))
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.startswith("refused") and int(done.stdout.split()[-1]) < 150
