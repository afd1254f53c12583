"""Hostile and broken files, by name, small enough to make on the spot."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image as PillowImage


def photo(side: int = 24) -> np.ndarray:
    """Noise, without a face."""
    return np.random.default_rng(3).integers(0, 256, (side, side, 3), np.uint8)


def encoded(format_name: str, mode: str = "RGB", *, side: int = 24, **options: object) -> bytes:
    """The same in a file format."""
    stream = io.BytesIO()
    PillowImage.fromarray(photo(side)).convert(mode).save(stream, format_name, **options)
    return stream.getvalue()


def encoded_strip(width: int, height: int) -> bytes:
    """A grey picture of odd proportions."""
    stream = io.BytesIO()
    PillowImage.new("RGB", (width, height), (90, 80, 70)).save(stream, "PNG")
    return stream.getvalue()


def png_of(header: bytes, pixels: bytes) -> bytes:
    """A PNG of a header and compressed pixels."""
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_claiming(width: int, height: int, depth: int = 8) -> bytes:
    """A PNG whose header claims a size that its pixels do not have."""
    return png_of(struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0), zlib.compress(bytes(100)))


def png_whole(side: int) -> bytes:
    """A whole PNG of one bit a pixel: enormous in memory, tiny in the file."""
    packer = zlib.compressobj(6)
    row = bytes(1 + -(-side // 8))
    pixels = b"".join(packer.compress(row * 500) for _ in range(side // 500)) + packer.flush()
    return png_of(struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0), pixels)


def gif_claiming(width: int, height: int, *, frames: int = 1) -> bytes:
    """A GIF whose header claims a size."""
    frame = b"," + bytes(4) + struct.pack("<HH", width, height) + b"\0\x02\x02D\x01\0"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\xf0\0\0" + bytes(6) + frame * frames + b";"


def animated(format_name: str) -> bytes:
    """Two pictures where one is wanted."""
    stream = io.BytesIO()
    first, second = PillowImage.fromarray(photo()), PillowImage.fromarray(255 - photo())
    first.save(stream, format_name, save_all=True, append_images=[second], duration=100)
    return stream.getvalue()


def sixteen_bit() -> bytes:
    """A PNG of 16 bits."""
    stream = io.BytesIO()
    PillowImage.fromarray(np.full((24, 24), 40_000, np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def scrambled(data: bytes) -> bytes:
    """Every 29th byte after the signature turned over."""
    changed = bytearray(data)
    for at in range(40, len(changed), 29):
        changed[at] ^= 0xFF
    return bytes(changed)


# A good photo of the same formats decodes; these do, or are refused.
PICTURES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one byte": lambda: b"\x89",
    "text": lambda: b"this is no picture",
    "html": lambda: b"<html><script>alert(1)</script></html>",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/x"/></svg>',
    "eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(run) (w) file closefile\nshowpage\n",
    "pdf": lambda: b"%PDF-1.7\n",
    "zip": lambda: zip_of({"a.png": b"x"}),
    **{
        f"{name} {what}": (lambda f=name, c=change: c(encoded(f, side=64)))  # type: ignore[misc]
        for name in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
        for what, change in (("cut", lambda b: b[: len(b) // 2]), ("corrupt", scrambled))
    },
    "1 x 1": lambda: encoded("PNG", side=1),
    "20,000 x 1": lambda: encoded_strip(20_000, 1),
    "1 x 20,000": lambda: encoded_strip(1, 20_000),
    "20,000 x 20,000 whole": lambda: png_whole(20_000),
    "20,000 x 20,000 claimed": lambda: png_claiming(20_000, 20_000),
    "2^31 x 2^31 claimed": lambda: png_claiming(2**31 - 1, 2**31 - 1),
    "GIF 65,535 x 65,535 claimed": lambda: gif_claiming(65_535, 65_535),
    "GIF of 20,000 frames": lambda: gif_claiming(2_000, 2_000, frames=20_000),
    "text chunk of 300 MB": lambda: _with_text_bomb(),
    "animated GIF": lambda: animated("GIF"),
    "animated WEBP": lambda: animated("WEBP"),
    "CMYK JPEG": lambda: encoded("JPEG", "CMYK"),
    "CMYK TIFF": lambda: encoded("TIFF", "CMYK"),
    "16-bit PNG": sixteen_bit,
    "alpha PNG": lambda: encoded("PNG", "RGBA"),
    "palette PNG": lambda: encoded("PNG", "P"),
    "1-bit PNG": lambda: encoded("PNG", "1"),
}


def _with_text_bomb() -> bytes:
    chunk = b"iTXtkey\0\1\0\0\0" + zlib.compress(bytes(300 << 20), 9)
    good = encoded("PNG")
    return good[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + good[33:]


def clip_bytes(folder: Path, *, name: str = "made.mp4", times: tuple[int, ...] = (0, 1, 2, 3), side: int = 64) -> bytes:
    """An MP4 whose pictures stand at these times, in 25ths of a second."""
    path = folder / name
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("mpeg4", rate=25)
        stream.width = stream.height = side
        stream.codec_context.time_base = Fraction(1, 25)
        for time in times:
            frame = av.VideoFrame.from_ndarray(photo(side), format="rgb24")
            frame.pts = time
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode())
    data = path.read_bytes()
    path.unlink()
    return data


def sound_only(folder: Path) -> bytes:
    """An MP4 without pictures."""
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        clip.mux(stream.encode(frame))
        clip.mux(stream.encode())
    data = path.read_bytes()
    path.unlink()
    return data


CLIPS: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda folder: b"",
    "text": lambda folder: b"no clip",
    "signature only": lambda folder: b"\0\0\0\x18ftypmp42",
    "MP4 cut": lambda folder: clip_bytes(folder)[:900],
    "MP4 corrupt": lambda folder: scrambled(clip_bytes(folder)),
    "MP4 of an unknown codec": lambda folder: clip_bytes(folder).replace(b"mp4v", b"xxxx").replace(b"esds", b"xxxx"),
    "MP4 without pictures": sound_only,
    "MKV corrupt": lambda folder: scrambled(clip_bytes(folder, name="made.mkv")),
    "AVI corrupt": lambda folder: scrambled(clip_bytes(folder, name="made.avi")),
    "PNG in disguise": lambda folder: encoded("PNG"),
    "GIF bomb": lambda folder: gif_claiming(65_535, 65_535),
    "HLS playlist": lambda folder: (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    ),
    "HLS to the network": lambda folder: b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n",
    "concat list": lambda folder: b"ffconcat version 1.0\nfile /etc/passwd\n",
    "SDP": lambda folder: b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
}


def ten_hours(folder: Path) -> bytes:
    """Two pictures, ten hours apart."""
    return clip_bytes(folder, times=(0, 25 * 36_000))


def zip_of(files: dict[str, bytes]) -> bytes:
    """A zip of names and contents; names are written as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _linked() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("a.png")
        info.external_attr = 0o120777 << 16  # a symbolic link
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def _lying_zip() -> bytes:
    """Sizes in the list of files that the entries do not have."""
    data = bytearray(zip_of({"a.png": bytes(100_000)}))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(data)


