"""Reading and writing photos: every kind of file that should work, and every bad one with its message."""

from __future__ import annotations

import errno
import io
import os
import stat

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms, PngImagePlugin

from mobilefaceswap_core.errors import ImageError, OutputError
from mobilefaceswap_core.files.images import XMP_KEY, LoadedImage, check_image, read_image, write_image
from mobilefaceswap_core.files.opening import MAX_PIXELS

HEIGHT, WIDTH = 24, 31
LOSSLESS = {".png", ".tif", ".bmp"}


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def deep() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH, 4), dtype=np.uint16)


def encoded(picture: PillowImage.Image, format_name: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format_name, **options)
    return stream.getvalue()


def png16(pixels: np.ndarray) -> bytes:
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    bgr = cv2.cvtColor(pixels, order[pixels.shape[2]]) if pixels.ndim == 3 else pixels
    return cv2.imencode(".png", bgr)[1].tobytes()


def edited(loaded: LoadedImage) -> tuple[np.ndarray, np.ndarray]:
    """The photo with a changed rectangle, and where it changed."""
    image = loaded.image.copy()
    image[5:12, 6:20] = np.array([200, 120, 40], np.uint8)
    return image, (image != loaded.image).any(-1)


@pytest.mark.parametrize(
    ("mode", "format_name"),
    [(mode, name) for mode in ("L", "LA", "RGB", "RGBA") for name in ("PNG", "TIFF")] + [("CMYK", "TIFF")],
)
def test_an_untouched_photo_is_written_back_bit_for_bit_in_its_mode(mode, format_name, rgb, tmp_path):
    picture = PillowImage.fromarray(rgb).convert(mode)
    loaded = read_image(encoded(picture, format_name))
    path = write_image(tmp_path / ("out." + format_name.lower()), loaded.image, loaded)
    with PillowImage.open(path) as written:
        assert written.mode == mode
        np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK"])
def test_an_edit_leaves_every_other_pixel_as_the_file_had_it(mode, rgb, tmp_path):
    picture = PillowImage.fromarray(rgb).convert(mode)
    if mode == "RGBA":
        picture.putalpha(PillowImage.fromarray(rgb[..., 1]))
    loaded = read_image(encoded(picture, "TIFF"))
    image, changed = edited(loaded)
    again = read_image(write_image(tmp_path / "out.tif", image, loaded))
    assert again.mode == loaded.mode
    np.testing.assert_array_equal(again.native[~changed], loaded.native[~changed])
    assert (again.native[changed] != loaded.native[changed]).any()
    if loaded.alpha is not None:
        np.testing.assert_array_equal(again.alpha, loaded.alpha)


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour_survives_outside_an_edit_and_gets_the_edit_at_16_bit_scale(channels, deep, tmp_path):
    loaded = read_image(png16(deep[..., :channels]))
    assert loaded.mode == ("RGB16" if channels == 3 else "RGBA16")
    np.testing.assert_array_equal(loaded.native, deep[..., :channels])
    np.testing.assert_array_equal(loaded.image, np.round(deep[..., :3] / 257).astype(np.uint8))
    image, changed = edited(loaded)
    again = read_image(write_image(tmp_path / "out.png", image, loaded, text={"Software": "test"}))
    assert again.mode == loaded.mode
    np.testing.assert_array_equal(again.native[~changed], loaded.native[~changed])
    assert np.abs(again.image.astype(int) - image)[changed].max() <= 1
    assert again.text["Software"] == "test"


def test_16_bit_grey_stays_16_bit_grey(deep, tmp_path):
    loaded = read_image(png16(deep[..., 0]))
    assert (loaded.mode, loaded.image.shape) == ("L16", (HEIGHT, WIDTH, 3))
    image, changed = edited(loaded)
    for name in ("out.png", "out.tif"):
        again = read_image(write_image(tmp_path / name, image, loaded))
        assert again.mode == "L16"
        np.testing.assert_array_equal(again.native[~changed], loaded.native[~changed])


@pytest.mark.parametrize("mode", ["1", "P"])
def test_palettes_and_single_bits_are_expanded(mode, rgb, tmp_path):
    picture = PillowImage.fromarray(rgb).convert(mode)
    loaded = read_image(encoded(picture, "PNG"))
    assert loaded.file_mode == mode
    np.testing.assert_array_equal(loaded.image, np.asarray(picture.convert("RGB")))
    again = read_image(write_image(tmp_path / "out.png", loaded.image, loaded))
    np.testing.assert_array_equal(again.image, loaded.image)


