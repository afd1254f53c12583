"""The engine: who goes on which face, limits, the block list, marks, and results that are deleted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from demo.examples.pairs import ASTRONAUT
from demo.settings import Settings
from demo.work import engine as engine_module
from demo.work.engine import output_folder
from demo.work.zerogpu import ZERO_GPU
from mobilefaceswap_core.errors import ImageError, NoFaceError, OptionError, RefusedError
from mobilefaceswap_core.marking.metadata import read_metadata
from tests.fakes.foreign import write_published
from tests.fakes.painted import GREY, SIDE, colour_of, is_near, painted_engine, squares

RED, BLUE = (200, 30, 30), (30, 30, 200)


def test_one_source_goes_on_every_face(tmp_path: Path) -> None:
    done = painted_engine().swap_photo([squares(tmp_path / "s.png", RED)], squares(tmp_path / "t.png", GREY, GREY))
    assert (done.faces_found, done.faces_swapped) == (2, 2)
    assert all(is_near(colour_of(done.image, square), RED) for square in (0, 1))


def test_each_face_gets_the_source_that_was_chosen_for_it(tmp_path: Path) -> None:
    red, blue = squares(tmp_path / "r.png", RED), squares(tmp_path / "b.png", BLUE)
    target = squares(tmp_path / "t.png", GREY, GREY, GREY)
    done = painted_engine().swap_photo({0: [blue], 2: [red]}, target)
    seen = [colour_of(done.image, square) for square in range(3)]
    assert is_near(seen[0], BLUE) and is_near(seen[1], GREY, 0) and is_near(seen[2], RED)


def test_the_result_is_a_marked_png_of_the_targets_size(tmp_path: Path) -> None:
    done = painted_engine().swap_photo([squares(tmp_path / "s.png", RED)], squares(tmp_path / "t.png", GREY))
    with PillowImage.open(done.path) as written:
        assert (written.format, written.size) == ("PNG", (SIDE, SIDE))
        assert np.array_equal(np.asarray(written.convert("RGB")), done.image)
    assert read_metadata(done.path)["source_type"].endswith("compositeWithTrainedAlgorithmicMedia")


def test_a_target_without_a_face_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    before = set(output_folder().iterdir())
    with pytest.raises(NoFaceError, match="No face was found in the target"):
        painted_engine().swap_photo([squares(tmp_path / "s.png", RED)], squares(tmp_path / "t.png", (0, 0, 0)))
    assert set(output_folder().iterdir()) == before


def test_a_photo_over_the_limit_is_refused_before_decoding(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    PillowImage.new("1", (2000, 2000)).save(large)
    with pytest.raises(ImageError):
        painted_engine(max_megapixels=1).read(large)


def test_too_many_source_photos_are_refused(tmp_path: Path) -> None:
    photo = squares(tmp_path / "s.png", RED)
    with pytest.raises(OptionError, match="at most 2"):
        painted_engine(max_sources=2).prepare("graphics", [photo] * 3)


def test_what_every_swap_needs_is_loaded_before_the_first_visitor_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_module.Engine(Settings())
    engine.warm_up(ASTRONAUT)

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr(engine_module.Pipeline, "load", loaded)
    monkeypatch.setattr("mobilefaceswap_core.runtime.sessions.open_session", loaded)
    assert engine.swap_photo([ASTRONAUT], ASTRONAUT).faces_swapped == 1


@pytest.mark.parametrize("on", ["a model that cannot be loaded", "ZeroGPU"])
def test_warming_up_is_left_where_it_cannot_be_done(on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, asked = engine_module.Engine(Settings()), []

    def refused(*names: object, **_: object) -> None:
        asked.append(names)
        raise OptionError("Not here.")

    monkeypatch.setattr(engine_module.Pipeline, "load", refused)
    if on == "ZeroGPU":
        monkeypatch.setenv(ZERO_GPU, "1")
    engine.warm_up(ASTRONAUT)
    assert len(asked) == (0 if on == "ZeroGPU" else 1)


def test_requests_above_the_rate_wait_and_other_visitors_do_not() -> None:
    engine = painted_engine(per_minute=2)
    engine.admit("a"), engine.admit("a")
    with pytest.raises(OptionError, match="2 requests a minute"):
        engine.admit("a")
    engine.admit("b")


def test_a_protected_person_is_refused_as_source_and_others_are_not(tmp_path: Path) -> None:
    class ColourEncoder:
        """Embeds a crop as its colour, so that identities can be told apart by hand."""

        def embed(self, crops: list[np.ndarray]) -> np.ndarray:
            vectors = np.zeros((len(crops), 512), np.float32)
            vectors[:, :3] = [crop.mean((0, 1)) for crop in crops]
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    listed = tmp_path / "listed"
    listed.mkdir()
    squares(listed / "somebody.png", (0, 0, 250))
    engine = painted_engine(blocklist=str(listed))
    engine._encoder = ColourEncoder()  # type: ignore[assignment]
    with pytest.raises(RefusedError):
        engine.prepare("graphics", [squares(tmp_path / "s.png", (0, 0, 200))])
    assert engine.prepare("graphics", [squares(tmp_path / "o.png", (200, 0, 0))]).condition == (200, 0, 0)


def test_results_are_deleted_after_the_hosts_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "output_folder", lambda: tmp_path)
    engine = painted_engine(keep_minutes=1)
    old, young = engine.new_file("a.png"), engine.new_file("b.png")
    old.write_bytes(b"x"), young.write_bytes(b"x")
    os.utime(old.parent, (time.time() - 61, time.time() - 61))
    engine.new_file("c.png")
    assert not old.exists() and young.exists()


def test_two_results_never_share_a_folder() -> None:
    engine = painted_engine()
    assert engine.new_file("a.png").parent != engine.new_file("a.png").parent


@pytest.mark.parametrize("name", ["os:getcwd", "of_a_visitor:load", "weights.safetensors", "network.onnx"])
def test_a_visitor_names_models_of_the_list_and_neither_code_nor_files(name: str, monkeypatch) -> None:
    def imported(reference: str) -> None:
        raise AssertionError(f"{reference} was imported for a visitor")

    monkeypatch.setattr("mobilefaceswap_core.plugins.load_reference", imported)
    engine = engine_module.Engine(Settings())
    for load in (engine.pipeline, engine.video_pipeline):
        with pytest.raises(OptionError, match="not available here; choose student"):
            load(name)


def test_a_fetched_swapper_of_others_is_offered_and_loaded_by_its_contract(tmp_path: Path, monkeypatch) -> None:
    from demo.work.engine import Engine

    for name in ("HOME", "MOBILEFACESWAP_HOME", "INSIGHTFACE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("MOBILEFACESWAP_MODELS", str(tmp_path / "models"))
    engine = Engine(Settings())
    assert "ghost_1_256" not in engine.model_names()
    write_published(tmp_path / "models", "ghost_1_256", side=256, batch="n")
    assert "ghost_1_256" in engine.model_names()  # what the lists of Photo, Clip, Compare and Evaluate are made of
    assert engine.pipeline("ghost_1_256").swapper.info.crop.template == "arcface_frontal"
