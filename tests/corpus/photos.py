"""Photos and odd clips of the corpus, and what is asked of a result and the file that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from mobilefaceswap_core.files.codecs import upright
from mobilefaceswap_core.files.formats import format_of
from mobilefaceswap_core.files.images import LoadedImage, read_image, write_image
from mobilefaceswap_core.files.media import open_media
from mobilefaceswap_core.video.described import hdr_metadata
from mobilefaceswap_core.video.reader import open_clip

from .clips import HEIGHT, INVERSE, WIDTH, Recipe, make, picture

HDR10 = "hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
CAMERA, TAKEN, DPI = "Camera of the tests", "2024:05:06 07:08:09", 300.0
MODEL, DATE_TAKEN, EXIF, PLACE = 0x0110, 0x9003, 0x8769, 0x8825


def photo(path: Path, *, mode: str = "RGB", orientation: int = 1) -> None:
    """A photo in the format that its name says; with alpha its lower left quarter is transparent."""
    pixels = upright(picture(0, alpha=mode == "RGBA"), INVERSE[orientation])
    image = PillowImage.fromarray(np.ascontiguousarray(pixels))
    exif = PillowImage.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    row = format_of(path)
    assert row is not None
    options: dict[str, Any] = {"quality": 95} if row.name in ("JPEG", "AVIF", "MPO") else {}
    if row.name in ("WebP", "JPEG 2000"):
        options |= {"lossless": True} if row.name == "WebP" else {"irreversible": False}
    if len(exif):
        options["exif"] = exif
    image.convert(mode).save(path, row.pillow[0], **options)


def deep(path: Path) -> None:
    """A photo of 16 bits a colour whose low bits matter."""
    pixels = picture(0)
    native = pixels.astype(np.uint16) * 257 + 37
    native[pixels == 255] = 65535
    like = LoadedImage(image=pixels, native=native, mode="RGB16", file_mode="RGB", format="PNG")
    write_image(path, pixels, like)


def with_facts(path: Path) -> None:
    """A photo that says when, with what and where it was taken."""
    exif = PillowImage.Exif()
    exif[MODEL], exif[0x0132] = CAMERA, TAKEN
    exif.get_ifd(EXIF)[DATE_TAKEN] = TAKEN
    exif.get_ifd(PLACE).update({1: "N", 2: (48.0, 8.0, 0.0)})
    PillowImage.fromarray(picture(0)).save(path, "JPEG", quality=95, exif=exif, dpi=(DPI, DPI))


def with_texts(path: Path) -> None:
    """A PNG with texts of another program."""
    info = PngInfo()
    info.add_text("parameters", "a house by the sea")
    info.add_itxt("Author", "Somebody")
    PillowImage.fromarray(picture(0)).save(path, "PNG", pnginfo=info)


def pages(path: Path) -> None:
    """A TIFF of three pages."""
    images = [PillowImage.fromarray(picture(number)) for number in range(3)]
    images[0].save(path, "TIFF", save_all=True, append_images=images[1:])


def numbered_pictures(folder: Path) -> None:
    """A folder of ten pictures, whose numbers are not in the order of text."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(10):
        PillowImage.fromarray(picture(number)).save(folder / f"{number + 95:03d}.png")


def changing_size(path: Path) -> None:
    """An MPEG-TS in which pictures of another size follow; broadcasts do so at a commercial break."""
    parts = []
    for size in ((WIDTH, HEIGHT), (128, 128)):
        part = path.with_suffix(f".{size[0]}.ts")
        make(part, Recipe(size=size, count=5, start_s=0 if not parts else 1))  # type: ignore[arg-type]
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))


def with_unknown_sound(path: Path) -> None:
    """A MOV with two tracks of sound, of which the second's codec is one that nobody knows."""
    make(path, Recipe(sound="aac", sound_tracks=2))
    data = bytearray(path.read_bytes())
    at = data.rfind(b"stsd")  # of the last track: the spatial sound of recent phones, and its description
    data[at:] = data[at:].replace(b"mp4a", b"apac").replace(b"esds", b"dapa")
    path.write_bytes(bytes(data))


