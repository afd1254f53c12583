"""Killed at any moment, on a full disk, without permission or network: the old or the new file is there, whole.

An evaluation that is killed and resumed is tested in ``tests/eval/test_run.py``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from mobilefaceswap_core.errors import OutputError, WeightsError
from mobilefaceswap_core.files import images
from mobilefaceswap_core.files.atomic import remove_leftovers
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.rules.audit import AuditLog
from mobilefaceswap_core.rules.consent import store_consent
from mobilefaceswap_core.training.loop.checkpoints import load_checkpoint, save_checkpoint
from mobilefaceswap_core.weights.download import DownloadSpec, download
from tests.fakes.clips import portrait_frames, write_clip
from tests.fakes.video_fixtures import RED, UNMARKED_SWAP, painted, painter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TRUST_KILLS", "6"))


def killed(code: str, *arguments: str, after_s: float, cwd: Path) -> str:
    """Run a program that prints ``ready`` and works without end; kill it some time after that. Returns what it printed."""
    program = subprocess.Popen(
        [sys.executable, "-u", "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert program.stdout is not None
    first = program.stdout.readline()
    if first.strip() != "ready":
        raise AssertionError(program.communicate()[1][-800:])
    time.sleep(after_s)
    program.send_signal(signal.SIGKILL)
    rest, errors = program.communicate()
    assert program.returncode == -signal.SIGKILL, errors[-800:]
    return rest


WRITE_PICTURES = """
import sys
import numpy as np
from mobilefaceswap_core.files.images import write_image
pictures = [np.full((700, 700, 3), value, np.uint8) for value in (10, 240)]
for p in pictures: p[:, ::3] //= 2
write_image("0.png", pictures[0])
print("ready")
number = 0
while True:
    number += 1
    write_image(f"{number % 5}.png", pictures[number % 2])
"""


def test_a_picture_is_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    moments = random.Random(1)
    for _ in range(KILLS):
        killed(WRITE_PICTURES, after_s=moments.uniform(0.02, 0.3), cwd=tmp_path)
        written = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
        assert written
        for path in written:
            assert read_image(path).image.shape == (700, 700, 3)
    remove_leftovers(tmp_path)  # as the next run of a program does
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


WRITE_CHECKPOINTS = """
import sys
from pathlib import Path
import torch
from mobilefaceswap_core.training.loop.checkpoints import save_checkpoint
print("ready")
step = 0
while True:
    step += 1
    save_checkpoint({"step": step, "weights": torch.full((300_000,), float(step))}, Path("checkpoint.pt"))
    print(step)
"""


def test_a_checkpoint_is_whole_whenever_training_is_killed(tmp_path: Path) -> None:
    moments = random.Random(2)
    for _ in range(max(1, KILLS // 3)):
        said = killed(WRITE_CHECKPOINTS, after_s=moments.uniform(0.05, 0.3), cwd=tmp_path)
        state = load_checkpoint(tmp_path / "checkpoint.pt")
        last = int(said.split()[-1])
        assert state["step"] in (last, last + 1)
        assert torch.equal(state["weights"], torch.full((300_000,), float(state["step"])))


SWAP_CLIP = """
import sys
from pathlib import Path
from tests.fakes.video_fixtures import RED, UNMARKED_SWAP, painted, painter
from mobilefaceswap_core.video import VideoOptions, run_to_end, swap_video
print("ready")
while True:
    run_to_end(swap_video(painter(), Path("in.mp4"), Path("out.mp4"), painted(RED), options=VideoOptions(swap=UNMARKED_SWAP)))
"""


def test_a_clip_is_whole_whenever_its_job_is_killed_and_the_next_job_cleans_up(tmp_path: Path) -> None:
    from mobilefaceswap_core.video import VideoOptions, run_to_end, swap_video

    write_clip(tmp_path / "in.mp4", portrait_frames(12))
    moments = random.Random(3)
    for _ in range(max(1, KILLS // 3)):
        killed(SWAP_CLIP, after_s=moments.uniform(0.1, 1.0), cwd=tmp_path)
        if (tmp_path / "out.mp4").exists():
            with av.open(str(tmp_path / "out.mp4")) as clip:
                assert sum(1 for _ in clip.decode(video=0)) == 12
    job = swap_video(
        painter(), tmp_path / "in.mp4", tmp_path / "out.mp4", painted(RED), options=VideoOptions(swap=UNMARKED_SWAP)
    )
    assert run_to_end(job).frames == 12
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "out.mp4"}


SWAP_FOLDER = """
import sys
from mobilefaceswap_core.__main__ import main
print("ready")
sys.argv = ["x", "image", "--source", "source.png", "--target", "in", "--out", "out", "--i-have-consent", "--model",
            "student", "--detector", "lite", "--threads", "1", "--no-clobber"]
