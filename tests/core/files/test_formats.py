"""The table of formats agrees with the libraries that read and write, and with itself."""

from __future__ import annotations

import io
import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.files.formats import (
    ANIMATION_SUFFIXES,
    CLIP_SUFFIXES,
    FORMATS,
    PHOTO_SUFFIXES,
    PILLOW_PHOTOS,
    SIGNATURE_BYTES,
    WRITABLE_SUFFIXES,
    format_of,
    format_of_content,
    photos_in,
    visible_files,
)
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.files.media import MEDIA_OPTIONS


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.new("RGB", (8, 8), (200, 90, 20)).save(path)
    return path


def test_every_extension_stands_in_the_table_once() -> None:
    suffixes = [suffix for row in FORMATS for suffix in row.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


def test_every_extension_that_pillow_has_for_a_format_we_read_is_a_photo() -> None:
    PillowImage.init()
    read = {suffix for suffix, name in PillowImage.registered_extensions().items() if name in PILLOW_PHOTOS}
    assert read - set(PHOTO_SUFFIXES) == {".pfm"}  # floating point: always refused


@pytest.mark.parametrize("suffix", PHOTO_SUFFIXES)
def test_what_the_table_calls_a_photo_is_read(suffix: str, tmp_path: Path) -> None:
    row = format_of(f"x{suffix}")
    assert row is not None
    PillowImage.init()
    if row.pillow[0] not in PillowImage.SAVE:
        pytest.skip(f"this Pillow writes no {row.name}")
    path = tmp_path / f"x{suffix.upper()}"
    PillowImage.new("RGB", (8, 8), (200, 90, 20)).save(path, row.pillow[0])
    loaded = read_image(path)
    assert loaded.format in row.pillow and loaded.image.shape == (8, 8, 3)
    assert photos_in(tmp_path) == [path]


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_what_the_table_says_is_written_is_written_in_its_format(suffix: str, tmp_path: Path) -> None:
    row = format_of(f"x{suffix}")
    assert row is not None
    path = write_image(tmp_path / f"x{suffix}", np.full((8, 8, 3), 90, np.uint8))
    assert format_of_content(path.read_bytes()[:SIGNATURE_BYTES]) == row


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM"])
def test_content_names_the_format_whatever_the_extension(name: str) -> None:
    stream = io.BytesIO()
    PillowImage.new("RGB", (8, 8)).save(stream, name)
    row = format_of_content(stream.getvalue()[:SIGNATURE_BYTES])
    assert row is not None and row.pillow[0] == name


@pytest.mark.parametrize("suffix", [s for row in FORMATS if row.muxer for s in row.suffixes])
def test_clips_of_every_container_we_write_are_known_and_open(suffix: str, tmp_path: Path) -> None:
    row = format_of(f"x{suffix}")
    assert row is not None
    path = tmp_path / f"x{suffix}"
    with av.open(str(path), "w", format=row.muxer) as container:
        stream = container.add_stream(row.codec, rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(25):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(path), options=MEDIA_OPTIONS) as clip:
        assert row.demuxer in clip.format.name.split(",")
    found = format_of_content(path.read_bytes()[:SIGNATURE_BYTES])
    assert found is None or found.demuxer in (row.demuxer, "matroska")  # WebM begins as Matroska does


def test_every_demuxer_of_the_table_may_be_opened() -> None:
    allowed = MEDIA_OPTIONS["format_whitelist"].split(",")
    assert {row.demuxer for row in FORMATS if row.demuxer} <= set(allowed)


def test_a_photo_is_no_clip_and_an_animation_is_a_photo_too() -> None:
    both = set(PHOTO_SUFFIXES) & set(CLIP_SUFFIXES)
    assert both == {".heics", ".heifs"}  # sequences, whose first picture is a photo
    assert set(ANIMATION_SUFFIXES) <= set(PHOTO_SUFFIXES)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    wanted = [picture(tmp_path / "a.png"), picture(tmp_path / "b" / "c.avif")]
    for hidden in (".a.png", ".git/d.png", "b/._c.png"):
        picture(tmp_path / hidden)
    (tmp_path / "notes.txt").write_text("no photo")
    assert photos_in(tmp_path, deep=True) == wanted and photos_in(tmp_path) == wanted[:1]
    assert visible_files(tmp_path) == [*wanted, tmp_path / "notes.txt"]


def test_a_folder_that_cannot_be_listed_is_told_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="none"):
        photos_in(tmp_path / "none")
    picture(tmp_path / "shut" / "a.png")
    (tmp_path / "shut").chmod(0)
    try:
        if os.access(tmp_path / "shut", os.R_OK):
            pytest.skip("this user may list any folder")
        with pytest.raises(ImageError, match="shut"):
            photos_in(tmp_path, deep=True)
    finally:
        (tmp_path / "shut").chmod(0o755)
