"""Clips that were cut off or damaged, and files that are none."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from mobilefaceswap_core.errors import VideoError
from mobilefaceswap_core.video import EncodeOptions, VideoOptions, VideoReport, run_to_end, swap_video
from tests.fakes import clips
from tests.fakes.video_fixtures import PLAIN, RED, painted, painter

LOSSLESS = EncodeOptions(crf=0, preset="ultrafast")


def swapped(target: Path, output: Path, encode: EncodeOptions = LOSSLESS) -> VideoReport:
    options = VideoOptions(encode=encode, swap=PLAIN)
    return run_to_end(swap_video(painter(), target, output, painted(RED), options=options))


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_a_clip_that_was_cut_off_gives_what_could_be_read_and_says_so(name: str, tmp_path: Path) -> None:
    whole = clips.write_clip(
        tmp_path / f"whole-{name}", clips.portrait_frames(24), sound=True,
        options={"crf": "12", "preset": "ultrafast", "g": "6"},
    )  # fmt: skip
    if name.endswith("mp4"):
        with (
            av.open(str(whole)) as source,
            av.open(str(tmp_path / "fast.mp4"), "w", options={"movflags": "+faststart"}) as out,
        ):
            copies = {s.index: out.add_stream_from_template(s) for s in source.streams}
            for packet in source.demux():
                if packet.size:
                    packet.stream = copies[packet.stream.index]
                    out.mux_one(packet)
        whole = tmp_path / "fast.mp4"
    data = whole.read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * 0.6)])
    report = swapped(tmp_path / name, tmp_path / f"out-{name}")
    assert report.truncated
    assert 5 < report.frames < 24
    assert len(clips.read_frames(tmp_path / f"out-{name}")) == report.frames
    assert [note for note in report.notes if "cut off" in note and str(report.frames) in note]


def test_a_whole_clip_is_not_called_truncated(with_sound: Path, tmp_path: Path) -> None:
    assert not swapped(with_sound, tmp_path / "out.mp4").truncated


def test_damage_in_the_middle_is_survived_and_counted(tmp_path: Path) -> None:
    clip = clips.write_clip(
        tmp_path / "in.mkv", clips.portrait_frames(24), options={"crf": "12", "preset": "ultrafast", "g": "4"}
    )
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    clip.write_bytes(bytes(data))
    report = swapped(clip, tmp_path / "out.mp4")
    assert report.frames >= 10
    assert report.damaged_packets > 0 or report.truncated or report.frames == 24


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [("none.mp4", None, "does not exist"), ("empty.mp4", b"", "0 bytes"), ("noise.mp4", bytes(range(256)) * 40, "cannot be opened"),
     ("noise.gif", b"GIF89a nothing", "cannot be opened")],
)  # fmt: skip
def test_files_that_are_no_clip_are_refused_with_a_reason(
    name: str, content: bytes | None, word: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=word):
        swapped(tmp_path / name, tmp_path / "out.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ([] if content is None else [name])


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    container = av.open(str(tmp_path / "song.m4a"), "w")
    clips._write_tone(container, container.add_stream("aac", rate=16000, layout="mono"), seconds=0.5)
    container.close()
    with pytest.raises(VideoError, match="no pictures"):
        swapped(tmp_path / "song.m4a", tmp_path / "out.mp4")