def test_a_transparent_palette_keeps_its_transparency(rgb, tmp_path):
    picture = PillowImage.fromarray(rgb).quantize(8)
    loaded = read_image(encoded(picture, "PNG", transparency=3))
    assert loaded.mode == "RGBA"
    np.testing.assert_array_equal(loaded.alpha == 0, np.asarray(picture) == 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sixteen_bits", [False, True])
def test_exif_orientation_is_applied_once(orientation, sixteen_bits, rgb, deep, tmp_path):
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    upright = rgb if not sixteen_bits else deep[..., :3]
    # Pillow's own transposition is the independent implementation: it makes the stored picture from the upright one.
    inverse = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    planes = [PillowImage.fromarray(np.ascontiguousarray(upright[..., c]).astype(np.int32)) for c in range(3)]
    stored = np.stack([np.asarray(p if inverse is None else p.transpose(inverse)) for p in planes], -1).astype(
        upright.dtype
    )
    data = (
        encoded(PillowImage.fromarray(stored), "PNG", exif=exif) if not sixteen_bits else with_exif(png16(stored), exif)
    )
    loaded = read_image(data)
    assert loaded.orientation == orientation
    np.testing.assert_array_equal(loaded.native, upright)
    again = read_image(write_image(tmp_path / "out.png", loaded.image, loaded))
    assert again.orientation == 1
    np.testing.assert_array_equal(again.native, upright)


def with_exif(png: bytes, exif: PillowImage.Exif) -> bytes:
    chunk = io.BytesIO()
    PngImagePlugin.putchunk(chunk, b"eXIf", exif.tobytes()[6:])
    return png[:33] + chunk.getvalue() + png[33:]


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp", "out.tif"])
@pytest.mark.parametrize("sixteen_bits", [False, True])
def test_the_colour_profile_travels_with_the_photo(name, sixteen_bits, rgb, deep, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    loaded = read_image(encoded(PillowImage.fromarray(rgb), "JPEG", icc_profile=profile))
    if sixteen_bits:
        plain = read_image(png16(deep[..., :3]))
        loaded = LoadedImage(plain.image, plain.native, plain.mode, plain.file_mode, plain.format, profile)
    again = read_image(write_image(tmp_path / name, loaded.image, loaded))
    assert again.icc_profile == profile


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_text_and_xmp_can_be_read_back(suffix, rgb, tmp_path):
    path = write_image(tmp_path / f"out{suffix}", rgb, text={"Software": "swap", XMP_KEY: "<x:xmpmeta/>"})
    text = read_image(path).text
    assert "swap" in " ".join(text.values())
    assert text[XMP_KEY] == "<x:xmpmeta/>"


def test_text_in_a_format_without_room_for_it_is_refused_and_nothing_is_written(rgb, tmp_path):
    with pytest.raises(OutputError, match="BMP cannot carry text"):
        write_image(tmp_path / "out.bmp", rgb, text={"Software": "swap"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg", ".jpeg", ".webp"])
def test_an_array_alone_can_be_written(suffix, rgb, tmp_path):
    again = read_image(write_image(tmp_path / f"out{suffix}", rgb, quality=100))
    assert again.image.shape == rgb.shape
    if suffix in LOSSLESS | {".webp"}:
        np.testing.assert_array_equal(again.image, rgb)


def test_transparency_is_laid_over_white_where_the_format_has_none(tmp_path):
    native = np.zeros((8, 8, 4), np.uint8)
    native[:, 4:, 3] = 255
    loaded = read_image(encoded(PillowImage.fromarray(native), "PNG"))
    again = read_image(write_image(tmp_path / "out.bmp", loaded.image, loaded))
    assert (again.image[:, :4] == 255).all() and (again.image[:, 4:] == 0).all()


def test_a_wrong_extension_does_not_matter_for_reading(rgb, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(PillowImage.fromarray(rgb), "PNG"))
    loaded = read_image(path)
    assert loaded.format == "PNG"
    np.testing.assert_array_equal(loaded.image, rgb)


def test_an_animation_gives_its_first_frame_and_says_how_many_there_are(rgb):
    frames = [PillowImage.fromarray(np.roll(rgb, shift, 0)) for shift in range(3)]
    loaded = read_image(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    assert loaded.frames == 3
    np.testing.assert_array_equal(loaded.image, rgb)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ImageError, match=r"does not exist.*Check the path"):
        read_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="got int, wanted the path or the bytes"):
        read_image(3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"hello, I am text", "this is not an image"),
        (b"\0\0\0\x20ftypheic" + bytes(20), "HEIC"),
        (b"\0\0\0\x20ftypisom" + bytes(20), "video"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"),
    ],
)
def test_what_is_no_photo_is_refused_with_a_reason(data, message, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    for source in (path, data):
        with pytest.raises(ImageError, match=message):
            read_image(source)


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged metadata
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_truncated_file_is_refused_or_read_but_never_crashes(format_name, rgb):
    data = encoded(PillowImage.fromarray(np.tile(rgb, (8, 8, 1))), format_name)
    refused, messages = 0, set()
    for part in np.linspace(0.02, 0.95, 12):
        try:
            assert read_image(data[: int(len(data) * part)]).image.ndim == 3
        except ImageError as error:
            refused += 1
            messages.add(str(error))
    assert refused >= 8
    assert all("image bytes: " in message for message in messages)


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged metadata
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PNG16"])
def test_damaged_bytes_give_a_picture_or_our_error_and_nothing_else(format_name, rgb, deep):
    data = png16(deep) if format_name == "PNG16" else encoded(PillowImage.fromarray(rgb), format_name)
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(0, min(len(data), 400), 3):
            damaged[place] = rng.integers(0, 256)
        try:
            read_image(bytes(damaged), max_pixels=10**6)
        except ImageError:
            continue


def test_a_small_file_with_too_many_pixels_is_refused_before_decoding(tmp_path):
    bomb = encoded(PillowImage.new("1", (12000, 12000)), "PNG")
    assert len(bomb) < 10**6
    with pytest.warns(PillowImage.DecompressionBombWarning), pytest.raises(ImageError, match=f"at most {MAX_PIXELS}"):
        read_image(bomb)
    with pytest.raises(ImageError, match="at most"):
        read_image(encoded(PillowImage.new("1", (30000, 30000)), "PNG"))


def test_limits_are_those_the_caller_gives(rgb, tmp_path):
    data = encoded(PillowImage.fromarray(rgb), "PNG")
    assert read_image(data, max_pixels=HEIGHT * WIDTH, max_bytes=len(data)).image.shape == rgb.shape
    with pytest.raises(ImageError, match=f"got {WIDTH} x {HEIGHT} pixels, wanted at most 10"):
        read_image(data, max_pixels=10)
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(ImageError, match=f"got {len(data)} bytes, wanted at most 99"):
            read_image(source, max_bytes=99)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_depths_that_cannot_be_kept_are_refused(mode):
    picture = PillowImage.fromarray(np.full((4, 4), 1e6, np.float32 if mode == "F" else np.int32))
    with pytest.raises(ImageError, match="wanted 8 or 16 bits"):
        read_image(encoded(picture, "TIFF"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([[1, 2], [3, 4]], "got list"),
        (None, "got NoneType"),
        (np.zeros((4, 4, 3), np.float32), "got dtype float32.*0..255"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.zeros((4, 4), np.uint8), r"got shape \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"got shape \(4, 4, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "got shape"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
    ],
)
def test_arrays_that_are_no_picture_are_refused(array, message):
    with pytest.raises(ImageError, match=message):
        check_image(array, what="target")


def test_a_view_becomes_contiguous_with_the_same_pixels(rgb):
    checked = check_image(rgb[::2, ::-1])
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, rgb[::2, ::-1])


def test_an_output_of_another_size_than_its_photo_is_refused(rgb, tmp_path):
    with pytest.raises(ImageError, match="the size of the photo"):
        write_image(tmp_path / "out.png", rgb[1:], read_image(encoded(PillowImage.fromarray(rgb).convert("L"), "PNG")))


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.gif", "out.mp4"])
def test_an_unknown_output_extension_is_refused(name, rgb, tmp_path):
    with pytest.raises(OutputError, match=r"wanted .*\.jpg"):
        write_image(tmp_path / name, rgb)
    assert not list(tmp_path.iterdir())


def test_output_places_that_do_not_work_are_named(rgb, tmp_path):
    with pytest.raises(OutputError, match=r"does not exist. Create it first"):
        write_image(tmp_path / "none" / "out.png", rgb)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_image(tmp_path / "folder.png", rgb)


@pytest.mark.parametrize(
    ("code", "advice"), [(errno.ENOSPC, "Free some space"), (errno.EACCES, "Check the permissions")]
)
def test_a_failing_write_leaves_the_old_file_and_nothing_else(code, advice, rgb, tmp_path, monkeypatch):
    path = write_image(tmp_path / "out.png", rgb)
    before = path.read_bytes()

    def fail(*_arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match=advice):
        write_image(path, rgb[::-1])
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
    assert path.read_bytes() == before


def test_the_written_file_has_ordinary_permissions(rgb, tmp_path):
    umask = os.umask(0o022)
    try:
        mode = stat.S_IMODE(write_image(tmp_path / "out.png", rgb).stat().st_mode)
    finally:
        os.umask(umask)
    assert mode == 0o644


def test_a_phones_heic_is_read_where_its_reader_is_installed_and_named_where_not(rgb, tmp_path):
    try:
        import pillow_heif
    except ImportError:
        (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        with pytest.raises(ImageError, match=r"HEIC.*pip install 'mobilefaceswap\[heif\]'"):
            read_image(tmp_path / "a.heic")
        pytest.skip("pillow-heif is not installed; that the message names it was tested")
    smooth = np.full((64, 96, 3), (200, 120, 40), np.uint8)
    pillow_heif.from_pillow(PillowImage.fromarray(smooth)).save(tmp_path / "a.heic", quality=95)
    loaded = read_image(tmp_path / "a.heic")
    assert loaded.format == "HEIF" and np.abs(loaded.image.astype(int) - smooth).max() < 8
