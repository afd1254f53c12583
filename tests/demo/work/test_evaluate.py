"""Uploaded photos of an evaluation: what is taken from a zip, and what is refused."""

from __future__ import annotations

import io
import threading
import zipfile
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from demo.settings import Settings
from demo.work.evaluate import dataset_of, evaluate, finished_runs, read_run, unpack
from mobilefaceswap_core.errors import ImageError, OptionError, OutputError


def photo(side: int = 8) -> bytes:
    data = io.BytesIO()
    PillowImage.new("RGB", (side, side), (90, 80, 70)).save(data, "PNG")
    return data.getvalue()


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("names", "dataset"),
    [
        (["source/a.png", "target/a.png"], "pairs"),
        (["my pairs/source/a.png", "my pairs/target/a.png"], "pairs"),
        (["ann/1.png", "ann/2.png", "bob/1.png"], "folders"),
        (["1.png", "2.png"], "flat"),
    ],
)
def test_a_zip_tells_which_data_set_it_is(tmp_path: Path, names: list[str], dataset: str) -> None:
    archive = packed(tmp_path / "a.zip", dict.fromkeys(names, photo()))
    assert unpack(archive, tmp_path / "out", Settings()) == dataset
    assert dataset_of(tmp_path / "out") == dataset


def test_paths_that_lead_out_of_the_folder_stay_in_it(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {"../../evil.png": photo(), "/top.png": photo(), "ok/a.png": photo()})
    unpack(archive, tmp_path / "deep" / "out", Settings())
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {"deep/out/top.png", "deep/out/ok/a.png"}


def test_other_files_are_left_in_the_zip(tmp_path: Path) -> None:
    files = {"a.png": photo(), "run.sh": b"x", "__MACOSX/a.png": photo(), ".hidden.png": photo()}
    unpack(packed(tmp_path / "a.zip", files), tmp_path / "out", Settings())
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["a.png"]


def test_a_zip_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {"a.png": bytes(6 << 20)})
    with pytest.raises(OptionError, match="unpacks to too much"):
        unpack(archive, tmp_path / "out", Settings(max_upload_mb=1))


def test_a_photo_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        unpack(packed(tmp_path / "a.zip", {"a.png": photo(1200)}), tmp_path / "out", Settings(max_megapixels=1))


@pytest.mark.parametrize("data", [b"no zip", b""])
def test_what_is_no_zip_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(OptionError, match="not a zip"):
        unpack(tmp_path / "a.zip", tmp_path / "out", Settings())


def test_a_zip_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no photos"):
        unpack(packed(tmp_path / "a.zip", {"a.txt": b"x"}), tmp_path / "out", Settings())


def test_more_pairs_than_the_host_allows_are_refused(tmp_path: Path) -> None:
    steps = evaluate(tmp_path / "run", dataset="builtin", root=None, methods=["graphics"], pairs=31, settings=Settings(),
                     stop=threading.Event())  # fmt: skip
    with pytest.raises(OptionError, match="1 to 30"):
        next(steps)


def test_only_finished_runs_of_the_hosts_folder_are_listed(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "report.html").write_text("x", encoding="utf-8")
    (tmp_path / "begun").mkdir()
    assert list(finished_runs(Settings(reports=str(tmp_path))).values()) == [tmp_path / "done"]
    assert finished_runs(Settings()) == {}
    with pytest.raises(OutputError, match="not a finished"):
        read_run(tmp_path / "begun")