def _long_directory() -> bytes:
    entry = b"PK\x01\x02" + bytes(42)
    count = (9 << 20) // len(entry)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, count * len(entry), 0, 0)
    return entry * count + end


ZIPS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"no zip",
    "cut": lambda: zip_of({"a.png": encoded("PNG")})[:60],
    "corrupt": lambda: scrambled(zip_of({f"{n}.png": encoded("PNG") for n in range(4)})),
    "bomb": lambda: zip_of({f"{n}.png": bytes(50 << 20) for n in range(9)}),
    "too many files": lambda: zip_of({f"{n}.png": b"" for n in range(2_500)}),
    "list of files of 9 MB": _long_directory,
    "sizes that lie": _lying_zip,
    "only ../": lambda: zip_of({"../../../evil.png": b"x", "..\\..\\evil.png": b"x"}),
    "absolute names": lambda: zip_of({"/etc/evil.png": b"x"}),
    "symbolic link": _linked,
    "folder and file of one name": lambda: zip_of({"a.png": encoded("PNG"), "a.png/b.png": encoded("PNG")}),
    "name of 5,000 letters": lambda: zip_of({"a" * 5_000 + ".png": encoded("PNG")}),
    "NUL in a name": lambda: zip_of({"a\0b.png": encoded("PNG")}).replace(b"a\0b", b"a\0b"),
    "pixel bomb": lambda: zip_of({"a.png": png_whole(20_000)}),
    "pictures that are none": lambda: zip_of({"a.png": b"x", "b.png": b"y"}),
    "large pairs.csv": lambda: zip_of({"a.png": encoded("PNG"), "pairs.csv": b"source,target\n" + b"a,b\n" * 600_000}),
}


def odd_paths(folder: Path) -> dict[str, Path | str]:
    """Names that are no ordinary file."""
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "broken.png").symlink_to(folder / "nowhere")
    (folder / "secret.png").symlink_to("/etc/passwd")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    return {
        "link to itself": folder / "loop.png", "link to nothing": folder / "broken.png",
        "link to /etc/passwd": folder / "secret.png", "folder": folder / "folder.png", "pipe": folder / "pipe.png",
        "device": "/dev/zero", "NUL in the name": "a\0b.png", "name of 5,000 letters": "a" * 5_000 + ".png",
        "address": "http://127.0.0.1:9/x.png", "nothing": "",
    }  # fmt: skip