def sound_alone(path: Path) -> None:
    """A song."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame))
        out.mux(stream.encode())


def cut(path: Path, *, recipe: Recipe, part: float) -> None:
    """A clip whose end is missing."""
    data = make(path, recipe).read_bytes()
    path.write_bytes(data[: int(part * len(data))])


# What is asked of a file and the result, in this order.


def same_alpha(before: Path, after: Path) -> bool:
    """Whether the same quarter is transparent, and nothing else."""
    pixels = _alpha(after)
    inner = pixels[HEIGHT * 5 // 8 :, : WIDTH * 3 // 8]
    return bool(_alpha(before) is not None and (inner == 0).all() and (pixels[: HEIGHT // 3] == 255).all())


def _alpha(path: Path) -> np.ndarray:
    if path.is_dir():
        path = min(path.iterdir())
    row = format_of(path)
    if row is not None and row.modes and not row.animated:
        return np.asarray(PillowImage.open(path).convert("RGBA"))[..., 3]
    clip = open_clip(path)
    first = next(clip.pictures())
    clip.close()
    alpha = first.alpha  # type: ignore[attr-defined]
    assert alpha is not None
    return np.asarray(alpha)


def same_depth(before: Path, after: Path) -> bool:
    """Whether 16 bits are there, and outside the face each of them."""
    a, b = read_image(before), read_image(after)
    return a.mode == b.mode == "RGB16" and np.array_equal(a.native[:, : WIDTH // 3], b.native[:, : WIDTH // 3])


def same_facts(before: Path, after: Path) -> bool:
    """Whether date, camera and resolution are those of before."""
    with PillowImage.open(after) as picture:
        exif = picture.getexif()
        own = exif.get_ifd(EXIF)
        dpi = picture.info.get("dpi", (0, 0))
    return (exif.get(MODEL), own.get(DATE_TAKEN)) == (CAMERA, TAKEN) and abs(dpi[0] - DPI) < 0.1


def photo_has_no_place(before: Path, after: Path) -> bool:
    """Whether it does not say where it was taken, as the photo did."""
    with PillowImage.open(before) as a, PillowImage.open(after) as b:
        return bool(a.getexif().get_ifd(PLACE)) and not b.getexif().get_ifd(PLACE)


def same_chapters(before: Path, after: Path) -> bool:
    """Whether chapters have the same beginnings and titles."""
    with open_media(before) as a, open_media(after) as b:
        lists = [
            [(float(c["start"] * c["time_base"]), c["metadata"].get("title")) for c in x.chapters()] for x in (a, b)
        ]
    return lists[0] == lists[1] != []


def same_title(before: Path, after: Path) -> bool:
    """Whether title and date are those of before."""
    with open_media(before) as a, open_media(after) as b:
        return all(a.metadata[key] == b.metadata.get(key) for key in ("title", "creation_time"))


def has_no_place(before: Path, after: Path) -> bool:
    """Whether no tag says where it was taken, as one of the clip's does."""
    with open_media(before) as a, open_media(after) as b:
        found = [any("location" in key for key in x.metadata) for x in (a, b)]
    return found == [True, False]


def same_colours(before: Path, after: Path) -> bool:
    """Whether matrix, range, primaries and curve are named as before."""
    names = ("colorspace", "color_range", "color_primaries", "color_trc")
    a, b = _first_frame(before), _first_frame(after)
    return [int(getattr(a, name)) for name in names] == [int(getattr(b, name)) for name in names]


def same_hdr(before: Path, after: Path) -> bool:
    """Whether the static HDR metadata are those of before."""
    a, b = (hdr_metadata(_first_frame(path)) for path in (before, after))
    return bool(a.mastering and a.light) and a == b


def is_interlaced(before: Path, after: Path) -> bool:
    """Whether both say that their pictures hold two fields."""
    return all(_first_frame(path).interlaced_frame for path in (before, after))


def is_deinterlaced(before: Path, after: Path) -> bool:
    """Whether one says that its pictures hold two fields, and the other does not."""
    return [_first_frame(path).interlaced_frame for path in (before, after)] == [True, False]


def _first_frame(path: Path) -> Any:
    with open_media(path) as container:
        return next(container.decode(video=0))
