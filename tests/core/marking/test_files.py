"""Metadata and credentials in files of every format; pixels untouched, nothing left behind, tampering noticed."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from mobilefaceswap_core.cli.app import app
from mobilefaceswap_core.cli.verify import UNMARKED
from mobilefaceswap_core.errors import ImageError, OptionError, OutputError, SwapError
from mobilefaceswap_core.marking import (
    MarkOptions,
    apply_pixels,
    credentials,
    finish_file,
    save_image,
    verify_file,
)
from mobilefaceswap_core.marking.metadata import (
    DIGITAL_SOURCE_TYPE,
    embed_metadata,
    is_tagged,
    read_metadata,
    tag_clip,
    xmp_packet,
)

needs_c2pa = pytest.mark.skipif(not credentials.available(), reason="c2pa-python is an optional extra")
PICTURE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _own_config(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_CONFIG", str(tmp_path_factory.getbasetemp() / "config"))
    for name in (credentials.KEY_VARIABLE, credentials.CHAIN_VARIABLE, credentials.TRUST_VARIABLE):
        monkeypatch.delenv(name, raising=False)


class NoFaces:
    """A detector for pictures that show none."""

    def detect(self, image: np.ndarray, *, order: str = "left_to_right") -> list:
        return []


def encode(format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(PICTURE).save(buffer, format_name, **options)
    return buffer.getvalue()


def write_clip(path: Path) -> None:
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("libvpx" if path.suffix == ".webm" else "mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 80, 60, "yuv420p"
        for _ in range(6):
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(PICTURE, format="rgb24")))
        clip.mux(stream.encode())


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_written_still_says_what_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"result{suffix}"
    report = save_image(path, PICTURE, model="student", version="1.2")
    assert "metadata" in report.applied
    assert read_metadata(path) == {
        "source_type": DIGITAL_SOURCE_TYPE,
        "software": "MobileFaceSwap in PyTorch 1.2",
        "model": "student",
        "version": "1.2",
    }
    assert list(tmp_path.iterdir()) == [path]


def test_bmp_says_plainly_that_it_has_no_room(tmp_path: Path) -> None:
    path = tmp_path / "result.bmp"
    report = save_image(path, PICTURE, model="student")
    assert report.applied == () and set(report.left_out) == {"metadata", "credentials"}
    np.testing.assert_array_equal(np.asarray(PillowImage.open(path)), PICTURE)


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"quality": 30, "progressive": True}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
    ],
)
def test_adding_metadata_to_an_encoded_file_changes_no_pixel(tmp_path: Path, format_name: str, options: dict) -> None:
    data = encode(format_name, **options)
    done = embed_metadata(data, model="m", version="1")
    twice = embed_metadata(done, model="m", version="1")
    assert twice == done  # replaced, not repeated
    before, after = (PillowImage.open(io.BytesIO(d)) for d in (data, done))
    np.testing.assert_array_equal(np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB")))
    (tmp_path / "file").write_bytes(done)
    assert read_metadata(tmp_path / "file")["model"] == "m"


def test_transparency_and_exif_survive_added_metadata() -> None:
    see_through = np.dstack([PICTURE, PICTURE[..., :1]])
    for format_name, options in (("WEBP", {"lossless": True, "exact": True}), ("PNG", {})):
        buffer = io.BytesIO()
        PillowImage.fromarray(see_through).save(buffer, format_name, **options)
        done = PillowImage.open(io.BytesIO(embed_metadata(buffer.getvalue(), model="m", version="1")))
        np.testing.assert_array_equal(np.asarray(done.convert("RGBA")), see_through)
    exif = PillowImage.Exif()
    exif[0x013B] = "someone"
    done = PillowImage.open(io.BytesIO(embed_metadata(encode("JPEG", exif=exif.tobytes()), model="m", version="1")))
    assert done.getexif()[0x013B] == "someone"


@pytest.mark.parametrize("format_name", ["GIF", "WEBP"])
def test_animations_keep_their_frames(tmp_path: Path, format_name: str) -> None:
    frames = [PillowImage.fromarray(np.roll(PICTURE, 9 * i, 1)) for i in range(3)]
    path = tmp_path / f"a.{format_name.lower()}"
    frames[0].save(path, format_name, save_all=True, append_images=frames[1:], duration=40)
    before = PillowImage.open(io.BytesIO(path.read_bytes())).n_frames
    assert "metadata" in finish_file(path, model="student").applied
    assert PillowImage.open(path).n_frames == before == 3
    assert read_metadata(path)["model"] == "student"


def test_a_clip_keeps_its_frames_and_gains_tags_and_xmp(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path)
    before = frames_of(path)
    assert "metadata" in finish_file(path, model="student", version="1.2").applied
    np.testing.assert_array_equal(np.stack(frames_of(path)), np.stack(before))
    with av.open(str(path)) as clip:
        assert "AI-modified" in clip.metadata["comment"] and clip.metadata["model"] == "student"
    assert read_metadata(path)["source_type"] == DIGITAL_SOURCE_TYPE
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.webm", "clip.mkv"])
def test_a_clip_that_was_tagged_is_known_to_be_whatever_its_container_makes_of_the_tags_names(
    name: str, tmp_path: Path
) -> None:
    write_clip(tmp_path / name)
    assert not is_tagged(tmp_path / name)
    tag_clip(tmp_path / name, tmp_path / f"tagged_{name}", model="student", version="1.2")
    assert is_tagged(tmp_path / f"tagged_{name}")


def test_model_names_cannot_break_out_of_the_packet(tmp_path: Path) -> None:
    name = '"/><evil a="&\'<'
    (tmp_path / "x").write_text(xmp_packet(model=name, version="1"))
    assert read_metadata(tmp_path / "x")["model"] == name


def test_entities_in_a_hostile_packet_are_not_expanded(tmp_path: Path) -> None:
    packet = xmp_packet(model="m", version="1").replace("<rdf:RDF", '<!DOCTYPE a [<!ENTITY b "c">]><rdf:RDF', 1)
    (tmp_path / "x").write_text(packet)
    assert read_metadata(tmp_path / "x") == {}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_damaged_file_gets_our_own_error_or_metadata(data: st.DataObject) -> None:
    whole = bytearray(encode(data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]))))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, min(len(whole) - 1, 80)))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(1, len(whole)))])
    with contextlib.suppress(ImageError, OptionError):
        assert b"x:xmpmeta" in embed_metadata(cut, model="m", version="1")


def test_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        finish_file(tmp_path / "none.png", model="student")
    with pytest.raises(ImageError, match="does not exist"):
        verify_file(tmp_path / "none.png")


@needs_c2pa
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".mp4"])
def test_credentials_are_intact_but_untrusted_with_a_self_made_key(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"result{suffix}"
    if suffix == ".mp4":
        write_clip(path)
        report = finish_file(path, model="student")
    else:
        report = save_image(path, PICTURE, model="student")
    assert report.applied == ("metadata", "credentials")
    found = credentials.read_credentials(path)
    assert (found["state"], found["swap"], found["model"], found["problems"]) == ("untrusted", True, "student", [])


@needs_c2pa
def test_a_changed_file_is_reported_as_tampered_and_a_saved_again_one_as_without(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    save_image(path, PICTURE, model="student")
    data = bytearray(path.read_bytes())
    data[data.find(b"IDAT") + 100] ^= 1
    (tmp_path / "changed.png").write_bytes(data)
    found = credentials.read_credentials(tmp_path / "changed.png")
    assert found["state"] == "tampered" and not found["swap"]
    PillowImage.open(path).save(tmp_path / "again.png")
    assert credentials.read_credentials(tmp_path / "again.png")["state"] == "absent"


@needs_c2pa
def test_a_host_key_with_trusted_authority_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = credentials.signing_key(folder=tmp_path)
    (tmp_path / "key.pem").write_text(made.private_key)
    (tmp_path / "chain.pem").write_text(made.chain)
    (tmp_path / "authority.pem").write_text("-----BEGIN" + made.chain.split("-----BEGIN")[2])
    monkeypatch.setenv(credentials.KEY_VARIABLE, str(tmp_path / "key.pem"))
    with pytest.raises(OptionError, match="Only one"):
        credentials.signing_key()
    monkeypatch.setenv(credentials.CHAIN_VARIABLE, str(tmp_path / "chain.pem"))
    assert not credentials.signing_key().self_made
    save_image(tmp_path / "a.jpg", PICTURE, model="student")
    assert credentials.read_credentials(tmp_path / "a.jpg")["state"] == "untrusted"
    monkeypatch.setenv(credentials.TRUST_VARIABLE, str(tmp_path / "authority.pem"))
    assert credentials.read_credentials(tmp_path / "a.jpg")["state"] == "valid"


@needs_c2pa
def test_the_self_made_key_is_kept_private_and_never_shown(tmp_path: Path) -> None:
    key = credentials.signing_key(folder=tmp_path)
    stored = tmp_path / "signing_key.json"
    assert stored.stat().st_mode & 0o077 == 0
    assert credentials.signing_key(folder=tmp_path) == key
    assert "PRIVATE" not in repr(key)
    stored.write_text("{")
    with pytest.raises(OptionError, match="damaged"):
        credentials.signing_key(folder=tmp_path)


def test_without_c2pa_the_other_layers_are_still_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "available", lambda: False)
    report = save_image(tmp_path / "a.png", PICTURE, model="student")
    assert report.applied == ("metadata",) and "pip install" in report.left_out["credentials"]
    assert credentials.read_credentials(tmp_path / "a.png")["state"] == "unavailable"


def test_layers_that_are_switched_off_are_absent(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    report = save_image(path, PICTURE, model="m", options=MarkOptions(metadata=False, credentials=False))
    assert report.applied == () and not report.left_out
    found = verify_file(path, detector=NoFaces())  # type: ignore[arg-type]
    assert not found.marked
    np.testing.assert_array_equal(np.asarray(PillowImage.open(path)), PICTURE)


def test_the_badge_touches_its_corner_only() -> None:
    grey = np.full((200, 300, 3), 128, np.uint8)
    done = apply_pixels(grey, None, MarkOptions(badge=True), model="m")
    rows, columns = np.nonzero((done != grey).any(-1))
    assert rows.min() > 150 and columns.min() > 200
    assert done.max() > 220 and done.min() < 80  # light letters on a dark plate
    np.testing.assert_array_equal(apply_pixels(grey, None, model="m"), grey)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 400, 3), (400, 5, 3)])
def test_the_badge_fits_any_picture(shape: tuple[int, int, int]) -> None:
    assert apply_pixels(np.zeros(shape, np.uint8), None, MarkOptions(badge=True), model="m").shape == shape


def run(arguments: list[str]) -> int:
    """The command line's exit status."""
    with pytest.raises(SystemExit) as left:
        app(arguments)
    return int(left.value.code or 0)


