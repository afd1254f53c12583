"""Pipes and devices are refused before they are opened, wherever a path is read, and no result takes their place."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eval.cost.cli import _open_inputs
from eval.cost.columns import read_costs
from eval.cost.onnx_count import count_onnx
from eval.datasets.base import read_small_text
from eval.groups import groups_by_label
from eval.options import read_option_file
from eval.study import _rows
from mobilefaceswap_core.errors import OutputError, SwapError, WeightsError
from mobilefaceswap_core.files.atomic import check_file_place, write_bytes
from mobilefaceswap_core.files.formats import format_of_file
from mobilefaceswap_core.files.images import picture_size, read_image
from mobilefaceswap_core.files.media import open_media
from mobilefaceswap_core.files.npz import read_npz
from mobilefaceswap_core.files.ordinary import is_special
from mobilefaceswap_core.marking import verify_file
from mobilefaceswap_core.rules.audit import AuditLog
from mobilefaceswap_core.teachers.contracts import read_contract
from mobilefaceswap_core.video.reader import open_clip
from mobilefaceswap_core.weights.load import read_safetensors

READERS: dict[str, Callable[[Path], object]] = {
    "photo": read_image,
    "size of a photo": picture_size,
    "clip": open_clip,
    "container": open_media,
    "mark": verify_file,
    "array": lambda path: read_npz(path, error=WeightsError, what="pack"),
    "weights": lambda path: read_safetensors([path]),
    "contract": read_contract,
    "options": lambda path: read_option_file(path.rename(path.with_suffix(".toml"))),
    "list": lambda path: read_small_text(path, "--identities"),
    "labels": lambda path: groups_by_label(path.parent, path, "age"),
    "answers": _rows,
    "costs": read_costs,
    "network": count_onnx,
    "inputs of a network": _open_inputs,
}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Whoever opens a pipe that nobody writes to is woken after a while."""

    def wake(*_: object) -> None:
        raise AssertionError("it waits for somebody to write into the pipe")

    before = signal.signal(signal.SIGALRM, wake)
    signal.setitimer(signal.ITIMER_REAL, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_that_is_read_is_refused_at_once(reader: str, pipe: Path) -> None:
    with pytest.raises(SwapError, match=r"no ordinary file; wanted|does not exist or is a folder"):
        READERS[reader](pipe)


def test_what_no_result_may_replace_stays_what_it_is(pipe: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("pipe", "link", "socket"):
            for write in (lambda path: write_bytes(path, b"x"), check_file_place):
                with pytest.raises(OutputError, match="no ordinary file, and a result would take its place"):
                    write(tmp_path / name)
        assert stat.S_ISFIFO(pipe.stat().st_mode) and (tmp_path / "link").is_symlink()
        assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe", "socket"]


def test_files_folders_and_what_is_missing_are_nothing_special(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert not any(is_special(path) for path in (tmp_path, tmp_path / "file", tmp_path / "none", "a\0b"))
    assert is_special("/dev/null")


def test_a_pipe_is_known_by_its_name_alone_and_is_no_log(pipe: Path) -> None:
    assert format_of_file(pipe) is None
    assert list(AuditLog(pipe).read()) == []
    with pytest.raises(OutputError, match="cannot be written"):
        AuditLog(pipe).append("image", sources=[], target="", output="", model="")
