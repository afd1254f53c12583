"""Clips in and out: what must survive, whatever the container."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.runtime.threads import real_time_threads, stage_threads
from mobilefaceswap_core.video import EncodeOptions, VideoOptions, VideoReport, run_to_end, swap_video
from mobilefaceswap_core.video.picture import planes_of
from mobilefaceswap_core.video.reader import open_clip
from mobilefaceswap_core.video.stills import image_files
from tests.fakes import clips
from tests.fakes.video_fixtures import PLAIN, RED, colour_share, painted, painter

LOSSLESS = EncodeOptions(crf=0, preset="ultrafast")


def swapped(target: Path, output: Path, encode: EncodeOptions = LOSSLESS) -> VideoReport:
    options = VideoOptions(encode=encode, swap=PLAIN)
    return run_to_end(swap_video(painter(), target, output, painted(RED), options=options))


def test_every_frame_is_swapped_at_its_exact_time(with_sound: Path, tmp_path: Path) -> None:
    report = swapped(with_sound, tmp_path / "out.mp4")
    assert (report.frames, report.frames_swapped, report.frames_without_face) == (20, 20, 0)
    assert report.frame_rate == "30000/1001"
    assert clips.read_times(tmp_path / "out.mp4") == clips.read_times(with_sound)
    for before, after in zip(clips.read_frames(with_sound), clips.read_frames(tmp_path / "out.mp4"), strict=True):
        assert colour_share(after, RED) > 0.02 > 0.015 > colour_share(before, RED)


def test_sound_packets_come_through_bit_for_bit(with_sound: Path, tmp_path: Path) -> None:
    swapped(with_sound, tmp_path / "out.mp4")
    before = clips.packets(with_sound, "audio")
    assert len(before) > 10
    assert clips.packets(tmp_path / "out.mp4", "audio") == before


def test_a_result_without_sound_has_none_and_says_nothing_of_it(with_sound: Path, tmp_path: Path) -> None:
    report = swapped(with_sound, tmp_path / "out.mp4", EncodeOptions(crf=0, preset="ultrafast", sound=False))
    with av.open(str(tmp_path / "out.mp4")) as result:
        assert len(result.streams.audio) == 0
    assert report.notes == () and report.frames == 20


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root's threads may become real-time")
def test_an_av1_encoder_leaves_the_processors_to_others(
    with_sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobilefaceswap_core.video.job._EVENT_S", 0.0)  # a look at every frame, however fast they come
    options = VideoOptions(encode=EncodeOptions(codec="libsvtav1", crf=50), swap=PLAIN)
    looks = 0
    for _ in swap_video(painter(), with_sound, tmp_path / "out.mkv", painted(RED), options=options):
        assert real_time_threads() == set()
        looks += 1
    assert looks == 20 + 1 and real_time_threads() == set()  # 20 frames and the end


def test_larger_frames_are_made_smaller_before_they_are_swapped(with_sound: Path, tmp_path: Path) -> None:
    options = VideoOptions(encode=LOSSLESS, swap=PLAIN, shorter_px=120)
    report = run_to_end(swap_video(painter(), with_sound, tmp_path / "out.mp4", painted(RED), options=options))
    before, after = clips.read_frames(with_sound), clips.read_frames(tmp_path / "out.mp4")
    assert min(after[0].shape[:2]) == 120 == min(report.width, report.height)
    assert after[0].shape[1] / after[0].shape[0] == pytest.approx(before[0].shape[1] / before[0].shape[0], abs=0.02)
    assert report.frames_swapped == 20 and clips.read_times(tmp_path / "out.mp4") == clips.read_times(with_sound)
    assert clips.packets(tmp_path / "out.mp4", "audio") == clips.packets(with_sound, "audio")
    assert colour_share(after[5], RED) == pytest.approx(
        colour_share(swapped_frame(with_sound, tmp_path), RED), abs=0.006
    )


def swapped_frame(clip: Path, folder: Path) -> np.ndarray:
    """The sixth frame of the clip, swapped at its own size."""
    swapped(clip, folder / "whole.mp4")
    return clips.read_frames(folder / "whole.mp4")[5]


@pytest.mark.parametrize("pixels", [-1, 0, 63])
def test_a_frame_too_small_to_hold_a_face_is_refused(pixels: int) -> None:
    with pytest.raises(OptionError, match="wanted 64 or more"):
        VideoOptions(shorter_px=pixels)


def test_pixels_outside_the_face_are_bit_identical_when_the_encoder_loses_nothing(
    with_sound: Path, tmp_path: Path
) -> None:
    swapped(with_sound, tmp_path / "out.mp4")
    for before, after in zip(
        clips.read_frames(with_sound, "yuv420p"), clips.read_frames(tmp_path / "out.mp4", "yuv420p"), strict=True
    ):
        luma_before, luma_after = before[:240], after[:240]
        changed = np.argwhere(luma_before != luma_after)
        height, width = np.ptp(changed, axis=0)
        assert 20 < height < 130 and 20 < width < 110  # one face of about 73 px
        assert (before != after).mean() < 0.15


def test_pixels_outside_the_face_stay_within_the_codecs_tolerance_by_default(with_sound: Path, tmp_path: Path) -> None:
    swapped(with_sound, tmp_path / "out.mp4", EncodeOptions())
    before, after = (clips.read_frames(path, "yuv420p")[5] for path in (with_sound, tmp_path / "out.mp4"))
    left = np.s_[:240, :100]  # of the luma plane; the face stays in the right half
    error = before[left].astype(int) - after[left]
    assert 10 * np.log10(255**2 / (error**2).mean()) > 38  # dB: no difference an eye finds


def test_variable_frame_rate_keeps_every_time_stamp(tmp_path: Path) -> None:
    times = [0, 3003, 9000, 9500, 20000, 20500, 45000, 90001]
    base = Fraction(1, 90000)
    clip = clips.write_clip(tmp_path / "vfr.mp4", clips.portrait_frames(8), times=times, time_base=base)
    swapped(clip, tmp_path / "out.mp4")
    assert clips.read_times(tmp_path / "out.mp4") == clips.read_times(clip) == [t * base for t in times]


def test_subtitles_are_copied_and_what_a_container_cannot_hold_is_told(tmp_path: Path) -> None:
    text = tmp_path / "words.srt"
    text.write_text("1\n00:00:00,100 --> 00:00:00,400\nHello\n\n2\n00:00:00,450 --> 00:00:00,600\nthere\n")
    clip = clips.write_clip(tmp_path / "in.mkv", clips.portrait_frames(16), sound=True, subtitles=text)
    kept = swapped(clip, tmp_path / "out.mkv")
    assert clips.packets(tmp_path / "out.mkv", "subtitle") == clips.packets(clip, "subtitle") == [b"Hello", b"there"]
    assert kept.notes == ()
    lost = swapped(clip, tmp_path / "out.mp4")
    assert [note for note in lost.notes if "subtitle" in note and ".mkv" in note]
    assert clips.packets(tmp_path / "out.mp4", "audio") == clips.packets(clip, "audio")


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_clips_are_swapped_and_written_upright(degrees: int, tmp_path: Path) -> None:
    upright = clips.portrait_frames(6)
    lying = [np.ascontiguousarray(np.rot90(frame, degrees // 90)) for frame in upright]
    clip = clips.write_clip(tmp_path / "in.mp4", lying)
    clips.set_rotation(clip, degrees)
    report = swapped(clip, tmp_path / "out.mp4")
    assert (report.width, report.height, report.frames_swapped) == (320, 240, 6)
    after = clips.read_frames(tmp_path / "out.mp4")[0]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0
    assert np.abs(after[:, :100].astype(int) - upright[0][:, :100]).mean() < 4


@pytest.mark.parametrize(("codec", "name"), [("ffv1", "in.mkv"), ("libvpx-vp9", "in.webm")])
def test_odd_sizes_lose_no_pixel(codec: str, name: str, tmp_path: Path) -> None:
    frames = [frame[:239, :317] for frame in clips.portrait_frames(4)]
    clip = clips.write_clip(
        tmp_path / name, frames, codec=codec, options={"crf": "5", "b": "0"} if "vpx" in codec else {}
    )
    report = swapped(clip, tmp_path / "out.mp4")
    with av.open(str(clip)) as source, av.open(str(tmp_path / "out.mp4")) as result:
        before, after = (planes_of(next(c.decode(video=0))) for c in (source, result))
        assert after[0].shape == (240, 318)
        assert np.array_equal(after[0][:239, :100], before[0][:, :100])
        assert np.array_equal(after[0][:239, 317], before[0][:, 316])
    assert [note for note in report.notes if "even sides" in note]
    swapped(clip, tmp_path / "same.mkv", EncodeOptions(codec="ffv1"))
    assert clips.read_frames(tmp_path / "same.mkv")[0].shape == (239, 317, 3)


def test_a_clip_of_one_frame_stays_one_frame(tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "one.mp4", clips.portrait_frames(1))
    report = swapped(clip, tmp_path / "out.mp4")
    assert (report.frames, report.frames_swapped) == (1, 1)
    assert len(clips.read_frames(tmp_path / "out.mp4")) == 1


def test_ten_bits_and_colour_tags_are_kept(tmp_path: Path) -> None:
    def tag(stream: object) -> None:
        context = stream.codec_context  # type: ignore[attr-defined]
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 9, 9, 14

    clip = clips.write_clip(tmp_path / "deep.mp4", clips.portrait_frames(4), pixel_format="yuv420p10le", setup=tag)
    swapped(clip, tmp_path / "out.mp4")
    with av.open(str(clip)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        a, b = next(before.decode(video=0)), next(after.decode(video=0))
        names = ("colorspace", "color_range", "color_primaries", "color_trc")
        assert b.format.name == "yuv420p10le"
        assert [int(getattr(b, name)) for name in names] == [int(getattr(a, name)) for name in names] == [9, 1, 9, 14]
        left = [planes_of(frame)[0][:, :100] for frame in (a, b)]
        assert np.abs(left[0].astype(int) - left[1]).mean() < 2  # of 1023; crf 0 is lossless in eight bits only
        assert (left[1] % 4 != 0).any()
    assert colour_share(clips.read_frames(tmp_path / "out.mp4")[0], RED) > 0.02


def test_full_range_stays_full_range(tmp_path: Path) -> None:
    def tag(stream: object) -> None:
        stream.codec_context.color_range, stream.codec_context.colorspace = 2, 1  # type: ignore[attr-defined]

    clip = clips.write_clip(tmp_path / "full.mp4", clips.portrait_frames(3), setup=tag)
    swapped(clip, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.color_range), int(frame.colorspace)) == (2, 1)
    before, after = (clips.read_frames(path)[0] for path in (clip, tmp_path / "out.mp4"))
    assert np.array_equal(before[:, :100], after[:, :100])


def test_animations_keep_durations_loop_and_transparency(tmp_path: Path) -> None:
    frames = [np.dstack([f, np.full(f.shape[:2], 255, np.uint8)]) for f in clips.portrait_frames(5)]
    for frame in frames:
        frame[:40, :40, 3] = 0
    images = [PillowImage.fromarray(frame) for frame in frames]
    durations = [40, 80, 120, 40, 200]
    images[0].save(
        tmp_path / "in.webp", save_all=True, append_images=images[1:], duration=durations, loop=3, lossless=True
    )
    report = swapped(tmp_path / "in.webp", tmp_path / "out.webp")
    assert (report.frames, report.frames_swapped) == (5, 5)
    clip = open_clip(tmp_path / "out.webp")
    assert (clip.durations_ms, clip.info.loop) == (durations, 3)  # type: ignore[attr-defined]
    for picture in clip.pictures():
        assert picture.alpha is not None and (picture.alpha[:36, :36] == 0).all()  # type: ignore[attr-defined]
        assert colour_share(picture.rgb(), RED) > 0.02
    clip.close()


def test_clips_become_gifs_and_gifs_become_clips(tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "in.mp4", clips.portrait_frames(7), rate=Fraction(15), sound=True)
    report = swapped(clip, tmp_path / "out.gif")
    assert [note for note in report.notes if "sound" in note]
    gif = open_clip(tmp_path / "out.gif")
    assert len(gif.durations_ms) == 7  # type: ignore[attr-defined]
    assert abs(sum(gif.durations_ms) - 7000 / 15) <= 10  # type: ignore[attr-defined]  # hundredths of a second
    gif.close()
    back = swapped(tmp_path / "out.gif", tmp_path / "back.mp4")
    assert back.frames == 7
    times = clips.read_times(tmp_path / "back.mp4")
    assert abs(float(times[-1]) - 6 / 15) < 0.011


def test_image_sequences_go_in_and_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, frame in enumerate(clips.portrait_frames(4), start=8):  # 8, 9, 10, 11: not in the order of text
        PillowImage.fromarray(frame).save(tmp_path / "in" / f"{number}.png")
    assert [file.name for file in image_files(tmp_path / "in" / "%d.png")] == ["8.png", "9.png", "10.png", "11.png"]
    report = swapped(tmp_path / "in", tmp_path / "out")
    assert report.frames == 4
    written = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert written == ["00001.png", "00002.png", "00003.png", "00004.png"]
    before = np.asarray(PillowImage.open(tmp_path / "in" / "9.png"))
    after = np.asarray(PillowImage.open(tmp_path / "out" / "00002.png"))
    assert np.array_equal(before[:, :100], after[:, :100]) and colour_share(after, RED) > 0.02
    swapped(tmp_path / "in", tmp_path / "numbered" / "img%03d.png")
    assert sorted(file.name for file in (tmp_path / "numbered").iterdir())[0] == "img001.png"
    assert swapped(tmp_path / "out", tmp_path / "film.mp4").frames == 4


def test_rgb_clips_with_transparency_keep_it_where_the_codec_can(tmp_path: Path) -> None:
    frames = [np.dstack([f, np.full(f.shape[:2], 255, np.uint8)]) for f in clips.portrait_frames(3)]
    for frame in frames:
        frame[:50, :50, 3] = 7
    clip = clips.write_clip(tmp_path / "in.mov", frames, codec="qtrle", pixel_format="argb")
    swapped(clip, tmp_path / "out.mov", EncodeOptions(codec="qtrle"))
    assert (clips.read_frames(tmp_path / "out.mov", "rgba")[0][:50, :50, 3] == 7).all()
    report = swapped(clip, tmp_path / "out.mp4")
    assert [note for note in report.notes if "transparency" in note]


def test_unknown_encoders_formats_and_extensions_are_refused(with_sound: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no encoder"):
        swapped(with_sound, tmp_path / "out.mp4", EncodeOptions(codec="nonsense"))
    with pytest.raises(OptionError, match="cannot write"):
        swapped(with_sound, tmp_path / "out.mp4", EncodeOptions(pixel_format="rgb48le"))
    with pytest.raises(OptionError, match="cannot write"):
        swapped(with_sound, tmp_path / "out.txt")
    assert list(tmp_path.iterdir()) == []


def test_other_codecs_and_containers_can_be_chosen(with_sound: Path, tmp_path: Path) -> None:
    for name, codec, decoded in (
        ("out.webm", "auto", "vp9"),
        ("out.mkv", "libx265", "hevc"),
        ("out.mov", "auto", "h264"),
    ):
        report = swapped(with_sound, tmp_path / name, EncodeOptions(codec=codec, crf=28, preset="ultrafast"))
        assert report.frames == 20
        with av.open(str(tmp_path / name)) as container:
            assert container.streams.video[0].codec_context.name.startswith(decoded)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (EncodeOptions(), b"rc_lookahead=10 rc=crf mbtree=1 crf=17.5"),
        (EncodeOptions(preset="superfast", crf=20), b"rc=crf mbtree=0 crf=20.0"),
        (EncodeOptions(codec="libx265"), b"subme=1"),  # as x265's veryfast; its superfast has 0
    ],
)
def test_a_chosen_preset_is_the_encoders_own_and_auto_looks_ahead_at_little_cost(
    with_sound: Path, tmp_path: Path, options: EncodeOptions, told: bytes
) -> None:
    swapped(with_sound, tmp_path / "out.mp4", options)
    written = (tmp_path / "out.mp4").read_bytes()
    assert told in written
    if options == EncodeOptions():
        assert f" threads={stage_threads()} ".encode() in written, "the other stages need the other processors"
    assert (b"b_adapt=0" in written and b"me=dia subme=1" in written) == (
        options.preset == "auto" and options.codec == "auto"
    )


def test_a_decoder_takes_as_many_threads_as_it_is_given(with_sound: Path) -> None:
    for threads in (0, 1):
        clip = open_clip(with_sound, threads=threads)
        assert clip.stream.codec_context.thread_count == threads or threads == 0
        assert len(list(clip.pictures())) == 20
        clip.close()