def test_the_report_is_json_and_the_exit_status_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_image(tmp_path / "marked.png", PICTURE, model="student")
    PillowImage.fromarray(PICTURE).save(tmp_path / "plain.png")
    assert run(["verify", str(tmp_path / "marked.png"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["marked"] is True and found["metadata"]["model"] == "student"
    assert found["watermark"]["found"] is False and found["watermark"]["note"]
    assert run(["verify", str(tmp_path / "plain.png")]) == UNMARKED
    assert "does not show that it is genuine" in capsys.readouterr().out
    (tmp_path / "text.png").write_text("no picture")
    assert run(["verify", str(tmp_path / "text.png")]) == ImageError.exit_code


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypmp42", b"GIF89a", b"\xff\xd8\xff"]
)
def test_verifying_a_broken_file_gives_our_own_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.bin").write_bytes(content)
    with pytest.raises(SwapError):
        verify_file(tmp_path / "broken.bin", detector=NoFaces())  # type: ignore[arg-type]


@needs_c2pa
def test_a_link_to_credentials_elsewhere_is_no_tampering(tmp_path: Path) -> None:
    import c2pa

    PillowImage.fromarray(PICTURE).save(tmp_path / "plain.jpg")
    key = credentials.signing_key()
    action = {"action": "c2pa.edited", "digitalSourceType": DIGITAL_SOURCE_TYPE}
    manifest = {
        "claim_generator_info": [{"name": "camera", "version": "1"}],
        "title": "a",
        "format": "image/jpeg",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, key.chain.encode(), key.private_key.encode(), None)
    linked = tmp_path / "linked.jpg"
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest) as builder:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        builder.set_no_embed()
        builder.set_remote_url("http://192.0.2.1/manifest.c2pa")  # an address for documentation: nothing answers
        with (tmp_path / "plain.jpg").open("rb") as reader, linked.open("w+b") as writer:
            builder.sign(signer, "image/jpeg", reader, writer)
    report = verify_file(linked, detector=NoFaces())
    assert (report.credentials.state, report.credentials.found) == ("elsewhere", False)
    assert "nothing is fetched" in report.lines()[-1]
