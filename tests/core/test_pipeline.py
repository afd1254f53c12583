"""The pipeline with a real detector and small swappers whose results can be told apart by colour."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from mobilefaceswap_core.blend.occlusion import OcclusionModel
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import ImageError, NoFaceError, OptionError, SwapError, WeightsError
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.marking import UNMARKED
from mobilefaceswap_core.models import available_swappers, entries, load_swapper
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline, Source
from mobilefaceswap_core.swapper import Swapper, SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop


class Paint:
    """Paints a disc in the mean colour of the source's crop."""

    info = SwapperInfo("paint", "a disc of colour", CropSpec(), "none", "this test", match_colours=False)

    def condition(self, sources):
        return np.mean([source.image.mean((0, 1)) for source in sources], 0)

    def swap(self, targets: list[AlignedFace], conditions) -> list[SwappedCrop]:
        y, x = np.mgrid[0:224, 0:224] - 112
        mask = (np.hypot(x, y) < 80).astype(np.float32)
        colours = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        return [SwappedCrop(np.broadcast_to(c, (224, 224, 3)).astype(np.uint8), mask) for c in colours]


# A painted disc shows whole: what hides a real face has tests of its own.
NOTHING_HIDES = OcclusionModel(lambda x: np.zeros_like(x[:, :1]), label="none")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(Paint(), load_detector("lite"), occlusion=NOTHING_HIDES)


@pytest.fixture(scope="module")
def source(pipeline, astronaut):
    return pipeline.prepare_source([astronaut])


def changed(before: np.ndarray, after: np.ndarray, box: np.ndarray) -> bool:
    left, top, right, bottom = np.maximum(box, 0).astype(int)
    return bool((before[top:bottom, left:right] != after[top:bottom, left:right]).any())


def test_all_six_faces_of_the_group_are_found_left_to_right_and_swapped(pipeline, source, group) -> None:
    result = pipeline.swap(group, source)
    assert (result.report.faces_found, result.report.faces_swapped) == (6, 6)
    assert all(changed(group, result.image, face.box) for face in result.faces)
    centres = [face.box[[0, 2]].mean() for face in result.faces]
    assert centres == sorted(centres)


@pytest.mark.parametrize(("choice", "expected"), [(2, {2}), ([0, 5], {0, 5}), ("largest", None)])
def test_only_the_chosen_faces_change(pipeline, source, group, choice, expected) -> None:
    result = pipeline.swap(group, source, faces=choice)
    if expected is None:
        expected = {int(np.argmax([face.size_px for face in result.faces]))}
    assert set(result.crops_from_frame) == expected
    five = [face.five[2].round().astype(int) for face in result.faces]
    for number, (x, y) in enumerate(five):
        assert (result.image[y, x] != group[y, x]).any() == (number in expected)


def test_a_mapping_gives_each_face_its_own_source(pipeline, source, group) -> None:
    other = pipeline.prepare_source([group], face=3)
    result = pipeline.swap(group, {0: source, 3: other}, options=SwapOptions(marks=UNMARKED))
    for number, expected in ((0, source), (3, other)):
        x, y = result.faces[number].five[2].round().astype(int)
        assert np.abs(result.image[y, x] - expected.condition).max() <= 1


def test_a_target_without_a_face_comes_back_unchanged_and_counted(pipeline, source) -> None:
    blank = np.full((300, 400, 3), 128, np.uint8)
    result = pipeline.swap(blank, source)
    assert (result.image == blank).all() and result.report.faces_found == result.report.faces_swapped == 0


def test_a_source_without_a_face_is_refused_with_the_photo_named(pipeline, astronaut) -> None:
    blank = np.full((300, 400, 3), 128, np.uint8)
    with pytest.raises(NoFaceError, match=r"source photo 2 \(400 x 300 px\)"):
        pipeline.prepare_source([astronaut, blank])
    with pytest.raises(NoFaceError, match=r"Face 5 was asked for .* shows 1 "):
        pipeline.prepare_source([astronaut], face=4)
    with pytest.raises(OptionError, match="at least one"):
        pipeline.prepare_source([])


