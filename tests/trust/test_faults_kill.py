"""Killed at any moment: the old or the new file is there, whole.

An evaluation that is killed and resumed is tested in ``tests/eval/test_run.py``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.files.atomic import remove_leftovers
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.training.loop.checkpoints import load_checkpoint
from mobilefaceswap_core.weights.download import download
from tests.fakes.clips import portrait_frames, write_clip
from tests.fakes.video_fixtures import RED, UNMARKED_SWAP, painted, painter

from .slow_server import CONTENT, pinned

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
