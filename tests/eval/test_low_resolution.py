"""Targets of low resolution: what is lost and what is kept, beside occluders, and a run that says so."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from eval.images import MASK, TARGET, ImageReader, read_image
from eval.low_resolution import lower
from eval.options import RunOptions
from eval.run import prepare
from eval.run_files import made_folder_of, open_reader, read_run
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.geometry import crop_from_frame_matrix, five_from_68, side_in_frame
from mobilefaceswap_core.types import CropSpec

RANDOM = np.random.default_rng(0)
ANGLES = np.linspace(0, 2 * np.pi, 68, endpoint=False)
LANDMARKS = 100 + 40 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)  # of no face, but with a size
PHOTO = cv2.GaussianBlur(RANDOM.integers(0, 256, (200, 240, 3), np.uint8), (0, 0), 1.5)
SIDE = side_in_frame(crop_from_frame_matrix(five_from_68(LANDMARKS), CropSpec(112)), 112)


def lost(side: int) -> float:
    return float(np.abs(lower(PHOTO, LANDMARKS, side).astype(float) - PHOTO).mean())


def test_a_picture_keeps_its_size_and_place_and_loses_more_with_fewer_pixels() -> None:
    before = PHOTO.copy()
    made = lower(PHOTO, LANDMARKS, 32)
    assert made.shape == PHOTO.shape and made.dtype == np.uint8 and np.array_equal(PHOTO, before)
    assert np.array_equal(made, lower(PHOTO, LANDMARKS, 32))
    assert lost(16) > lost(32) > lost(64) > lost(1000)
    shift, _ = cv2.phaseCorrelate(*(image.mean(2).astype(np.float64) for image in (PHOTO, lower(PHOTO, LANDMARKS, 64))))
    assert np.abs(shift).max() < 0.2


def test_no_detail_finer_than_the_small_picture_is_left() -> None:
    """A grid of lines two pixels apart turns grey where the face's crop loses three quarters of its pixels a side."""
    stripes = np.zeros_like(PHOTO)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    assert lower(stripes, LANDMARKS, round(SIDE / 4))[20:-20, 20:-20].std() < 12 < 0.2 * stripes.std()


def test_a_face_that_is_smaller_already_goes_through_the_jpeg_alone() -> None:
    assert np.array_equal(lower(PHOTO, LANDMARKS, round(SIDE) + 1), lower(PHOTO, LANDMARKS, 1024))
    assert 0 < lost(1024) < lost(round(SIDE / 2))


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """The same three pairs as they are, lowered, and with things drawn over them first."""
    folder = tmp_path_factory.mktemp("lowered")
    plain = RunOptions(pairs=3, methods=("target",))
    prepare(folder / "plain", plain, resume=False, say=lambda text: None)
    for name, more in (("low", {}), ("both", {"occluders": 7})):
        prepare(folder / name, lowered(folder / "plain", **more), resume=False, say=lambda text: None)
    return {name: folder / name for name in ("plain", "low", "both")}


def lowered(plain: Path, px: int = 40, **more) -> RunOptions:
    """A run over the pairs and pictures of another one, which need not be made again."""
    places = {"root": str(plain / "inputs"), "pair_file": str(plain / "pairs.csv")}
    return RunOptions(dataset="pairs", judge_detector="lite", methods=("target",), low_resolution=px, **places, **more)


def test_every_target_is_lowered_and_the_pairs_stay(runs) -> None:
    low, plain = runs["low"], runs["plain"]
    assert (low / "pairs.csv").read_bytes() == (plain / "pairs.csv").read_bytes()
    meta = read_run(low)
    assert meta["lowered"] == 3 and "3 targets lowered to faces of 40 px, JPEG 75" in meta["dataset_note"]
    reader = open_reader(low, Path(meta["root"]))
    assert not reader.has_occluders
    for row in csv.DictReader((low / "pairs.csv").open()):
        made, own = reader.read_target(row["target"]), reader.read(row["target"])
        assert made.shape == own.shape and not np.array_equal(made, own)
        assert np.array_equal(reader.read(row["source"]), read_image(plain / "inputs" / row["source"]))


def test_what_was_drawn_is_lowered_with_its_target_and_its_mask_stays(runs) -> None:
    both = runs["both"]
    folder, meta = made_folder_of(both), read_run(both)
    assert (
        folder is not None
        and meta["drawn"] == 3
        and "occluders of seed 7 on 3 targets; 3 targets" in meta["dataset_note"]
    )
    assert open_reader(both, Path(meta["root"])).has_occluders
    low = ImageReader(Path(read_run(runs["low"])["root"]), drawn=made_folder_of(runs["low"]))
    for row in csv.DictReader((both / "pairs.csv").open()):
        hidden = read_image(folder / row["target"] / MASK)[..., 0] > 128
        gap = np.abs(read_image(folder / row["target"] / TARGET).astype(float) - low.read_target(row["target"])).mean(2)
        assert gap[hidden].mean() > 5 * gap[~hidden].mean()


def test_a_run_goes_on_only_with_its_size_and_all_it_made(runs) -> None:
    def on(px: int) -> None:
        prepare(runs["low"], lowered(runs["plain"], px), resume=True, say=lambda text: None)

    on(40)
    with pytest.raises(OptionError, match="begun with low_resolution = 40"):
        on(48)
    folder = made_folder_of(runs["low"])
    assert folder is not None
    next(folder.rglob(TARGET)).unlink()
    with pytest.raises(OptionError, match="holds 2 made targets, the run began with 3"):
        on(40)
