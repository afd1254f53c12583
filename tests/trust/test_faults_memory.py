"""Memory that runs out: an error of ours that says so, whichever library ran out, and the process goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.errors import BackendError, ImageError
from mobilefaceswap_core.runtime.memory import is_out_of_memory, memory_guard

from .hostile_files import png_whole
from .limits import run_limited

SAID = [
    MemoryError(),
    np.exceptions.AxisError("x"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    Exception("OpenCV(5.0) error: (-4:Insufficient memory) Failed to allocate 300000000 bytes"),
    Exception("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : bad allocation"),
]


def test_every_library_s_words_for_a_lack_of_memory_are_known_and_others_pass() -> None:
    assert [is_out_of_memory(error) for error in SAID] == [True, False, True, True, True, True]
    for error in SAID:
        with pytest.raises(BackendError if is_out_of_memory(error) else type(error)), memory_guard("This"):
            raise error


SWAP = """
import resource
import numpy as np
import skimage.data
from pathlib import Path
from mobilefaceswap_core.errors import BackendError, ImageError
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.pipeline import Pipeline
pipeline = Pipeline.load("student", "lite", "cpu", threads=1)
face = np.ascontiguousarray(skimage.data.astronaut()[:224, 112:336])
source = pipeline.prepare_source([face])
pipeline.swap(face, source)  # what is loaded on first use has its room
large = np.zeros((9000, 9000, 3), np.uint8)
large[:224, :224] = face
fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
limit = (int(fields["VmSize"].split()[0]) << 10) + (200 << 20)  # networks keep no memory between runs, so the next swap needs some
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for what, call in (("swap", lambda: pipeline.swap(large, source)), ("read", lambda: read_image("large.png", max_pixels=10**9))):
    try:
        call()
        print(what, "went through")
    except (BackendError, ImageError) as error:
        print(what, "told", "memory" in str(error))
print("goes on", pipeline.swap(face, source).report.faces_swapped)
"""


def test_a_swap_and_a_photo_too_large_for_the_memory_are_told_and_the_next_swap_works(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png_whole(13_000))
    done = run_limited(SWAP.replace("large.png", str(tmp_path / "large.png")), memory_mb=16_000)
    said = [line for line in done.stdout.splitlines() if line.startswith(("swap", "read", "goes"))]
    assert said == ["swap told True", "read told True", "goes on 1"], done.stdout[-500:] + done.stderr[-1500:]


def test_a_photo_without_memory_for_it_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    from mobilefaceswap_core.files import images

    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, "_decode", refuse)
    with pytest.raises(ImageError, match="too little memory"):
        images.read_image(png_whole(500))
