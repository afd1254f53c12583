"""What ``mobilefaceswap_core`` itself offers, used as the README uses it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

import mobilefaceswap_core
from mobilefaceswap_core import UNMARKED, Pipeline, SwapOptions, read_image, verify_file
from mobilefaceswap_core.marking.metadata import read_metadata

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load("student", "lite", "cpu", threads=1)


def test_every_public_name_is_there_and_no_other_is() -> None:
    for name in mobilefaceswap_core.__all__:
        assert getattr(mobilefaceswap_core, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Swapping'"):
        _ = mobilefaceswap_core.Swapping


def test_the_snippet_of_the_readme_writes_a_result_with_every_mark(tmp_path, monkeypatch, astronaut, group) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    PillowImage.fromarray(astronaut).save(tmp_path / "me.jpg")
    PillowImage.fromarray(group).save(tmp_path / "group.jpg")
    monkeypatch.chdir(tmp_path)
    exec(snippet, {})
    report = verify_file("out.png")
    assert report.marked and report.watermark.found and report.metadata


def test_the_statement_stands_in_a_still_once(tmp_path, pipeline, astronaut, group) -> None:
    result = pipeline.swap(astronaut, pipeline.prepare_source([group], face=2))
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        saved = result.save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        assert data.count(b"<x:xmpmeta") == 1, name
        assert read_metadata(tmp_path / name)["model"] == "student"
        assert saved.applied[:2] == ("watermark", "metadata"), name
    bare = result.save(tmp_path / "a.bmp")
    assert "metadata" not in bare.applied and "no place" in bare.left_out["metadata"]


def test_unmarked_pixels_are_asked_for_by_name(tmp_path, pipeline, astronaut, group) -> None:
    source = pipeline.prepare_source([group], face=2)
    plain = pipeline.swap(astronaut, source, options=SwapOptions(marks=UNMARKED))
    assert (plain.image != pipeline.swap(astronaut, source).image).any()
    assert plain.save(tmp_path / "plain.png").applied == ()
    assert not verify_file(tmp_path / "plain.png").marked


def test_a_target_without_a_face_is_saved_as_it_was_and_carries_no_mark(tmp_path, pipeline, group) -> None:
    blank = np.full((200, 300, 3), 128, np.uint8)
    result = pipeline.swap(blank, pipeline.prepare_source([group], face=2))
    assert result.save(tmp_path / "blank.png").applied == ()
    assert (read_image(tmp_path / "blank.png").image == blank).all()


def test_one_call_sets_a_pipeline_up_for_clips(monkeypatch) -> None:
    from mobilefaceswap_core import pipeline as module

    seen = {}
    monkeypatch.setattr(module, "load_swapper", lambda name, **asked: seen.update(asked))
    monkeypatch.setattr(module, "load_detector", lambda name, **asked: seen.update(detector=asked))
    monkeypatch.setattr(module, "stage_threads", lambda: 3)
    Pipeline.load(video=True)
    assert seen["threads"] == 3 and seen["detector"]["fast"]
    Pipeline.load(video=True, threads=7)
    assert seen["threads"] == 7
    Pipeline.load()
    assert seen["threads"] is None and not seen["detector"]["fast"]


class Counting:
    """A detector that counts how often it searches."""

    def __init__(self, inner) -> None:
        self.inner, self.info, self.searches = inner, inner.info, 0

    def detect(self, image):
        self.searches += 1
        return self.inner.detect(image)

    def landmarks(self, image, face):
        return self.inner.landmarks(image, face)


def test_a_photo_is_searched_once_whoever_else_wants_its_faces(pipeline, astronaut, group) -> None:
    counting = Counting(pipeline.detector)
    own = Pipeline(pipeline.swapper, counting)
    found = own.detect(astronaut)
    checked = []
    source = own.prepare_source([group], face=2, check=lambda images, faces: checked.extend(faces))
    assert counting.searches == 2 and len(checked) == 1
    known = own.swap(astronaut, source, found=found)
    assert counting.searches == 2
    assert (known.image == own.swap(astronaut, source).image).all()


def test_a_result_says_what_each_stage_took(pipeline, astronaut, group) -> None:
    seconds = pipeline.swap(astronaut, pipeline.prepare_source([group], face=2)).seconds
    face = [
        "colour",
        "detail",
        "folds",
        "mask",
        "beard",
        "brows",
        "native",
        "pupils",
        "lids",
        "mouth",
        "occlusion",
        "sharpen",
        "texture",
        "mark",
    ]
    assert list(seconds) == ["detect", "swap", *face, "paste"]
    assert all(value >= 0 for value in seconds.values())
