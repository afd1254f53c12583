"""Broken and hostile pictures and clips: our own error or a usable picture, in bounded time and memory, always."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import ImageError, SwapError, VideoError
from mobilefaceswap_core.files.images import check_image, read_image, write_image
from mobilefaceswap_core.marking.metadata import embed_metadata, read_metadata
from mobilefaceswap_core.video.reader import open_clip

from .hostile_files import encoded, gif_claiming, photo, png_claiming
from .limits import run_limited

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
warnings.filterwarnings("ignore", module="PIL")


def reads_or_refuses(data: bytes) -> None:
    """A picture that can be used, or ImageError; anything else fails the test."""
    try:
        loaded = read_image(data)
    except ImageError:
        return
    assert check_image(loaded.image).shape[:2] == loaded.native.shape[:2]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), format_name=st.sampled_from(FORMATS))
def test_damaged_files_of_every_format_read_or_are_refused(data, format_name: str) -> None:
    damaged = bytearray(encoded(format_name))
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    reads_or_refuses(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))


@settings(max_examples=100, deadline=None)
@given(
    start=st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x40\0\0\0WEBP", b"II*\0", b"BM", b"GIF89a"]
    ),
    rest=st.binary(max_size=200),
)
def test_any_bytes_behind_any_signature_read_or_are_refused(start: bytes, rest: bytes) -> None:
    reads_or_refuses(start + rest)


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF\x40\0\0\0WEBPVP8X", b"GIF89a"]),
    rest=st.binary(max_size=120),
)
def test_marking_any_bytes_succeeds_or_is_refused(start: bytes, rest: bytes) -> None:
    try:
        marked = embed_metadata(start + rest, model="student", version="1")
    except SwapError:
        return
    assert len(marked) > len(rest)


BOMBS = {
    "png_20000": png_claiming(20_000, 20_000),
    "png_2e31": png_claiming(2**31 - 1, 2**31 - 1),
    "png_flat": png_claiming(2**31 - 1, 1),
    "png_16_bit": png_claiming(9_000, 9_000, 16)[:-12],
    "gif_65535": gif_claiming(65_535, 65_535),
    "bmp": b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 2**30, 2**30, 1, 24, *[0] * 6),
    "ppm": b"P6 999999999 999999999 255\n" + bytes(30),
}
_READ_BOMB = """
import sys
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.files.images import read_image
try:
    read_image(sys.argv[1])
except ImageError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_picture_that_claims_to_be_enormous_is_refused_in_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(BOMBS[name])
    done = run_limited(_READ_BOMB, str(path), memory_mb=1200, cpu_s=20)
    assert done.returncode == 0 and "refused:" in done.stdout, done.stderr[-500:]


def test_a_compressed_text_chunk_does_not_expand_without_end() -> None:
    chunk = b"iTXtkey\0\1\0\0\0" + zlib.compress(bytes(300 << 20), 9)
    good = encoded("PNG")
    bomb = good[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + good[33:]
    assert len(bomb) < 1 << 20
    reads_or_refuses(bomb)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_layout_becomes_rgb(mode: str) -> None:
    format_name = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    stream = io.BytesIO()
    if mode == "I;16":
        PillowImage.fromarray(np.full((5, 7), 40_000, np.uint16)).save(stream, "PNG")
    else:
        PillowImage.fromarray(photo()).convert(mode).save(stream, format_name)
    assert check_image(read_image(stream.getvalue()).image).ndim == 3


def test_one_pixel_is_a_picture_without_a_face() -> None:
    from mobilefaceswap_core.detect import load_detector

    stream = io.BytesIO()
    PillowImage.fromarray(photo(1)).save(stream, "PNG")
    assert load_detector("lite").detect(read_image(stream.getvalue()).image) == []


def test_the_first_picture_of_an_animation_stands_for_it_and_the_count_is_told() -> None:
    frames = [PillowImage.fromarray(photo()), PillowImage.fromarray(255 - photo())]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    loaded = read_image(stream.getvalue())
    assert loaded.frames == 2 and np.array_equal(loaded.image, photo())


def test_the_content_decides_not_the_extension(tmp_path: Path) -> None:
    lying = tmp_path / "clip.mp4"
    lying.write_bytes(encoded("PNG"))
    assert np.array_equal(read_image(lying).image, photo())
    (tmp_path / "photo.png").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(200))
    with pytest.raises(ImageError, match="video"):
        read_image(tmp_path / "photo.png")


@pytest.mark.parametrize(
    "array",
    [
        np.full((4, 4, 3), np.nan, np.float32),
        np.full((4, 4, 3), np.inf),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.array([[["a"] * 3]]),
        np.zeros((4, 4, 3), complex),
        np.zeros((1, 4, 4, 3), np.uint8),
        [[0]],
        None,
    ],
    ids=lambda value: f"{type(value).__name__}{getattr(value, 'dtype', '')}{getattr(value, 'shape', '')}",
)
def test_arrays_that_are_no_picture_are_refused_and_nothing_is_written(array, tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        check_image(array)
    with pytest.raises(ImageError):
        write_image(tmp_path / "out.png", array)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "\0.png", "no/such/folder.png", "a" * 5000 + ".png", "."])
def test_names_that_no_file_has_are_refused(name: str) -> None:
    with pytest.raises(ImageError):
        read_image(name)


def test_a_result_replaces_a_link_and_not_the_file_it_points_to(tmp_path: Path) -> None:
    precious, link = tmp_path / "precious.png", tmp_path / "out.png"
    precious.write_bytes(b"keep me")
    link.symlink_to(precious)
    write_image(link, photo())
    assert precious.read_bytes() == b"keep me" and not link.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"precious.png", "out.png"}


