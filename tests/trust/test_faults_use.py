"""Long use and many users of one pipeline, and what importing the packages does not do."""

from __future__ import annotations

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mobilefaceswap_core.blend.mask import MaskOptions
from mobilefaceswap_core.errors import Cancelled
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline, Source
from mobilefaceswap_core.types import CropSpec

from . import photos
from .endurance import growth, measure
from .limits import run_limited

USERS = 32


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hundred_swaps_leave_no_memory_thread_file_or_handle_behind() -> None:
    grown = growth(measure(100, samples=4, marked_every=10))
    assert grown["swaps"] == 75
    assert grown["threads"] == grown["python_threads"] == grown["open_files"] == grown["temporary_files"] == 0
    # One target and its swap are 0.4 MB and the source's weights 2 MB: keeping those of 75 swaps would show.
    assert grown["rss_mb"] < 40


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load("student", "lite", "cpu", threads=1)


@pytest.fixture(scope="module")
def people(pipeline: Pipeline) -> list[np.ndarray]:
    """32 pictures of different faces."""
    return photos.people(pipeline, USERS)  # type: ignore[return-value]


def test_thirty_two_users_at_once_get_their_own_faces_whoever_cancels(
    pipeline: Pipeline, people: list[np.ndarray], astronaut: np.ndarray
) -> None:
    target = np.ascontiguousarray(astronaut[:224, 112:336])
    alone: list[np.ndarray] = []
    started = time.perf_counter()
    for photo in people:
        alone.append(pipeline.swap(target, pipeline.prepare_source([photo])).image)
    alone_s = time.perf_counter() - started
    threads_before = threading.active_count()
    start, waits, given_up = threading.Barrier(USERS), [], []

    def visit(number: int) -> np.ndarray:
        chance = random.Random(number)
        start.wait(60)
        image = target
        for _ in range(2):
            begun = time.perf_counter()
            source = pipeline.prepare_source([people[number]])

            class Leaves(MaskOptions):
                def __getattribute__(self, name: str) -> object:
                    raise Cancelled("The visitor left.")

            if chance.random() < 0.4:
                with pytest.raises(Cancelled):
                    pipeline.swap(target, source, options=SwapOptions(mask=Leaves()))
                given_up.append(number)
            image = pipeline.swap(target, source).image
            waits.append(time.perf_counter() - begun)
        return image

    with ThreadPoolExecutor(USERS) as pool:
        together = list(pool.map(visit, range(USERS), timeout=300))
    assert given_up and threading.active_count() == threads_before
    for number in range(USERS):
        difference = np.abs(together[number].astype(int) - alone[number])
        assert difference.max() <= 1, f"user {number} got another picture than alone"
    # Two rounds and about two fifths more for those who left: nobody waits longer than all the work takes in a row,
    # with room for other programs on the machine.
    assert max(waits) < 6 * alone_s
    assert_own_identity(pipeline, together, people)


def assert_own_identity(pipeline: Pipeline, results: list[np.ndarray], people: list[np.ndarray]) -> None:
    """Each result resembles the result of its own source alone more than it resembles any other user's."""
    encoder = load_identity_encoder("cpu")

    def embeddings(images: list[np.ndarray]) -> np.ndarray:
        return encoder.embed([align_face(i, pipeline.detect(i)[0], CropSpec()).image for i in images])

    swapped, sources = embeddings(results), embeddings(people)
    cosines = (swapped - swapped.mean(0)) @ (sources - sources.mean(0)).T
    own = np.diag(cosines)
    others = cosines[~np.eye(len(own), dtype=bool)]
    assert own.mean() > others.mean() + 3 * others.std() / np.sqrt(len(own))
    assert (cosines.argmax(1) == np.arange(len(own))).mean() > 0.5  # chance is 1 in 32


def test_sources_stay_as_they_were_made(pipeline: Pipeline, people: list[np.ndarray], astronaut: np.ndarray) -> None:
    source: Source = pipeline.prepare_source([people[0]])
    first = pipeline.swap(astronaut, source).image
    for other in people[1:4]:
        pipeline.swap(astronaut, pipeline.prepare_source([other]))
    assert np.array_equal(pipeline.swap(astronaut, source).image, first)


IMPORTS = """
import sys
opened = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        place = arguments[1] if event == "socket.connect" or event == "socket.sendto" else arguments[0]
        host = place[0] if isinstance(place, tuple) else place
        if host in ("127.0.0.1", "localhost", "0.0.0.0", None) and {local}:
            return
        opened.append((event, str(arguments)[:200]))
        raise OSError("no network here")
sys.addaudithook(watch)
import mobilefaceswap_core, mobilefaceswap_core.pipeline, mobilefaceswap_core.video, mobilefaceswap_core.marking
import mobilefaceswap_core.cli.app, mobilefaceswap_core.training
import eval, eval.run, eval.cli
{start}
print("connections:", opened)
"""
DEMO = """
import os, pathlib, tempfile
import numpy as np, skimage.data
from demo.build import build_demo, launch_options
from demo.work.engine import Engine
from demo.settings import Settings
from mobilefaceswap_core.files.images import write_image
engine = Engine(Settings(model="student", detector="lite"))
page, words = build_demo(engine.settings, engine)
page.launch(**launch_options(engine.settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
face = write_image(pathlib.Path(tempfile.gettempdir()) / "face.png", np.ascontiguousarray(skimage.data.astronaut()[:224, 112:336]))
assert engine.swap_photo([face], face).faces_swapped == 1
page.close()
# ONNX Runtime's telemetry is native code, which no hook of Python sees; it keeps the number of its session in this file.
assert not (pathlib.Path(tempfile.gettempdir()) / ".ses").exists()
"""


@pytest.mark.parametrize("start", ["", DEMO], ids=["import of everything", "start of the page and a swap"])
def test_no_connection_is_tried_at_import_or_start(start: str, tmp_path: Path) -> None:
    if start:
        pytest.importorskip("gradio")
    code = IMPORTS.replace("{start}", start).replace("{local}", str(bool(start)))
    places = dict.fromkeys(("MOBILEFACESWAP_CONFIG", "MOBILEFACESWAP_HOME", "TMPDIR", "GRADIO_TEMP_DIR"), str(tmp_path))
    done = run_limited(code, memory_mb=16_000, cpu_s=60, **places)
    assert done.stdout.strip().endswith("connections: []"), done.stdout[-500:] + done.stderr[-800:]


def test_onnx_runtime_is_told_to_send_nothing_before_it_is_loaded() -> None:
    code = (
        "import mobilefaceswap_core, os, sys; print(os.environ['ORT_DISABLE_TELEMETRY'], 'onnxruntime' in sys.modules)"
    )
    assert run_limited(code, memory_mb=4000).stdout.split() == ["1", "False"]
