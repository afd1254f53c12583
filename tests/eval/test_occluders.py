"""Things drawn over targets: seeded, pure, kept in the run, and read by methods and judges alike; the error's laws."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from eval.datasets import DatasetRequest, build_dataset
from eval.face_region import face_region, find_faces, largest_face
from eval.images import MASK, TARGET, ImageReader, read_image, write_png
from eval.metrics import NoReferenceError
from eval.metrics.occluder_error import occluder_error
from eval.occluders import choose_drawing, draw, draw_occluders, seed_of
from eval.options import RunOptions
from eval.records import read_records
from eval.run import judge_stage, prepare, render, summary_of, swap_stage
from eval.run_files import made_folder_of
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import ImageError, OptionError

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (40, 50, 3), dtype=np.uint8)
HIDDEN = np.zeros((40, 50), np.float32)
HIDDEN[10:20, 5:30] = 1


def test_no_swap_has_error_0_and_paint_that_of_the_paint() -> None:
    assert occluder_error(IMAGE, IMAGE, HIDDEN) == 0
    paint = np.full_like(IMAGE, 128)
    assert occluder_error(paint, IMAGE, HIDDEN) == pytest.approx(np.abs(128.0 - IMAGE[10:20, 5:30]).mean())


def test_only_what_is_at_least_half_hidden_counts_and_all_of_it_alike() -> None:
    changed = IMAGE.copy()
    changed[:10] = 255 - changed[:10]
    veil = HIDDEN.copy()
    veil[:10] = 0.45
    assert occluder_error(changed, IMAGE, veil) == 0
    black, white = np.zeros_like(IMAGE), np.full_like(IMAGE, 255)
    assert occluder_error(black, white, HIDDEN) == occluder_error(black, white, HIDDEN * 0.6) == 255


def test_the_error_is_symmetric_and_bounded() -> None:
    other = RANDOM.integers(0, 256, IMAGE.shape, dtype=np.uint8)
    assert 0 < occluder_error(IMAGE, other, HIDDEN) == occluder_error(other, IMAGE, HIDDEN) < 255


@pytest.mark.parametrize(
    ("swapped", "hidden", "said"),
    [
        (IMAGE[:-1], HIDDEN, "differ in size"),
        (IMAGE.astype(float), HIDDEN, "wanted uint8"),
        (IMAGE, HIDDEN[:-1], "mask is"),
        (IMAGE, HIDDEN * 2, "reaches from"),
    ],
)
def test_what_does_not_fit_is_refused(swapped, hidden, said) -> None:
    with pytest.raises(OptionError, match=said):
        occluder_error(swapped, IMAGE, hidden)


def test_a_veil_alone_is_no_reference() -> None:
    with pytest.raises(NoReferenceError, match="by half"):
        occluder_error(IMAGE, IMAGE, HIDDEN * 0.4)


@pytest.fixture(scope="module")
def portrait(astronaut):
    face = largest_face(find_faces(load_detector("dlib"), astronaut))
    assert face is not None and face.landmarks is not None
    return astronaut, face.landmarks


def test_a_drawing_is_the_same_whenever_it_is_drawn_and_another_for_another_seed_or_name(portrait) -> None:
    image, landmarks = portrait
    before = image.copy()

    def drawn(seed: int, name: str) -> np.ndarray:
        drawing = choose_drawing(image, landmarks, seed_of(seed, name), image)
        assert drawing is not None
        return draw(image, landmarks, drawing, image).image

    first = drawn(7, "a.png")
    assert np.array_equal(first, drawn(7, "a.png")) and np.array_equal(image, before)
    assert not np.array_equal(first, drawn(8, "a.png")) and not np.array_equal(first, drawn(7, "b.png"))


def test_what_is_hidden_changed_what_lies_far_away_did_not_and_a_fair_part_is_hidden(portrait) -> None:
    image, landmarks = portrait
    region = face_region(landmarks, *image.shape[:2])
    left, top, right, bottom = *landmarks.min(0), *landmarks.max(0)
    margin = (right - left) * 1.2
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    far = (x < left - margin) | (x > right + margin) | (y < top - margin) | (y > bottom + margin)
    assert far.any()
    for name in ("a", "b", "c", "d"):
        drawing = choose_drawing(image, landmarks, seed_of(7, name), image)
        assert drawing is not None
        made = draw(image, landmarks, drawing, image)
        assert np.array_equal(made.image[far], image[far])
        assert made.hidden.dtype == np.float32 and 0 <= made.hidden.min() < made.hidden.max() <= 1
        assert not made.hidden[region == 0].any() and 0.04 <= made.hidden.sum() / region.sum() <= 0.45
        opaque = made.hidden > 0.95
        assert (made.image[opaque] != image[opaque]).any(1).mean() > 0.8


def test_frames_of_a_clip_get_the_same_things(tmp_path) -> None:
    data = build_dataset("builtin-clips", DatasetRequest(tmp_path / "in", count=3, frames=3))
    folder = tmp_path / "drawn"
    count, problems = draw_occluders(folder, data, 7, detector=load_detector("dlib"), say=lambda text: None)
    assert count == 3 and not problems
    reader = ImageReader(data.root, drawn=folder)
    masks = [reader.occluder(pair.target) for pair in data.pairs]
    shares = [float(mask.mean()) for mask in masks if mask is not None]
    assert len(shares) == 3 and max(shares) < 1.25 * min(shares)


def test_a_target_without_a_face_is_left_as_it_is_and_said(tmp_path) -> None:
    data = build_dataset("builtin", DatasetRequest(tmp_path / "in", count=2))
    grey = data.pairs[0].target
    write_png(tmp_path / "in" / grey, np.full((64, 64, 3), 128, np.uint8))
    folder = tmp_path / "drawn"
    count, problems = draw_occluders(folder, data, 7, detector=load_detector("lite"), say=lambda text: None)
    assert count == 1 and problems == [f"{grey}: shows no face; nothing was drawn on it"]
    reader = ImageReader(data.root, drawn=folder)
    assert reader.occluder(grey) is None and np.array_equal(reader.read_target(grey), reader.read(grey))


def test_no_two_targets_share_a_place_and_none_lies_outside(tmp_path) -> None:
    reader = ImageReader(tmp_path / "in", drawn=tmp_path / "drawn")
    names = ["a.png", "a.png#1", "a.png#2", "b/a.png", "a.png/1", "a_1.png", TARGET]
    places = {reader.drawn_at(name) for name in names}
    assert len(places) == len(names) and all(p.is_relative_to(tmp_path / "drawn") for p in places)
    for name in ("../a.png", "/etc/a.png"):
        with pytest.raises(ImageError, match="no such target"):
            reader.drawn_at(name)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four pairs with occluders: no swap, a swapper that does nothing, one that wipes the face, and paint everywhere."""
    folder = tmp_path_factory.mktemp("occluded")
    for pair in build_dataset("builtin", DatasetRequest(folder / "in", count=4)).pairs:
        target = read_image(folder / "in" / pair.target)
        write_png(folder / "paint" / f"{pair.name}.png", np.full_like(target, 200))
    options = RunOptions(
        dataset="builtin", detector="lite", judge_detector="lite", pairs=4, judges=("dlib",), occluders=7,
        methods=(
            "target", "nothing=tests.fakes.fake_swappers:nothing", "grey=tests.fakes.fake_swappers:grey",
            f"paint={folder / 'paint'}",
        ),
    )  # fmt: skip
    out = folder / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        prepare(out, options, resume=False, say=lambda text: None)
        swap_stage(out, options)
        judge_stage(out, options)
    return out, options


