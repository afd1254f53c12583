"""On a full disk, without permission, or on one that is read only: it is told, and the old or the new file is there, whole."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import OutputError, WeightsError
from mobilefaceswap_core.files import images
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.rules.audit import AuditLog
from mobilefaceswap_core.rules.consent import store_consent
from mobilefaceswap_core.training.loop.checkpoints import save_checkpoint
from mobilefaceswap_core.video.output import atomic_output
from mobilefaceswap_core.weights.download import download

from .slow_server import pinned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def too_large(folder: Path) -> dict[str, object]:
    """Every writer, with more than the disk takes."""
    from mobilefaceswap_core.files.packs import pack_from_crops, write_pack
    from mobilefaceswap_core.marking import MarkOptions, save_image

    crops = [noise(224)] * 12
    return {
        "picture": lambda: write_image(folder / "new.png", noise(400)),
        "marked picture": lambda: save_image(folder / "new.png", noise(400), model="student", options=MarkOptions()),
        "checkpoint": lambda: save_checkpoint({"x": torch.rand(200_000)}, folder / "new.pt"),
        "pack": lambda: write_pack(pack_from_crops("p", crops, np.zeros((12, 68, 2)), ["a"] * 12), folder / "new.npz"),
    }


@pytest.mark.parametrize("what", ["picture", "marked picture", "checkpoint", "pack"])
def test_a_full_disk_is_told_and_nothing_is_left(what: str, tiny_disk: Path) -> None:
    write_image(tiny_disk / "old.png", noise(100))
    old = (tiny_disk / "old.png").read_bytes()
    with pytest.raises(OutputError, match="space"):
        too_large(tiny_disk)[what]()  # type: ignore[operator]
    assert [path.name for path in tiny_disk.iterdir()] == ["old.png"]
    assert (tiny_disk / "old.png").read_bytes() == old
    with pytest.raises(OutputError):
        write_image(tiny_disk / "old.png", noise(400))
    assert (tiny_disk / "old.png").read_bytes() == old


def test_a_conversion_on_a_full_disk_is_told_and_nothing_is_left(tiny_disk: Path, tmp_path: Path) -> None:
    from mobilefaceswap_core.student.official import convert
    from mobilefaceswap_core.student.parity import seeded_pdparams

    (tmp_path / "net.pdparams").write_bytes(seeded_pdparams(seed=1))
    with pytest.raises(OutputError):
        convert(tmp_path / "net.pdparams", tiny_disk)
    assert not list(tiny_disk.iterdir())


def test_a_full_disk_stops_a_download_that_goes_on_later(slow_server: str, tiny_disk: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"(?i)space"):
        download(pinned(slow_server), folder=tiny_disk, attempts=1)
    assert not (tiny_disk / "weights.bin").exists()


def test_a_full_disk_keeps_audit_log_and_consent_readable(tiny_disk: Path) -> None:
    log = AuditLog(tiny_disk / "audit.jsonl")
    log.append("swap", model="student")
    (tiny_disk / "filler").write_bytes(bytes(os.statvfs(tiny_disk).f_bavail * os.statvfs(tiny_disk).f_frsize))
    refused = 0
    for _ in range(100):
        try:
            log.append("swap", model="student")
        except OutputError:
            refused += 1
    assert refused
    with pytest.raises(OutputError):
        store_consent(folder=tiny_disk / "config")
    (tiny_disk / "filler").unlink()
    log.append("after")
    events = [record["event"] for record in log.read()]
    assert events[0] == "swap" and events[-1] == "after"
    assert not list(tiny_disk.rglob("*.part"))


def test_an_evaluation_on_a_full_disk_is_told_and_goes_on_when_there_is_room(tiny_disk: Path, tmp_path: Path) -> None:
    from eval.options import resolve
    from eval.run import prepare, swap_stage

    for person in "abc":
        (tmp_path / "data" / person).mkdir(parents=True)
        write_image(tmp_path / "data" / person / "1.png", noise(150))
    run = tiny_disk / "run"
    options = resolve({"dataset": "folders", "root": str(tmp_path / "data"), "methods": "target", "detector": "lite"})
    prepare(run, options, resume=False, say=lambda text: None)
    with pytest.raises(OutputError, match=r"(?i)space.*--resume"):
        swap_stage(run, options)
    assert not list(run.rglob("*.partial"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(tiny_disk)], check=True)
    prepare(run, options, resume=True, say=lambda text: None)
    swap_stage(run, options)
    made = sorted((run / "swapped" / "target").iterdir())
    assert len(made) == 6 and all(read_image(path).image.shape == (150, 150, 3) for path in made)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_whatever_the_system_refuses_is_an_output_error(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(images.os, "replace", refuse)
    with pytest.raises(OutputError, match=os.strerror(code)):
        write_image(tmp_path / "out.png", noise(8))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that may be read and not written; the system refuses nothing to root, who becomes nobody for a while."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    for write in too_large(tmp_path).values():
        write()  # type: ignore[operator]  # imports what writers need, which nobody may not be allowed to read
    store_consent(folder=tmp_path)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if was_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["picture", "marked picture", "checkpoint", "pack"])
def test_a_folder_without_permission_is_named_and_nothing_is_left(what: str, locked: Path) -> None:
    with pytest.raises(OutputError, match=str(locked)):
        too_large(locked)[what]()  # type: ignore[operator]
    assert not list(locked.iterdir())


def test_a_log_a_consent_and_a_clip_without_permission_are_told(locked: Path) -> None:
    with pytest.raises(OutputError):
        AuditLog(locked / "audit.jsonl").append("swap")
    with pytest.raises(OutputError):
        store_consent(folder=locked / "config")
    with pytest.raises(OutputError, match="permissions"), atomic_output(locked / "out.mp4") as part:
        part.write_bytes(b"a clip")
    assert not list(locked.iterdir())


def test_a_read_only_disk_is_told(tiny_disk: Path) -> None:
    PillowImage.fromarray(noise(8)).save(tiny_disk / "old.png")
    if subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], capture_output=True, check=False).returncode:
        pytest.skip("the file system cannot be made read-only here")
    for what, write in too_large(tiny_disk).items():
        with pytest.raises(OutputError):
            write()  # type: ignore[operator]
        assert [path.name for path in tiny_disk.iterdir()] == ["old.png"], what
    with pytest.raises(OutputError):
        AuditLog(tiny_disk / "audit.jsonl").append("swap")
    with pytest.raises(WeightsError):
        download(pinned("http://127.0.0.1:9/x"), folder=tiny_disk, attempts=1)
