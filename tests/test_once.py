"""What several workers share is made once, and again only where making it failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.once import made_once


def test_a_folder_is_made_once_however_many_ask_at_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "a.txt").write_text("whole")

    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: made_once(tmp_path, "a", make), range(4)))
    assert len(made) == 1 and {(folder / "a.txt").read_text() for folder in folders} == {"whole"}


def test_who_fails_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.txt").touch()
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        made_once(tmp_path, "a", fail)
    assert list(made_once(tmp_path, "a", lambda folder: None).iterdir()) == []