def test_a_face_number_that_is_not_there_is_refused(pipeline, source, group) -> None:
    with pytest.raises(OptionError, match="Face 7 was chosen, but the target shows 6"):
        pipeline.swap(group, source, faces=6)


@pytest.mark.parametrize(
    "bad", [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 3), np.float32), np.zeros((0, 5, 3), np.uint8), "photo.jpg"]
)
def test_anything_but_an_rgb_uint8_image_is_refused(pipeline, source, bad) -> None:
    with pytest.raises(ImageError):
        pipeline.swap(bad, source)


def test_faces_below_the_smallest_size_are_left_alone_and_named(pipeline, source, group) -> None:
    result = pipeline.swap(group, source, options=SwapOptions(min_face_px=10_000))
    assert (result.image == group).all()
    assert result.report.faces_swapped == 0 and set(result.report.skipped.values()) == {"smaller than 10000 px"}


def test_a_face_that_somebody_draws_a_box_around_has_the_landmarks_of_one_that_is_found(pipeline, group) -> None:
    found = pipeline.detect(group)[2]
    left, top, right, bottom = found.box
    for box in ((left, top, right, bottom), (right, bottom, left, top)):
        drawn = pipeline.face_in_box(group, box)
        assert drawn.score == 0 and drawn.landmarks is not None
        assert np.abs(drawn.five - found.five).max() < 0.1 * found.size_px


@pytest.mark.parametrize(
    "box", [(10, 10, 20, 200), (-50, -50, 5, 5), (5000, 5000, 6000, 6000), (float("nan"), 0, 90, 90)]
)
def test_a_box_without_room_for_a_face_is_refused(pipeline, group, box) -> None:
    with pytest.raises(OptionError, match="around a face"):
        pipeline.face_in_box(group, box)


def test_a_source_of_another_model_is_refused(pipeline, source, group) -> None:
    other = Paint()
    other.info = SwapperInfo("other", "", CropSpec(), "", "")
    with pytest.raises(OptionError, match="prepared for 'paint', this pipeline runs 'other'"):
        Pipeline(other, pipeline.detector).swap(group, source)


def test_each_crop_knows_whether_its_sources_eyes_are_blue(pipeline, astronaut, group, monkeypatch) -> None:
    measured = iter([0.0, 0.5, 1.0])
    monkeypatch.setattr("mobilefaceswap_core.pipeline.blueness_of_eyes", lambda image, landmarks: next(measured))
    brown, mixed = pipeline.prepare_source([astronaut]), pipeline.prepare_source([astronaut, astronaut])
    assert (brown.blue_eyes, mixed.blue_eyes) == (0.0, 0.75)
    targets = [pipeline.align(group, face) for face in pipeline.detect(group)[:2]]
    assert [crop.blue_eyes for crop in pipeline.swap_aligned(targets, [mixed, brown])] == [0.75, 0.0]
    assert (
        pipeline.finish(targets[0], pipeline.swap_aligned(targets[:1], [brown])[0], options=SwapOptions()).blue_eyes
        == 0
    )


def test_the_eyes_of_a_person_in_a_file_are_known_without_a_photo(pipeline, group, monkeypatch) -> None:
    """A source that was not made of photos says 1, which is no knowledge."""
    inside = Source(np.array([1, 2, 3]), (), "paint")
    draw = pipeline.swapper.swap
    monkeypatch.setattr(
        pipeline.swapper, "swap", lambda *given: [replace(crop, blue_eyes=0.25) for crop in draw(*given)]
    )
    target = pipeline.align(group, pipeline.detect(group)[0])
    assert [crop.blue_eyes for crop in pipeline.swap_aligned([target], [inside])] == [0.25]