main()
"""


def test_a_killed_folder_of_photos_goes_on_where_it_stopped(tmp_path: Path, astronaut: np.ndarray) -> None:
    (tmp_path / "in").mkdir()
    face = np.ascontiguousarray(astronaut[:224, 112:336])
    write_image(tmp_path / "source.png", face)
    for number in range(12):
        write_image(tmp_path / "in" / f"{number:02d}.png", np.roll(face, 2 * number, axis=1))
    settings = {"MOBILEFACESWAP_CONFIG": str(tmp_path / "config"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-u", "-c", SWAP_FOLDER]
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while program.poll() is None and len(list((tmp_path / "out").glob("[0-9]*.png"))) < 3:
        time.sleep(0.02)
    program.kill()
    program.communicate()
    before = {path: path.read_bytes() for path in (tmp_path / "out").glob("[0-9]*.png")}
    assert len(before) >= 3
    for path in before:
        assert read_image(path).image.shape == face.shape
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr[-800:]
    after = {path: path.read_bytes() for path in (tmp_path / "out").glob("[0-9]*.png")}
    assert len(after) == 12 and all(after[path] == content for path, content in before.items())
    assert not list((tmp_path / "out").glob(".*"))  # what the kill left is gone


CONTENT = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def slow_server() -> Iterator[str]:
    """Serves ``CONTENT`` in small pieces and honours ranges; an odd header says how long it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            if self.path == "/odd":
                self.send_header("Content-Length", "many")
            self.end_headers()
            try:
                for at in range(start, len(CONTENT), 60_000):
                    self.wfile.write(CONTENT[at : at + 60_000])
                    time.sleep(0.01)
            except OSError:
                pass  # the client was killed

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/weights.bin"
    server.shutdown()
    server.server_close()


def pinned(url: str) -> DownloadSpec:
    return DownloadSpec("weights.bin", url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "MIT")


DOWNLOAD = """
import sys
from pathlib import Path
from mobilefaceswap_core.weights.download import DownloadSpec, download
spec = DownloadSpec("weights.bin", sys.argv[1], sys.argv[2], int(sys.argv[3]), "MIT")
print("ready")
download(spec, folder=Path("cache"))
import time
time.sleep(60)
"""


def test_a_killed_download_goes_on_and_a_cut_file_never_has_the_final_name(slow_server: str, tmp_path: Path) -> None:
    spec = pinned(slow_server)
    for after_s in (0.15, 0.3):
        killed(DOWNLOAD, spec.url, spec.sha256, str(spec.size), after_s=after_s, cwd=tmp_path)
        final = tmp_path / "cache" / spec.name
        assert not final.exists() or final.read_bytes() == CONTENT
    progress: list[int] = []
    path = download(spec, folder=tmp_path / "cache", progress=lambda have, size: progress.append(have))
    assert path.read_bytes() == CONTENT
    assert not progress or progress[0] > 262_144  # the first piece came on top of what was there
    path.write_bytes(CONTENT[:-1] + b"?")  # a damaged cache
    assert download(spec, folder=tmp_path / "cache").read_bytes() == CONTENT


def test_a_nonsense_length_is_not_believed(slow_server: str, tmp_path: Path) -> None:
    spec = pinned(slow_server.replace("/weights.bin", "/odd"))
    try:
        assert download(spec, folder=tmp_path, attempts=1).read_bytes() == CONTENT
    except WeightsError:
        assert not (tmp_path / spec.name).exists()


# A full disk -----------------------------------------------------------------------------------------------------------


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
    from mobilefaceswap_core.video.output import atomic_output

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
