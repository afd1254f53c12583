"""Zip archives of strangers: the list of files that Python would believe is bounded, wherever it says how long it is."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from demo.settings import Settings
from demo.work.evaluate import unpack
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.archives import open_zip
from mobilefaceswap_core.files.npz import read_npz

NAMES = 200_000  # 9.4 MB in the list


def endless(path: Path, *, names: int = NAMES, suffix: bytes = b".png", says: int | None = 47) -> Path:
    """A zip whose zip64 record has the true list of files, and whose older record says that it has ``says`` bytes."""
    name = b"a" + suffix
    head = (b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
    listed = (struct.pack(zipfile.structCentralDir, *head) + name) * names
    size = len(listed)
    record = struct.pack(zipfile.structEndArchive64, b"PK\6\6", 44, 45, 45, 0, 0, names, names, size, 0)
    locator = struct.pack(zipfile.structEndArchive64Locator, b"PK\6\7", 0, size, 1)
    end = struct.pack(zipfile.structEndArchive, b"PK\5\6", 0, 0, 1, 1, size if says is None else says, 0, 0)
    path.write_bytes(listed + (record + locator if says is not None else b"") + end)
    return path


def test_python_believes_the_longer_list(tmp_path: Path) -> None:
    with zipfile.ZipFile(endless(tmp_path / "a.zip", names=1000)) as archive:
        assert len(archive.infolist()) == 1000, "else the attack below is none"


@pytest.mark.parametrize("says", [47, None], ids=["zip64", "plain"])
def test_a_list_of_a_million_names_is_not_read(tmp_path: Path, says: int | None) -> None:
    path = endless(tmp_path / "a.zip", says=says)
    with pytest.raises(zipfile.BadZipFile, match=r"list of files has \d+ bytes; at most 8388608"), open_zip(path):
        pass
    with pytest.raises(OptionError, match="list of files"):
        unpack(path, tmp_path / "out", Settings())


def test_nor_is_one_of_arrays(tmp_path: Path) -> None:
    path = endless(tmp_path / "a.npz", names=30_000, suffix=b".npy")
    with pytest.raises(OptionError, match="list of files has 1"):
        read_npz(path, error=OptionError, what="pack")


def test_ordinary_archives_open_as_ever(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.comment = b"c" * 60_000
        archive.writestr("large", np.random.default_rng(0).bytes(9 << 20))
    (tmp_path / "a.zip").write_bytes(b"in front" + stream.getvalue())
    with open_zip(tmp_path / "a.zip") as archive:
        assert len(archive.read("large")) == 9 << 20
    with pytest.raises(zipfile.BadZipFile), open_zip(Path(__file__)):
        pass
