"""Programs keep numeric libraries from spinning: what must be set before they are loaded is set before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mobilefaceswap_core.runtime import threads
from mobilefaceswap_core.runtime.threads import encoder_threads, share_cores, stage_threads

# In a process of its own, as a program starts: what is set when numpy is asked for.
ASK = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("numpy with", os.environ.get("OPENBLAS_NUM_THREADS"), os.environ.get("OMP_WAIT_POLICY"))
sys.meta_path.insert(0, Watch())
{start}
import numpy
"""
COMMAND = "import mobilefaceswap_core.__main__ as m\ntry:\n    m.main(['--version'])\nexcept SystemExit: pass"
EVALUATION = "import eval.__main__ as m\nsys.argv = ['eval', '--help']\ntry:\n    m.main()\nexcept SystemExit: pass"


@pytest.mark.parametrize("start", [COMMAND, EVALUATION])
def test_what_numpy_multiplies_with_takes_one_thread_in_a_program(start: str) -> None:
    named = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY"}
    environment = {key: value for key, value in os.environ.items() if key not in named}
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(start=start)], env=environment, capture_output=True, text=True, check=True
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("numpy with")] == ["numpy with 1 PASSIVE"]


def test_what_the_user_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE" and "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(("processors", "wanted"), [(1, 1), (2, 1), (8, 4), (64, 16)])
def test_a_stage_of_a_clip_leaves_processors_to_the_others(
    processors: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "default_threads", lambda: processors)
    assert stage_threads() == wanted


@pytest.mark.parametrize(
    ("processors", "size_px", "wanted"),
    [(1, (1920, 1080), 1), (2, (1280, 720), 1), (2, (1920, 1080), 2), (3, (3840, 2160), 2), (8, (1920, 1080), 4)],
)
def test_large_frames_have_two_threads_to_encode_them(
    processors: int, size_px: tuple[int, int], wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "default_threads", lambda: processors)
    assert encoder_threads(size_px[0] * size_px[1]) == wanted
