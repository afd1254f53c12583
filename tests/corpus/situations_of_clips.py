"""The rows of clips: containers, codecs, sound, times, parts, orientations, HDR and other streams."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

from . import photos
from .clips import Recipe, animation
from .situation import PLAIN, Situation, clip


def _containers() -> list[Situation]:
    with_aac = PLAIN.but(sound="aac")
    rows = [
        clip(f"{words} with sound", "Containers", f"clip{suffix}", recipe, sound=("aac",) if "aac" in recipe.sound else sound)
        for words, suffix, recipe, sound in (
            ("an MP4", ".mp4", with_aac, ()), ("an M4V", ".m4v", with_aac, ()), ("a QuickTime movie", ".mov", with_aac, ()),
            ("a Matroska file", ".mkv", with_aac, ()), ("an AVI", ".avi", with_aac, ()), ("an MPEG-TS", ".ts", with_aac, ()),
            ("a camcorder's MTS", ".mts", with_aac, ()), ("a Flash video", ".flv", with_aac, ()),
            ("a 3GP of an old phone", ".3gp", PLAIN.but(codec="mpeg4", sound="aac"), ()),
            ("a WebM of a browser", ".webm", _webm(), ("opus",)),
        )
    ]  # fmt: skip
    rows += [
        clip("an MPEG program stream", "Containers", "clip.mpg",
             PLAIN.but(codec="mpeg2video", sound="mp2", codec_options={"qscale": "3"}), sound=("mp3",)),
        clip("a Windows Media file without sound", "Containers", "clip.wmv", PLAIN.but(codec="msmpeg4v3")),
        clip("an Ogg video", "Containers", "clip.ogv", PLAIN.but(codec="libtheora", codec_options={"qscale": "9"})),
        clip("a clip whose extension lies (MP4 called .avi)", "Containers", "clip.avi", with_aac.but(muxer="mp4"), sound=("aac",)),
        clip("a clip without an extension", "Containers", "clip", with_aac.but(muxer="mp4"), sound=("aac",)),
        clip("a bare H.264 stream", "Containers", "clip.h264", PLAIN.but(muxer="h264")),
        clip("an MP4 made for streaming, in fragments", "Containers", "clip.mp4",
             with_aac.but(muxer_options={"movflags": "frag_keyframe+empty_moov"}), sound=("aac",), rate=None),
        clip("an MP4 whose index comes first", "Containers", "clip.mp4",
             with_aac.but(muxer_options={"movflags": "faststart"}), sound=("aac",)),
    ]  # fmt: skip
    return rows


def _webm() -> Recipe:
    return PLAIN.but(
        codec="libvpx-vp9",
        sound="libopus",
        codec_options={"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"},
    )


def _codecs() -> list[Situation]:
    fast = {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"}
    lines = [
        ("H.265", "clip.mp4", PLAIN.but(codec="libx265", codec_options={"x265-params": "log-level=error"})),
        ("H.265 with 10 bits, as recent phones record it", "clip.mov",
         PLAIN.but(codec="libx265", pixel_format="yuv420p10le", codec_options={"x265-params": "log-level=error"})),
        ("VP8", "clip.webm", PLAIN.but(codec="libvpx", codec_options=fast)),
        ("VP9", "clip.webm", PLAIN.but(codec="libvpx-vp9", codec_options=fast)),
        ("AV1", "clip.mkv", PLAIN.but(codec="libsvtav1", codec_options={"preset": "12", "svtav1-params": "lp=1"}, size=(96, 64))),
        ("MPEG-4 part 2", "clip.avi", PLAIN.but(codec="mpeg4", codec_options={"qscale": "2"})),
        ("MPEG-2", "clip.ts", PLAIN.but(codec="mpeg2video", codec_options={"qscale": "2"})),
        ("Motion JPEG of a small camera", "clip.avi", PLAIN.but(codec="mjpeg", pixel_format="yuvj420p", colour=(5, 2, 2, 2))),
        ("ProRes", "clip.mov", PLAIN.but(codec="prores_ks", pixel_format="yuv422p10le")),
        ("DNxHR", "clip.mov", PLAIN.but(codec="dnxhd", pixel_format="yuv422p", codec_options={"profile": "dnxhr_sq"}, size=(256, 128))),
        ("FFV1", "clip.mkv", PLAIN.but(codec="ffv1")),
        ("uncompressed pictures", "clip.avi", PLAIN.but(codec="rawvideo")),
        ("4:4:4 colour", "clip.mp4", PLAIN.but(pixel_format="yuv444p")),
        ("4:2:2 colour", "clip.mkv", PLAIN.but(pixel_format="yuv422p")),
        ("10 bits", "clip.mp4", PLAIN.but(pixel_format="yuv420p10le")),
        ("12 bits", "clip.mkv", PLAIN.but(codec="ffv1", pixel_format="yuv420p12le")),
        ("grey pictures", "clip.mkv", PLAIN.but(codec="ffv1", pixel_format="gray")),
        ("full range", "clip.mp4", PLAIN.but(colour=(1, 2, 1, 1))),
        ("the colours of BT.2020", "clip.mp4", PLAIN.but(pixel_format="yuv420p10le", colour=(9, 1, 9, 14))),
        ("the colours of SMPTE 240M", "clip.mp4", PLAIN.but(colour=(7, 1, 7, 7))),
    ]  # fmt: skip
    expected = {
        "DNxHR": {"size": (256, 128)},
        "grey pictures": {"in_order": False},
        "12 bits": {"notes": ("cannot write yuv420p12le",)},
    }
    return [clip(words, "Codecs and colours", name, recipe, **expected.get(words, {})) for words, name, recipe in lines]


def _sound() -> list[Situation]:
    lines = [
        ("AAC", "clip.mp4", "aac", "out.ts", ("aac",), ()),
        ("AAC", "clip.ts", "aac", "out.mkv", ("aac",), ()),
        ("AAC", "clip.mp4", "aac", "out.webm", (), ("WebM cannot hold it",)),
        ("MP3", "clip.mkv", "libmp3lame", "out.mp4", ("mp3",), ()),
        ("Opus", "clip.mkv", "libopus", "out.mp4", ("opus",), ()),
        ("Opus", "clip.mkv", "libopus", "out.mov", (), ("MOV cannot hold it",)),
        ("Opus", "clip.mkv", "libopus", "out.webm", ("opus",), ()),
        ("FLAC", "clip.mkv", "flac", "out.mp4", ("flac",), ()),
        ("AC-3", "clip.ts", "ac3", "out.mp4", ("ac3",), ()),
        ("Vorbis", "clip.mkv", "libvorbis", "out.webm", ("vorbis",), ()),
        ("Vorbis", "clip.mkv", "libvorbis", "out.ts", (), ("MPEG-TS cannot hold it",)),
        ("uncompressed sound", "clip.mov", "pcm_s16le", "out.mp4", ("pcm_s16le",), ()),
        ("uncompressed sound", "clip.avi", "pcm_s16le", "out.avi", ("pcm_s16le",), ()),
        ("Apple lossless", "clip.mov", "alac", "out.mov", ("alac",), ()),
    ]
    rows = [
        clip(f"{words} in a {Path(name).suffix}, result {Path(out).suffix}", "Sound", name, PLAIN.but(sound=codec), out=out,
             sound=sound, notes=notes)
        for words, name, codec, out, sound, notes in lines
    ]  # fmt: skip
    rows += [
        clip("sound that begins a fifth of a second late", "Sound", "clip.mp4",
             PLAIN.but(sound="aac", sound_after_s=Fraction(1, 5)), sound=("aac",), sound_late_s=0.2),
        clip("sound that begins late, result .mkv", "Sound", "clip.mkv",
             PLAIN.but(sound="aac", sound_after_s=Fraction(1, 5)), out="out.mkv", sound=("aac",), sound_late_s=0.2),
        clip("sound that begins late, result .avi", "Sound", "clip.mp4",
             PLAIN.but(sound="aac", sound_after_s=Fraction(1, 5)), out="out.avi", sound=("aac",), sound_late_s=0.0,
             notes=("earlier than in the clip",)),
        clip("two languages", "Sound", "clip.mkv", PLAIN.but(sound="aac", sound_tracks=2, sound_tag={"language": "fra"}),
             sound=("aac", "aac")),
        clip("no sound", "Sound", "clip.mp4", PLAIN),
        Situation(gives="spatial sound that FFmpeg does not know, beside ordinary sound", group="Sound", name="clip.mov",
                  make=photos.with_unknown_sound, sound=("aac",), notes=("does not know its codec",)),
    ]  # fmt: skip
    return rows


def _times() -> list[Situation]:
    steps = (0, 20, 50, 100, 110, 200, 300, 301, 400, 600)
    rows = []
    for out in ("out.mp4", "out.mkv", "out.avi", "out.ts", "out.mov"):
        rows += [
            clip(f"a clip that begins at ten hours, result {Path(out).suffix}", "Time", "clip.ts",
                 PLAIN.but(start_s=Fraction(36_000), sound="ac3"), out=out, sound=("ac3",)),
            clip(f"a clip whose clock runs over (MPEG-TS, after 26.5 hours), result {Path(out).suffix}", "Time", "clip.ts",
                 PLAIN.but(start_s=Fraction(2**33, 90_000) - Fraction(1, 5), sound="ac3"), out=out, sound=("ac3",)),
            clip(f"a clock of 600 ticks a second at 25 pictures, result {Path(out).suffix}", "Time", "clip.mov",
                 PLAIN.but(base=Fraction(1, 600), sound="pcm_s16le" if out != "out.ts" else "aac"), out=out,
                 sound=("pcm_s16le" if out != "out.ts" else "aac",)),
        ]  # fmt: skip
    rows += [
        clip("a variable rate", "Time", "clip.mp4", PLAIN.but(base=Fraction(1, 600), ticks=steps), rate=None, seconds=1.0),
        clip("a variable rate, result .mkv", "Time", "clip.mp4", PLAIN.but(base=Fraction(1, 600), ticks=steps),
             out="out.mkv", rate=None, seconds=1.0),
        clip("an edit list that hides the first fifth of a second", "Time", "clip.mp4",
             PLAIN.but(start_s=Fraction(-1, 5)), frames=5, first=5),
        clip("a Matroska file that begins after six days", "Time", "clip.mkv",
             PLAIN.but(start_s=Fraction(500_000), sound="aac"), sound=("aac",)),
        clip("23.976 pictures a second", "Time", "clip.mp4", PLAIN.but(rate=Fraction(24_000, 1001)), rate=Fraction(24_000, 1001)),
        clip("29.97 pictures a second", "Time", "clip.mp4", PLAIN.but(rate=Fraction(30_000, 1001)), rate=Fraction(30_000, 1001)),
        clip("slow motion of 240 pictures a second", "Time", "clip.mov", PLAIN.but(rate=Fraction(240)), rate=Fraction(240)),
        clip("one picture a second", "Time", "clip.mp4", PLAIN.but(rate=Fraction(1)), rate=Fraction(1)),
        clip("one picture alone", "Time", "clip.mp4", PLAIN.but(count=1), frames=1),
    ]  # fmt: skip
    return rows


def _parts() -> list[Situation]:
    long = PLAIN.but(count=50, sound="aac", codec_options={"g": "20", "bf": "3", "preset": "veryfast"})
    asked = ("--start", "1.01", "--end", "1.5")
    lines = [
        ("MP4 with B-frames", "clip.mp4", long, "aac", 5, 13), ("QuickTime", "clip.mov", long, "aac", 5, 13),
        ("Matroska", "clip.mkv", long, "aac", 5, 13), ("MPEG-TS", "clip.ts", long, "aac", 5, 12),
        ("AVI", "clip.avi", long.but(codec_options={"g": "20", "bf": "0"}), "aac", 5, 13),
        ("Flash video", "clip.flv", long, "aac", 5, 12),
        ("WebM", "clip.webm", long.but(codec="libvpx-vp9", sound="libopus", codec_options={"g": "20", "deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"}), "opus", 5, 13),
        ("open groups of pictures", "clip.mp4", long.but(codec_options={"g": "20", "bf": "3", "preset": "veryfast", "x264-params": "open-gop=1"}), "aac", 5, 13),
        ("a bare H.264 stream, which has no times", "clip.h264", long.but(sound="", muxer="h264"), "", 5, 13),
        ("a clip that begins at two hours", "clip.ts", long.but(start_s=Fraction(7200)), "aac", 5, 12),
    ]  # fmt: skip
    rows = [
        clip(f"from 1.01 to 1.5 seconds of {words}", "A part of a clip", name, recipe, options=asked, frames=frames,
             first=first, sound=(sound,) if sound else ())
        for words, name, recipe, sound, first, frames in lines
    ]  # fmt: skip
    rows += [
        clip("a part that begins after the clip's end", "A part of a clip", "clip.mp4", PLAIN, options=("--start", "9"),
             refused="is over before", code=8),
        clip("a part that ends before it begins", "A part of a clip", "clip.mp4", PLAIN,
             options=("--start", "0.3", "--end", "0.1"), refused="an end", code=2),
        Situation(gives="from 0.1 to 0.3 seconds of an animation", group="A part of a clip", name="clip.gif",
                  make=partial(animation, name="GIF"), options=("--start", "0.1", "--end", "0.3"), frames=6, first=2, rate=None),
    ]  # fmt: skip
    return rows


def _orientations() -> list[Situation]:
    words = {1: "upright", 2: "mirrored", 3: "on its head", 4: "on its head and mirrored", 5: "on its side and mirrored",
             6: "on its left side", 7: "on its other side and mirrored", 8: "on its right side"}  # fmt: skip
    rows = [
        clip(f"a clip recorded {said}", "Orientation and size", "clip.mov", PLAIN.but(turned=number))
        for number, said in words.items()
    ]
    rows += [
        Situation(gives=f"a photo taken {said}", group="Orientation and size", name="photo.jpg", command="image",
                  make=partial(photos.photo, orientation=number), out="out.png", frames=1)
        for number, said in words.items() if number > 1
    ]  # fmt: skip
    rows += [
        clip("4:2:2 colour on its side", "Orientation and size", "clip.mov", PLAIN.but(turned=6, pixel_format="yuv422p")),
        clip("odd sides", "Orientation and size", "clip.mkv", PLAIN.but(codec="ffv1", size=(97, 65)), size=(98, 66),
             notes=("even sides",)),
        clip("a portrait", "Orientation and size", "clip.mp4", PLAIN.but(size=(64, 96)), size=(64, 96)),
        Situation(gives="pictures that change their size on the way", group="Orientation and size", name="clip.ts",
                  make=photos.changing_size, notes=("changes its frame size", "cut off or damaged"), in_order=False, rate=None),
        clip("two fields in a picture (interlaced)", "Orientation and size", "clip.mp4",
             PLAIN.but(interlaced=True), kept={"it still says that it is interlaced": photos.is_interlaced}),
        clip("two fields in a picture, deinterlaced", "Orientation and size", "clip.mkv", PLAIN.but(interlaced=True, sound="aac"),
             options=("--deinterlace",), sound=("aac",), kept={"it is no longer interlaced": photos.is_deinterlaced}),
        clip("a clip that does not say that it is interlaced, deinterlaced", "Orientation and size", "clip.mp4", PLAIN,
             options=("--deinterlace",), notes=("does not say that it is interlaced",)),
    ]  # fmt: skip
    return rows


def _hdr() -> list[Situation]:
    rows = []
    for words, transfer in (("PQ (HDR10)", 16), ("HLG", 18)):
        for codec, name, out in (("libx264", "clip.mp4", "out.mp4"), ("libx265", "clip.mov", "out.mkv")):
            told = {"x265-params": f"log-level=error:{photos.HDR10}"} if codec == "libx265" else {}
            recipe = PLAIN.but(codec=codec, pixel_format="yuv420p10le", colour=(9, 1, 9, transfer), codec_options=told)
            kept: dict[str, Callable[[Path, Path], bool]] = {
                "colours and curve are named as before": photos.same_colours
            }
            if codec == "libx265":
                kept["mastering metadata are there"] = photos.same_hdr
            rows.append(
                clip(
                    f"{words} in {codec[3:]}, result {Path(out).suffix}",
                    "HDR",
                    name,
                    recipe,
                    out=out,
                    kept=kept,
                    in_order=False,
                )
            )
    return rows


def _streams() -> list[Situation]:
    subtitles = PLAIN.but(subtitles="subrip", sound="aac")
    return [
        clip("subtitles in .mkv, result .mkv", "Other tracks", "clip.mkv", subtitles, out="out.mkv", sound=("aac",)),
        clip("subtitles in .mkv, result .mp4", "Other tracks", "clip.mkv", subtitles, sound=("aac",),
             notes=("subtitle, subrip",)),
        clip("styled subtitles and their font, result .mkv", "Other tracks", "clip.mkv",
             PLAIN.but(subtitles="ass", attachment=True), out="out.mkv"),
        clip("a font, result .mp4", "Other tracks", "clip.mkv", PLAIN.but(attachment=True), notes=("attachment",)),
        clip("a cover picture", "Other tracks", "clip.mp4", PLAIN.but(cover=True), notes=("a cover shows the clip before",)),
        clip("two tracks of pictures", "Other tracks", "clip.mp4", PLAIN.but(twice=True), notes=("one is swapped",)),
        clip("a track of data, result .ts", "Other tracks", "clip.ts", PLAIN.but(data=True), out="out.ts"),
        clip("a track of data, result .mp4", "Other tracks", "clip.ts", PLAIN.but(data=True), notes=("data, klv",)),
        clip("chapters, a title and a date", "Other tracks", "clip.mp4",
             PLAIN.but(chapters=(0, 0.2), tags={"title": "T", "creation_time": "2024-01-02T03:04:05.000000Z"}),
             kept={"its chapters are there": photos.same_chapters, "its title and date are there": photos.same_title}),
        clip("a clip that says where it was taken", "Other tracks", "clip.mp4", PLAIN.but(tags={"location": "+48.1+11.6/"}),
             notes=("where or by whom",), kept={"the place is gone": photos.has_no_place}),
        clip("the same, asked to keep it", "Other tracks", "clip.mp4", PLAIN.but(tags={"location": "+48.1+11.6/"}),
             options=("--keep-personal",), kept={"the place is there": lambda a, b: not photos.has_no_place(a, b)}),
        Situation(gives="sound alone", group="Other tracks", name="song.m4a", make=photos.sound_alone,
                  refused="has no pictures", code=8),
    ]  # fmt: skip


CLIPS: tuple[Situation, ...] = (
    *_containers(), *_codecs(), *_sound(), *_times(), *_parts(), *_orientations(), *_hdr(), *_streams(),
)  # fmt: skip
