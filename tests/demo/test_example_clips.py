"""The clips that the page offers to try: moving faces with sound, made of the shipped portraits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from demo.examples import clips as offered
from demo.examples.clips import clip_digests, example_clips
from demo.examples.moving import chord, write_clip
from demo.examples.pairs import example_pairs, portraits
from demo.examples.shipped import are_examples
from demo.settings import Settings
from demo.work.clips import check_clip
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import VideoError

ROOT = Path(__file__).parents[2]


def decoded(path: str | Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames and samples."""
    with av.open(str(path)) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    with av.open(str(path)) as clip:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in clip.decode(audio=0)])
    return frames, samples


@pytest.mark.parametrize(("number", "people"), [(0, 1), (1, 2)])
def test_a_clip_shows_its_people_moving_and_is_heard(number: int, people: int) -> None:
    path = example_clips()[number]
    frames, samples = decoded(path)
    detector = load_detector("lite", device="cpu", fast=True)
    first, later = (detector.detect(frames[at]) for at in (0, 30))
    assert len(frames) == 50 and len(first) == len(later) == people
    assert np.abs(first[0].five - later[0].five).max() > 5
    assert len(samples) / 44_100 == pytest.approx(2.5, abs=0.1) and 0.02 < np.abs(samples).max() <= 1
    facts = check_clip(path, Settings())
    assert facts.seconds == pytest.approx(2.5, abs=0.1) and Path(path).stat().st_size < 1 << 20


def test_the_page_knows_its_own_clips_by_their_content(tmp_path: Path) -> None:
    path = Path(example_clips()[0])
    copy = tmp_path / "another.mp4"
    copy.write_bytes(path.read_bytes())
    assert are_examples([str(copy), None]) and len(clip_digests()) >= 2
    copy.write_bytes(path.read_bytes() + b"x")
    assert not are_examples([str(copy)])


def test_everything_that_is_offered_is_small_enough_to_be_known_and_a_large_file_is_not_read(tmp_path: Path) -> None:
    photos = [path for pair in example_pairs() for path in pair]
    assert are_examples([*photos, *portraits(), *example_clips()])
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(1 << 34)  # 16 GB of nothing; reading it would take minutes
    assert not are_examples([str(large)])


def test_a_host_of_short_clips_is_offered_short_ones(tmp_path: Path) -> None:
    write_clip(tmp_path / "short.mp4", [np.full((64, 64, 3), 90, np.uint8)], seconds=1.0)
    frames, _ = decoded(tmp_path / "short.mp4")
    assert len(frames) == 20
    assert check_clip(example_clips(1.0)[0], Settings(max_video_seconds=1)).seconds <= 1.1


def test_a_chord_stays_within_what_sound_can_hold_and_fades_out() -> None:
    samples = chord(2.0)
    assert samples.dtype == np.float32 and np.abs(samples).max() < 1 and np.abs(samples[-100:]).max() < 0.01


def test_clips_that_cannot_be_made_are_no_riddle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(offered, "example_folder", lambda: tmp_path / "gone")
    with pytest.raises(VideoError, match=r"could not be made: .+ Free some room"):
        offered._made.__wrapped__(1.0)


def test_a_page_that_nobody_gave_a_clip_has_not_loaded_ffmpeg() -> None:
    program = (
        "import sys; from demo.build import build_demo; from demo.settings import Settings; build_demo(Settings(browser_page='off'));"
        "sys.exit('av is loaded' if 'av' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
