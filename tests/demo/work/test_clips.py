"""Clips: their limits are checked without decoding."""

from __future__ import annotations

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest

from demo.settings import Settings
from demo.work.clips import QUALITIES, Writing, check_clip, clip_facts, swap_clip, swap_first_frame
from mobilefaceswap_core.errors import OptionError, VideoError
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.marking import verify_file
from mobilefaceswap_core.video import Part
from tests.fakes.painted import painted_engine, squares


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of 64 x 48 at 10 frames per second, a key frame each second, with a tone."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=10, options={"g": "10", "bf": "0", "sc_threshold": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("aac", rate=44100)
        for number in range(40):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 6 * number, np.uint8), format="rgb24")
            output.mux(video.encode(picture))
        tone = np.sin(np.arange(4 * 44100) * 0.05).astype(np.float32)[None]
        samples = av.AudioFrame.from_ndarray(np.repeat(tone, 2, axis=0), format="fltp", layout="stereo")
        samples.sample_rate = 44100
        output.mux(sound.encode(samples))
        output.mux(video.encode())
        output.mux(sound.encode())
    return path


def test_length_and_size_are_read_from_the_container(clip: Path) -> None:
    facts = clip_facts(clip)
    assert (facts.width, facts.height) == (64, 48)
    assert facts.seconds == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(
    ("limits", "message", "error"),
    [
        ({"max_video_seconds": 2}, "4 seconds long, at most 2", VideoError),
        ({"max_video_megapixels": 0.001}, "megapixels", VideoError),
    ],
)
def test_clips_over_the_limits_are_refused(clip: Path, limits: dict, message: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=message):
        check_clip(clip, Settings(**limits))


def test_a_file_with_too_many_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.mp4").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(OptionError, match="has 2 MB, at most 1"):
        check_clip(tmp_path / "large.mp4", Settings(max_upload_mb=1))


def test_what_is_used_of_a_long_clip_may_be_short_enough(clip: Path) -> None:
    assert check_clip(clip, Settings(max_video_seconds=2), seconds=1.5).seconds > 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no clip", "of no kind that is read here"),
        (b"\xff\xd8\xff\xe0 a photo", "a photo .JPEG."),
        (b"\0\0\0\x18ftypmp42 the rest is missing", "its index is missing or damaged"),
    ],
)
def test_what_is_no_clip_is_said_to_be_what_it_is(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=f"This file cannot be opened as a video.*{said}"):
        clip_facts(tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("writing", "said"),
    [(Writing(quality="none"), "'none' is not offered; choose best"), (Writing(quality=3), "quality"), (Writing(size="1"), "size")],
)  # fmt: skip
def test_what_is_not_offered_is_refused(writing: Writing, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        writing.encoding(), writing.shorter_px()


def test_a_smaller_file_is_a_worse_one_and_sound_can_be_left_out() -> None:
    assert QUALITIES["best"] < QUALITIES["good"] < QUALITIES["small"] == Writing("small").encoding().crf
    assert not Writing(sound=False).encoding().sound and Writing(size="480").shorter_px() == 480
    assert not Writing().deinterlace
    assert Writing().shorter_px() is None and Writing().encoding().pixel_format == "yuv420p"


def test_a_clip_begins_where_the_part_that_is_wanted_does(clip: Path, tmp_path: Path) -> None:
    engine = painted_engine(audit=str(tmp_path / "log.jsonl"))
    source = squares(tmp_path / "s.png", (200, 30, 30))
    part = Part(1.5, 2.95)
    *_, made = swap_clip(engine, [source], clip, part=part)
    with av.open(str(made.path)) as result:
        pictures = [frame.to_ndarray(format="rgb24") for frame in result.decode(video=0)]
        assert len(result.streams.audio) == 1 and result.start_time in (0, None)
    assert len(pictures) == 15 and re.fullmatch(r"s_on_clip_\d{8}-\d{6}\.mp4", made.path.name)
    seen = swap_first_frame(engine, source, clip, part=part)
    assert np.abs(read_image(seen.before).image.astype(int).mean() - 6 * 15) < 8
    assert seen.after is not None and verify_file(seen.after).metadata.found
    events = [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert events.count("preview") == 1 and "video" in events
