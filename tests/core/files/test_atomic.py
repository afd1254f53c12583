"""A file is written whole or not at all, and what killed runs left goes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mobilefaceswap_core.errors import OutputError
from mobilefaceswap_core.files.atomic import hidden_name, remove_leftovers, write_bytes, written_whole


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.txt", b"old")

    def fail() -> None:
        with written_whole(tmp_path / "a.txt") as part:
            part.write_bytes(b"half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"old"


def test_a_block_that_writes_nothing_leaves_the_path_as_it_is(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.txt", b"old")
    with written_whole(tmp_path / "a.txt"):
        pass
    assert (tmp_path / "a.txt").read_bytes() == b"old"


def test_a_folder_appears_whole_over_an_empty_one_and_never_over_files(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with written_whole(folder) as part:
        part.mkdir()
        (part / "1.txt").write_text("one")
    assert (folder / "1.txt").read_text() == "one"
    with pytest.raises(OutputError, match="files in it"), written_whole(folder) as part:
        pytest.fail("the block must not begin")
    with written_whole(folder, replacing=True) as part:
        part.mkdir()
        (part / "2.txt").write_text("two")
    assert [path.name for path in folder.iterdir()] == ["2.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_bytes(tmp_path / "a", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_of_two_writers_the_first_wins_where_that_is_asked_for(tmp_path: Path) -> None:
    with written_whole(tmp_path / "key", once=True) as part:
        part.write_bytes(b"second")
        write_bytes(tmp_path / "key", b"first", once=True)
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_private_file_is_its_owners_alone_from_the_first_byte_on(tmp_path: Path) -> None:
    write_bytes(tmp_path / "key", b"x", private=True)
    write_bytes(tmp_path / "page", b"x")
    mode = stat.S_IMODE((tmp_path / "key").stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    assert mode == 0o600 and stat.S_IMODE((tmp_path / "page").stat().st_mode) == 0o666 & ~mask


def test_only_what_dead_processes_of_this_machine_left_is_removed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / "below").mkdir()
    running = hidden_name(tmp_path / "below" / "a.png")
    dead = running.with_name(running.name.replace(f"-{os.getpid()}-", f"-{process.pid}-"))
    foreign = tmp_path / "below" / f".a.00000000-{process.pid}-00000000.mfs-part.png"
    for path in (running, dead, foreign):
        path.write_bytes(b"half")
    assert remove_leftovers(tmp_path) == []
    assert remove_leftovers(tmp_path, deep=True) == [dead]
    assert {path.name for path in (tmp_path / "below").iterdir()} == {running.name, foreign.name}
    assert remove_leftovers(tmp_path / "none", deep=True) == []
