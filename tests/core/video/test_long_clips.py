"""A clip's length costs no memory and no threads: what belongs to a frame goes with it, without waiting for Python's collector."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from mobilefaceswap_core.files.frames import Orientations, orientation_of_frame, reformatted, shown_rgb
from mobilefaceswap_core.video import VideoOptions, run_to_end, swap_video
from mobilefaceswap_core.video.reader import open_clip
from tests.fakes import clips
from tests.fakes.video_fixtures import PLAIN, RED, painted, painter


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Circles of objects stay for as long as a test looks."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module", params=[0, 90])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures, upright or lying."""
    path = clips.write_clip(tmp_path_factory.mktemp("long") / "clip.mp4", clips.portrait_frames(40), sound=True)
    if request.param:
        clips.set_rotation(path, request.param)
    return path


def alive() -> int:
    """Frames of a clip that are held, not thumbnails of them."""
    return sum(isinstance(each, av.VideoFrame) and each.width > 100 for each in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
def test_frames_that_were_read_are_gone(clip: Path) -> None:
    before, reader = alive(), open_clip(clip)
    count = sum(1 for picture in reader.pictures() if picture.rgb().any())
    reader.close()
    assert count == 40 and alive() - before <= 3, (
        "the first one, whose side data were looked at, and those on their way"
    )


@pytest.mark.usefixtures("no_collector")
def test_frames_that_were_swapped_are_gone(clip: Path, tmp_path: Path) -> None:
    before = alive()
    run_to_end(swap_video(painter(), clip, tmp_path / "out.mp4", painted(RED), options=VideoOptions(swap=PLAIN)))
    assert alive() - before <= 5


@pytest.mark.usefixtures("no_collector")
def test_a_frame_whose_orientation_was_asked_for_is_gone(clip: Path) -> None:
    with av.open(str(clip)) as container:
        before = alive()
        for frame in container.decode(video=0):
            shown_rgb(frame)
        assert alive() - before <= 3, "others would stay until Python looks for circles"


def test_orientations_are_those_of_the_frames(clip: Path) -> None:
    orientation_of = Orientations()
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            assert orientation_of(frame) == orientation_of_frame(frame)


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_converting_a_frame_starts_no_thread(clip: Path) -> None:
    with av.open(str(clip)) as container:
        frames = list(container.decode(video=0))
        before = len(os.listdir("/proc/self/task"))
        kept = [(reformatted(frame, format="rgb24"), shown_rgb(frame)) for frame in frames]
        assert len(os.listdir("/proc/self/task")) == before and len(kept) == 40
