"""Protected faces are refused, others pass, and a protection that cannot work says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import NoFaceError, OptionError, RefusedError
from mobilefaceswap_core.rules.blocklist import THRESHOLD, Blocklist, load_blocklist


class CountingEmbed:
    """A linear map of the picture's mean colour; counts calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        if image.max() == 0:
            raise NoFaceError("No face was found in the photo.")
        return image.reshape(-1, 3).mean(0).astype(np.float32)


def save(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.new("RGB", (20, 20), colour).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "red.png", (250, 0, 0))
    save(tmp_path / "person" / "green.png", (0, 250, 0))
    return tmp_path


def test_a_similar_source_is_refused_whatever_its_length_and_others_pass(folder: Path) -> None:
    blocked = load_blocklist(folder, CountingEmbed())
    assert set(blocked.names) == {"red.png", str(Path("person") / "green.png")}
    for length in (1e-3, 1.0, 1e3):
        with pytest.raises(RefusedError, match="protected"):
            blocked.check_source(np.array([length, 0, 0], np.float32))
    blocked.check_source(np.array([0, 0, 1], np.float32))


def test_the_refusal_does_not_tell_who_is_protected(folder: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        load_blocklist(folder, CountingEmbed()).check_source(np.array([1, 0, 0], np.float32))
    assert "red" not in str(caught.value)


def test_the_threshold_is_where_refusal_begins() -> None:
    blocked = Blocklist(np.array([[1, 0]], np.float32), ("a",))
    for cosine, refused in ((THRESHOLD + 0.01, True), (THRESHOLD - 0.01, False)):
        source = np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)
        if refused:
            with pytest.raises(RefusedError):
                blocked.check_source(source)
        else:
            blocked.check_source(source)


def test_photos_are_embedded_once_and_again_only_when_changed(folder: Path) -> None:
    embed = CountingEmbed()
    first = load_blocklist(folder, embed)
    second = load_blocklist(folder, embed)
    assert embed.calls == 2
    np.testing.assert_array_equal(first.embeddings, second.embeddings)
    save(folder / "red.png", (200, 50, 0))
    load_blocklist(folder, embed)
    assert embed.calls == 3


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04broken", b"\x93NUMPY"])
def test_a_damaged_cache_is_made_again(folder: Path, content: bytes) -> None:
    (folder / ".embeddings.npz").write_bytes(content)
    embed = CountingEmbed()
    assert len(load_blocklist(folder, embed).names) == 2 and embed.calls == 2


def test_a_photo_without_a_face_stops_the_start(folder: Path) -> None:
    save(folder / "black.png", (0, 0, 0))
    with pytest.raises(OptionError, match=r"black\.png"):
        load_blocklist(folder, CountingEmbed())


def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no folder"):
        load_blocklist(tmp_path / "none", CountingEmbed())


def test_an_empty_folder_blocks_nobody(tmp_path: Path) -> None:
    load_blocklist(tmp_path, CountingEmbed()).check_source(np.ones(3, np.float32))


@pytest.mark.parametrize("source", [np.ones(5, np.float32), np.array([np.nan, 0, 0], np.float32)])
def test_an_embedding_of_another_kind_is_refused_not_waved_through(folder: Path, source: np.ndarray) -> None:
    with pytest.raises(OptionError, match="embedding"):
        load_blocklist(folder, CountingEmbed()).check_source(source)


@pytest.mark.parametrize(
    "name", ["protected.avif", "protected.gif", "protected.jp2", "protected.ppm", "protected.JFIF"]
)
def test_a_photo_of_any_format_that_is_read_protects(tmp_path: Path, name: str) -> None:
    save(tmp_path / "person" / name, (250, 0, 0))
    blocked = load_blocklist(tmp_path, CountingEmbed())
    assert blocked.names == (str(Path("person") / name),)
    with pytest.raises(RefusedError, match="protected"):
        blocked.check_source(np.array([1, 0, 0], np.float32))


@pytest.mark.parametrize("name", ["protected.psd", "notes.txt", "clip.mp4", "photo"])
def test_a_file_that_cannot_be_read_as_a_photo_is_named(folder: Path, name: str) -> None:
    (folder / "person" / name).write_bytes(b"not a photo")
    with pytest.raises(OptionError, match=name):
        load_blocklist(folder, CountingEmbed())


def test_a_photo_without_its_extension_protects(tmp_path: Path) -> None:
    save(tmp_path / "red.png", (250, 0, 0))
    (tmp_path / "red.png").rename(tmp_path / "red")
    assert load_blocklist(tmp_path, CountingEmbed()).names == ("red",)


def test_links_that_lead_to_no_photo_are_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save(elsewhere / "blue.png", (0, 0, 250))
    for place in (elsewhere, elsewhere / "gone.png"):
        (folder / "linked").symlink_to(place)
        with pytest.raises(OptionError, match="linked"):
            load_blocklist(folder, CountingEmbed())
        (folder / "linked").unlink()
    (folder / "linked.png").symlink_to(elsewhere / "blue.png")
    assert "linked.png" in load_blocklist(folder, CountingEmbed()).names


def test_hidden_files_and_folders_are_nobody(folder: Path) -> None:
    for name in (".DS_Store", "person/._green.png", ".git/index"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not a photo")
    assert len(load_blocklist(folder, CountingEmbed()).names) == 2
    assert len(load_blocklist(folder, CountingEmbed()).names) == 2  # now with its own cache
