"""Budgets of the page: what a file really holds counts, not what it says, and everything costly is counted."""

from __future__ import annotations

import io
import threading
import zipfile
from itertools import count
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from demo.settings import Settings
from demo.work.budgets import budget_of
from demo.work.clips import check_clip, clip_facts, people_of, swap_clip
from demo.work.evaluate import evaluate, unpack
from demo.work.verify import verify
from mobilefaceswap_core.errors import BudgetError, VideoError
from tests.fakes.painted import GREY, painted_engine, squares

RED = (200, 30, 30)


class Colours:
    """An encoder that embeds a crop as its colour."""

    class contract:
        from mobilefaceswap_core.types import CropSpec

        crop = CropSpec(112)

    def embed(self, crops: list[np.ndarray]) -> np.ndarray:
        vectors = np.zeros((len(crops), 512), np.float32)
        vectors[:, :3] = [crop.mean((0, 1)) for crop in crops]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def liar(tmp_path: Path) -> Path:
    """12 seconds of 10 pictures a second in a Matroska file that says 1 second."""
    path = tmp_path / "liar.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"g": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(120):
            output.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), format="rgb24"))
            )
        output.mux(stream.encode())
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88")  # Duration, 8 bytes, in milliseconds
    data[at + 3 : at + 11] = np.array(1000.0, ">f8").tobytes()
    tag = data.find(b"00:00:12")
    if tag >= 0:
        data[tag : tag + 8] = b"00:00:01"
    path.write_bytes(bytes(data))
    with av.open(str(path)) as container:
        assert container.duration == 1_000_000
    return path


def test_a_clip_that_says_less_than_it_holds_is_refused_before_it_is_decoded(liar: Path) -> None:
    facts = clip_facts(liar)
    assert facts.seconds == pytest.approx(11.9, abs=0.2) and facts.pictures == 120
    with pytest.raises(VideoError, match="at most 3"):
        check_clip(liar, Settings(max_video_seconds=3))


def test_a_job_ends_where_the_clip_is_longer_than_it_may_be(liar: Path, tmp_path: Path) -> None:
    engine = painted_engine(max_video_seconds=3)
    engine._encoder = Colours()  # type: ignore[assignment]
    with pytest.raises(BudgetError, match=r"longer than 3\.5 seconds"):
        people_of(engine, liar)
    with pytest.raises(BudgetError, match=r"longer than 3\.5 seconds"):
        for _ in swap_clip(engine, [squares(tmp_path / "s.png", RED)], liar):
            pass


def test_a_job_ends_when_its_time_is_over(liar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = painted_engine(max_job_seconds=1)
    monkeypatch.setattr("mobilefaceswap_core.runtime.budget.Budget.begin.__kwdefaults__", {"clock": count().__next__})
    with pytest.raises(BudgetError, match="was stopped; one job may take 1"):
        for _ in swap_clip(engine, [squares(tmp_path / "s.png", RED)], liar):
            pass
    with pytest.raises(BudgetError, match="was stopped"):
        verify(engine, squares(tmp_path / "t.png", GREY, GREY, GREY))


def test_a_crowd_costs_what_a_group_does(tmp_path: Path) -> None:
    engine = painted_engine(max_faces=2)
    crowd = squares(tmp_path / "t.png", *[GREY] * 5)
    done = engine.swap_photo([squares(tmp_path / "s.png", RED)], crowd)
    assert (done.faces_found, done.faces_swapped) == (5, 2) and "2 largest" in done.skipped[3]
    found = verify(engine, crowd).watermark
    assert (found.faces, found.faces_left) == (2, 3)


def test_one_person_on_many_faces_is_prepared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = painted_engine()
    source = squares(tmp_path / "s.png", RED)
    calls = []
    prepare = type(engine).prepare
    monkeypatch.setattr(type(engine), "prepare", lambda *a, **k: calls.append(a) or prepare(*a, **k))
    done = engine.swap_photo({number: [source] for number in range(4)}, squares(tmp_path / "t.png", *[GREY] * 4))
    assert done.faces_swapped == 4 and len(calls) == 1


def test_every_limit_comes_from_a_setting() -> None:
    budget = budget_of(Settings.from_environment({"MFS_MAX_FACES": "7", "MFS_MAX_JOB_SECONDS": "9"}))
    assert (budget.faces, budget.seconds, budget.frame_pixels) == (7, 9, 2_100_000)


def test_a_set_of_one_bit_pictures_is_measured_before_it_is_decoded(tmp_path: Path) -> None:
    """20 million pixels a picture in 2.5 kB of file."""
    stream = io.BytesIO()
    PillowImage.new("1", (5000, 4000)).save(stream, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.png", stream.getvalue())
    seen: list[np.ndarray] = []
    with pytest.raises(BudgetError, match="at most 100000000 are taken"):
        unpack(tmp_path / "a.zip", tmp_path / "out", Settings(max_set_megapixels=100), check=seen.append)
    assert seen == []
    assert unpack(tmp_path / "a.zip", tmp_path / "again", Settings(max_set_megapixels=120), check=seen.append) == "flat"
    assert len(seen) == 6


def test_an_evaluation_ends_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobilefaceswap_core.runtime.budget.Budget.begin.__kwdefaults__", {"clock": count().__next__})
    steps = evaluate(tmp_path / "run", dataset="builtin", root=None, methods=["graphics"], pairs=2,
                     settings=Settings(max_evaluation_seconds=1), stop=threading.Event())  # fmt: skip
    with pytest.raises(BudgetError, match="was stopped"):
        for _ in steps:
            pass