def test_who_changes_nothing_has_error_0_and_who_paints_has_that_of_the_paint(run) -> None:
    out, _ = run
    summary = summary_of(out)
    for method in ("target", "nothing"):
        cell = summary.cell(method, "occluder_error")
        assert cell["mean"] == 0 and cell["n"] == 4
    folder, rows = made_folder_of(out), list(csv.DictReader((out / "pairs.csv").open()))
    assert folder is not None
    wanted = []
    for row in rows:
        inside = read_image(folder / row["target"] / MASK)[..., 0] >= 128
        wanted.append(np.abs(200.0 - read_image(folder / row["target"] / TARGET)[inside]).mean())
    assert summary.cell("paint", "occluder_error")["mean"] == pytest.approx(np.mean(wanted))
    # The pipeline keeps what hides a face, whatever a swapper draws; only its soft edges change.
    assert 0 < summary.cell("grey", "occluder_error")["mean"] < 5


def test_an_image_without_a_face_is_measured_too(run) -> None:
    out, _ = run
    records = [r for r in read_records(out / "records.jsonl") if r["method"] == "paint"]
    assert all(r["status"] == "no face" and "occluder_error" in r["values"] for r in records)


def test_the_table_says_what_was_drawn_and_the_pairs_are_those_of_a_run_without(run, tmp_path) -> None:
    out, options = run
    render(out)
    table = (out / "table.md").read_text(encoding="utf-8")
    assert "occluder error (levels) ↓" in table and "occluders of seed 7 on 4 targets" in table
    plain = RunOptions(**{k: getattr(options, k) for k in options.__dataclass_fields__ if k != "occluders"})
    prepare(tmp_path / "run", plain, resume=False, say=lambda text: None)
    assert (tmp_path / "run" / "pairs.csv").read_bytes() == (out / "pairs.csv").read_bytes()
    assert made_folder_of(tmp_path / "run") is None


def test_a_run_goes_on_only_with_its_seed_and_all_it_drew(run, tmp_path) -> None:
    out, options = run
    other = RunOptions(**{**{k: getattr(options, k) for k in options.__dataclass_fields__}, "occluders": 8})
    with pytest.raises(OptionError, match="begun with occluders = 7"):
        prepare(out, other, resume=True, say=lambda text: None)
    shutil.copytree(out, tmp_path / "run")
    prepare(tmp_path / "run", options, resume=True, say=lambda text: None)
    folder = made_folder_of(tmp_path / "run")
    assert folder is not None
    next(folder.rglob(TARGET)).unlink()
    with pytest.raises(OptionError, match="holds 3 made targets, the run began with 4"):
        prepare(tmp_path / "run", options, resume=True, say=lambda text: None)


def test_what_a_stopped_run_left_is_drawn_again(run, tmp_path) -> None:
    out, options = run
    again = tmp_path / "run"
    left = again / "occluded" / "7" / "gone.png" / TARGET
    write_png(left, IMAGE)
    prepare(again, options, resume=False, say=lambda text: None)
    first, second = made_folder_of(out), made_folder_of(again)
    assert first is not None and second is not None and not left.exists()
    files = sorted(p.relative_to(first) for p in first.rglob("*.png") if p.is_file())
    assert len(files) == 8 and all((first / p).read_bytes() == (second / p).read_bytes() for p in files)