def test_the_mark_goes_into_each_swapped_crop_with_its_weight_and_its_side_in_the_frame(
    pipeline, source, group, monkeypatch
) -> None:
    seen, sides = [], []

    def mark(crop, weight, side_px, **named):
        seen.append((crop.shape, weight.shape, named))
        sides.append(side_px)
        return 255 - crop

    monkeypatch.setattr("mobilefaceswap_core.marking.stage.mark_crop", mark)
    plain = pipeline.swap(group, source, faces=1, options=SwapOptions(marks=UNMARKED)).image
    assert seen == []
    result = pipeline.swap(group, source, faces=1)
    marked, matrix = result.image, align_face(group, result.faces[1], CropSpec()).crop_from_frame
    assert seen == [((224, 224, 3), (224, 224), {"model": "paint", "moving": False})]
    assert sides == [pytest.approx(224 / np.hypot(*matrix[:, 0]))]
    assert (plain != marked).any()


def test_the_target_is_never_written_to(pipeline, source, group) -> None:
    before = group.copy()
    pipeline.swap(group, source)
    assert (group == before).all()


def test_two_visitors_in_threads_get_their_own_source(pipeline, source, astronaut, group) -> None:
    other = pipeline.prepare_source([group], face=5)
    expected = [pipeline.swap(astronaut, s).image for s in (source, other)]
    assert (expected[0] != expected[1]).any()
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda i: pipeline.swap(astronaut, (source, other)[i % 2]).image, range(10)))
    assert all((image == expected[i % 2]).all() for i, image in enumerate(images))


@pytest.mark.parametrize("name", ["student", "graphics"])
def test_shipped_models_change_the_face_and_nothing_else(name, astronaut, group) -> None:
    real = Pipeline(load_swapper(name, device="cpu", threads=1), load_detector("lite"))
    assert isinstance(real.swapper, Swapper)
    result = real.swap(astronaut, real.prepare_source([group], face=2))
    face = result.faces[0]
    left, top, right, bottom = face.box
    grow = 0.6 * face.size_px
    outside = np.ones(astronaut.shape[:2], bool)
    outside[max(0, int(top - grow)) : int(bottom + grow), max(0, int(left - grow)) : int(right + grow)] = False
    assert (result.image[outside] == astronaut[outside]).all()
    inner = slice(int(top), int(bottom)), slice(int(left), int(right))
    assert np.abs(result.image[inner].astype(int) - astronaut[inner]).mean() > 3


def test_averaging_photos_of_one_person_stays_close_to_each(astronaut) -> None:
    student = Pipeline(load_swapper("student", device="cpu", threads=1), load_detector("lite"))
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    one, two = (student.prepare_source([photo]).condition.embedding for photo in (astronaut, mirrored))
    both = student.prepare_source([astronaut, mirrored]).condition.embedding
    assert np.isclose(np.linalg.norm(both), 1, atol=1e-5)
    assert min(both @ one, both @ two) >= one @ two - 1e-6


def test_models_are_listed_and_unknown_ones_refused() -> None:
    assert {"student", "teacher", "graphics"} <= set(available_swappers())
    with pytest.raises(OptionError, match="known are"):
        load_swapper("deepfacelab")


def test_a_model_whose_files_are_missing_says_how_to_get_them(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path))
    assert not entries()["official"].present
    with pytest.raises(WeightsError, match="convert"):
        load_swapper("official", device="cpu")


@pytest.mark.parametrize("content", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", b"\xff" * 100])
def test_a_foreign_weights_file_is_refused(content, tmp_path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(content)
    with pytest.raises(SwapError):
        load_swapper(str(path), device="cpu")


def test_the_faces_of_a_group_are_the_same_finished_side_by_side_or_one_after_another(
    pipeline, astronaut, group
) -> None:
    source = pipeline.prepare_source([astronaut])
    found = pipeline.detect(group)
    several = Pipeline(pipeline.swapper, pipeline.detector, occlusion=NOTHING_HIDES, threads=3)
    one, side_by_side = (own.swap(group, source, found=found) for own in (pipeline, several))
    assert one.report.faces_swapped >= 5
    np.testing.assert_array_equal(side_by_side.image, one.image)
    assert list(side_by_side.seconds) == list(one.seconds) and min(side_by_side.seconds.values()) >= 0