# Clips -----------------------------------------------------------------------------------------------------------------


def small_clip(path: Path, *, frames: int = 6, side: int = 32, step: int = 1) -> Path:
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("mpeg4", rate=25)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            image = cv2.resize(photo(8), (side, side)) // 2 + number
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number * step, Fraction(1, 25)
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode())
    return path


def plays_or_refuses(path: Path) -> int:
    """How many pictures; 0 when VideoError says why none can be had."""
    try:
        clip = open_clip(path)
    except VideoError:
        return 0
    try:
        return sum(1 for _ in clip.pictures())
    except VideoError:
        return 0
    finally:
        clip.close()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), suffix=st.sampled_from([".mp4", ".mkv", ".avi", ".gif", ".webp"]))
def test_damaged_clips_play_as_far_as_they_can_or_are_refused(data, suffix: str, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("clip")
    path = folder / f"clip{suffix}"
    if suffix in (".gif", ".webp"):
        frames = [PillowImage.fromarray(photo() // 2 + 10 * number) for number in range(4)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    else:
        small_clip(path)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
    assert plays_or_refuses(path) <= 60


def test_a_gif_that_breaks_off_anywhere_plays_up_to_there_or_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.gif"
    frames = [PillowImage.fromarray(photo(16) // 2 + 10 * number) for number in range(4)]
    frames[0].save(whole, save_all=True, append_images=frames[1:])
    content, path, played = whole.read_bytes(), tmp_path / "clip.gif", []
    for length in [*range(1, len(content), 5), len(content)]:
        path.write_bytes(content[:length])
        played.append(plays_or_refuses(path))
    assert played == sorted(played) and played[-1] == 4


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif", ".webp", ".apng", ".txt"])
@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"GIF89a", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n"])
def test_files_that_are_no_clip_are_refused_by_any_name(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(content)
    if (suffix, content) != (".gif", b"GIF89a"):
        with pytest.raises(VideoError):
            open_clip(path)
    assert plays_or_refuses(path) == 0


@pytest.mark.parametrize("size", [(65_535, 65_535), (20_000, 20_000), (12_000, 8_000)])
def test_an_animation_of_enormous_pictures_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "bomb.gif"
    path.write_bytes(gif_claiming(*size))
    with pytest.raises(VideoError):
        open_clip(path)


def test_a_playlist_named_like_a_clip_opens_no_other_file(tmp_path: Path) -> None:
    small_clip(tmp_path / "private.mp4")
    small_clip(tmp_path / "private.ts")
    playlists = {
        "a.mp4": "ffconcat version 1.0\nfile private.mp4\n",
        "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nprivate.ts\n#EXT-X-ENDLIST\n",
        "b.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "c.mp4": "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    }
    with av.open(str(tmp_path / "private.mp4")) as clip:
        assert len(list(clip.decode(video=0))) == 6
    for name, text in playlists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(VideoError):
            open_clip(tmp_path / name)


def test_a_header_of_ten_hours_costs_nothing(tmp_path: Path) -> None:
    path = small_clip(tmp_path / "long.mkv", step=7200 * 25)
    clip = open_clip(path)
    assert clip.info.duration_s == pytest.approx(36_000, rel=0.01)
    assert len(list(clip.pictures())) == 6
    clip.close()


def test_a_clip_without_pictures_is_refused_and_leaves_no_output(tmp_path: Path) -> None:
    from mobilefaceswap_core.video import swap_video

    path = tmp_path / "none.mp4"
    small_clip(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(VideoError):
        list(swap_video(None, path, tmp_path / "out.mp4", None))  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["none.mp4"]


# Reading marks ---------------------------------------------------------------------------------------------------------


class NoFaces:
    """A detector that finds nothing, so that only reading is tested."""

    def detect(self, image: np.ndarray, *, order: str = "left_to_right") -> list:
        return []


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=st.sampled_from(
        [b"", encoded("PNG"), encoded("JPEG"), encoded("WEBP"), b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3"]
    ),
    rest=st.binary(max_size=300),
    cut=st.integers(0, 40),
)
def test_verifying_any_bytes_reports_or_is_refused(start: bytes, rest: bytes, cut: int, tmp_path_factory) -> None:
    from mobilefaceswap_core.marking import verify_file

    path = tmp_path_factory.mktemp("verify") / "file.bin"
    path.write_bytes((start[: len(start) - cut] if cut else start) + rest)
    try:
        report = verify_file(path, detector=NoFaces())  # type: ignore[arg-type]
    except SwapError:
        return
    assert not report.marked


_READ_TAGS = """
import sys
from pathlib import Path
from mobilefaceswap_core.marking.metadata import read_metadata
print("found:", read_metadata(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("closing", [b"", b"</x:xmpmeta>", b"<!ENTITY a 'b'></x:xmpmeta>"])
def test_a_file_full_of_opening_tags_is_read_once(closing: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tags.png"
    path.write_bytes(encoded("PNG") + b"<x:xmpmeta>" * 2_000_000 + closing)
    done = run_limited(_READ_TAGS, str(path), memory_mb=2000, cpu_s=15)
    assert done.stdout.strip() == "found: {}", done.stderr[-500:]


def test_an_entity_bomb_in_the_metadata_is_skipped(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    packet = f'<x:xmpmeta><!DOCTYPE l [<!ENTITY l0 "ha">{laughs}]>&l9;</x:xmpmeta>'
    path = tmp_path / "bomb.png"
    path.write_bytes(encoded("PNG") + packet.encode())
    assert read_metadata(path) == {}
