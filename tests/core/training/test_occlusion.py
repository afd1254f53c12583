"""Drawn occluders and their labels, and the program that trains on them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from mobilefaceswap_core.blend.occlusion import load_occlusion
from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.faces.landmarks68 import BROWS, CHIN, LEFT_EYE, NOSE_TIP, RIGHT_EYE
from mobilefaceswap_core.files.packs import write_pack
from mobilefaceswap_core.training.__main__ import app
from mobilefaceswap_core.training.data.faces import load_faces
from mobilefaceswap_core.training.data.options import DataOptions
from mobilefaceswap_core.training.loop.options import LoopOptions
from mobilefaceswap_core.training.loop.trainer import Trainer, batch_generator
from mobilefaceswap_core.training.occlusion import glasses as glasses_module
from mobilefaceswap_core.training.occlusion import occluders
from mobilefaceswap_core.training.occlusion.beards import beard
from mobilefaceswap_core.training.occlusion.glasses import glasses
from mobilefaceswap_core.training.occlusion.layers import composite, moved, thing
from mobilefaceswap_core.training.occlusion.occluders import read_cutouts
from mobilefaceswap_core.training.occlusion.options import OcclusionConfig
from mobilefaceswap_core.training.occlusion.synthesis import beardless_area, face_area, forehead_area, occlude
from mobilefaceswap_core.training.occlusion.task import OcclusionTask, augmented, dice_loss
from mobilefaceswap_core.weights.load import read_safetensors
from tests.fakes.training_faces import noise_pack, schematic_face

SIDE = 96
LANDMARKS = schematic_face() * SIDE
SKIN = np.full((SIDE, SIDE, 3), (200, 160, 140), np.uint8)
TEXTURE = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
DRAWN = {
    "strands": lambda rng: occluders.strands(rng, LANDMARKS, SIDE),
    "fingers": lambda rng: occluders.fingers(rng, LANDMARKS, SKIN),
    "microphone": lambda rng: occluders.microphone(rng, LANDMARKS, SIDE),
    "blob": lambda rng: occluders.blob(rng, SIDE, TEXTURE),
    "mask": lambda rng: occluders.mask(rng, LANDMARKS, SIDE),
    "veil": lambda rng: occluders.veil(rng, LANDMARKS, SIDE),
    "phone": lambda rng: occluders.phone(rng, LANDMARKS, SIDE),
    "cup": lambda rng: occluders.cup(rng, LANDMARKS, SIDE),
    "beard": lambda rng: beard(rng, LANDMARKS, SIDE),
}  # fmt: skip


def sample(seed: int, **changes):
    return occlude(np.random.default_rng(seed), SKIN, LANDMARKS, texture=TEXTURE, **changes)


def cutout_file(path, pictures) -> None:
    parts = [cv2.imencode(".png", picture)[1].reshape(-1) for picture in pictures]
    np.savez(path, buf=np.concatenate(parts), off=np.cumsum([0, *map(len, parts)]))


# What is drawn


def test_a_seed_draws_the_same_sample_and_another_seed_another() -> None:
    for seed in range(6):
        first, again = sample(seed), sample(seed)
        assert all(np.array_equal(getattr(first, part), getattr(again, part)) for part in ("image", "hidden", "known"))
    assert len({sample(seed).image.tobytes() for seed in range(12)}) > 9


def test_what_is_drawn_over_is_not_changed() -> None:
    image = SKIN.copy()
    for seed in range(8):
        occlude(np.random.default_rng(seed), image, LANDMARKS, texture=TEXTURE)
    assert np.array_equal(image, SKIN)


@pytest.mark.parametrize("kind", DRAWN)
def test_every_thing_lies_in_range_and_most_of_them_on_the_face(kind) -> None:
    on_face = 0
    for seed in range(12):
        layer = DRAWN[kind](np.random.default_rng(seed))
        assert layer.colour.shape == (SIDE, SIDE, 3) and layer.opacity.shape == layer.hides.shape == (SIDE, SIDE)
        for part, highest in ((layer.colour, 255), (layer.opacity, 1), (layer.hides, 1)):
            assert np.isfinite(part).all() and part.min() >= 0 and part.max() <= highest
        on_face += bool((layer.opacity > 0.3)[face_area(LANDMARKS, SIDE)].any())
    assert on_face >= 7


def test_a_beard_is_painted_and_hides_nothing() -> None:
    painted = 0.0
    for seed in range(8):
        layer = DRAWN["beard"](np.random.default_rng(seed))
        assert not layer.hides.any()
        painted = max(painted, float(np.abs(composite(SKIN.astype(np.float32), layer) - SKIN).max()))
        upper = int(LANDMARKS[NOSE_TIP, 1]) - 8
        assert layer.opacity[:upper].max() < 0.1, "no beard about the eyes"
    assert painted > 60


def test_a_dark_lens_hides_the_eyes_a_clear_one_does_not_and_between_nobody_knows() -> None:
    eyes = [tuple(LANDMARKS[eye].mean(0).astype(int)[::-1]) for eye in (LEFT_EYE, RIGHT_EYE)]
    seen = set()
    for seed in range(60):
        lens, *_, rim = glasses(np.random.default_rng(seed), LANDMARKS, SIDE)
        strength = float(lens.opacity.max())
        kind = (
            "dark" if strength >= glasses_module._DARK else "clear" if strength <= glasses_module._CLEAR else "between"
        )
        seen.add(kind)
        for eye in eyes:
            assert lens.hides[eye] == pytest.approx(1.0 if kind == "dark" else 0.0, abs=1e-3)
            assert (lens.unsure is not None and bool(lens.unsure[eye])) == (kind == "between")
        assert (rim.hides > 0.3).any(), "a frame hides what lies behind it, of clear plastic too"
    assert seen == {"dark", "clear", "between"}


def test_things_in_motion_are_blurred_and_keep_their_colour() -> None:
    square = np.zeros((SIDE, SIDE), np.float32)
    square[30:60, 30:60] = 1
    blurred = moved(
        np.random.default_rng(1), thing(np.full((SIDE, SIDE, 3), (250, 20, 30)) * square[..., None], square)
    )
    assert (
        blurred.opacity.sum() == pytest.approx(square.sum(), rel=0.01)
        and ((blurred.opacity > 0.1) & (blurred.opacity < 0.9)).any()
    )
    assert np.abs(blurred.colour[blurred.opacity > 0.05] - np.array([250, 20, 30])).max() < 2


# What is known of it


def test_a_label_says_hidden_only_where_the_picture_changed() -> None:
    for seed in range(20):
        got = sample(seed, jpeg=False)
        changed = (got.image != SKIN).any(2)
        assert changed[got.hidden > 0.3].mean() > 0.9 if (got.hidden > 0.3).any() else True
        assert got.hidden.dtype == np.float32 and 0 <= got.hidden.min() <= got.hidden.max() <= 1


def test_the_face_and_what_lies_over_it_is_known_and_the_background_is_not() -> None:
    clean = next(got for got in map(sample, range(200)) if not got.hidden.any())
    assert clean.known[face_area(LANDMARKS, SIDE)].all()
    assert not clean.known[-4:].any() and not clean.known[:, :4].any()
    occluded = next(got for got in map(sample, range(200)) if (got.hidden > 0.9).sum() > 500)
    assert occluded.known[occluded.hidden > 0.9].mean() > 0.8


def test_a_forehead_is_known_where_it_is_skin_and_not_where_it_is_hair() -> None:
    image = SKIN.copy()
    hair = int(LANDMARKS[BROWS][:, 1].mean()) - 12
    image[:hair] = (40, 28, 20)
    area = forehead_area(image, LANDMARKS)
    assert area[hair + 4 : hair + 9, SIDE // 2 - 8 : SIDE // 2 + 8].all() and not area[: hair - 3].any()


def test_the_area_without_beard_ends_above_the_mouth() -> None:
    area = beardless_area(LANDMARKS, SIDE)
    assert area[int(LANDMARKS[NOSE_TIP, 1]) - 3, SIDE // 2]
    assert not area[int(LANDMARKS[48:60, 1].mean()) :].any()
    turned = LANDMARKS @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + [SIDE, 0]  # a quarter turn: "below" is not "larger y"
    assert beardless_area(turned, SIDE).sum() == pytest.approx(area.sum(), rel=0.1)
    assert not beardless_area(turned, SIDE)[tuple(turned[CHIN].astype(int)[::-1])]


def test_cut_out_pictures_are_read_and_anything_else_is_refused(tmp_path) -> None:
    rng = np.random.default_rng(0)
    cutout_file(tmp_path / "c.npz", [rng.integers(0, 256, (20, 30, 4), dtype=np.uint8)])
    (picture,) = read_cutouts(tmp_path / "c.npz")
    assert picture.shape == (20, 30, 4)
    layer = occluders.cutout(rng, picture, LANDMARKS, SIDE)
    assert layer.opacity.max() > 0.2 and layer.hides is layer.opacity
    cutout_file(tmp_path / "rgb.npz", [rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)])
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    for name, said in (("rgb", "transparency"), ("other", "buf"), ("missing", "readable")):
        with pytest.raises(OptionError, match=said):
            read_cutouts(tmp_path / f"{name}.npz")


def test_red_stays_red_in_a_cut_out(tmp_path) -> None:
    red = np.zeros((40, 40, 4), np.uint8)
    red[..., 2] = red[..., 3] = 255  # OpenCV's order
    cutout_file(tmp_path / "c.npz", [red])
    assert read_cutouts(tmp_path / "c.npz")[0][0, 0].tolist() == [255, 0, 0, 255]


# The task


LOOP = LoopOptions(batch=3, steps=2, precision="float32", warmup_steps=1, seed=3)


@pytest.fixture
def task(tmp_path) -> OcclusionTask:
    write_pack(noise_pack([str(i) for i in range(12)], side=64), tmp_path / "p.npz")
    data = DataOptions(packs=(str(tmp_path / "p.npz"),), size_px=64, hold_out=0.3)
    config = OcclusionConfig(loop=LOOP, data=data, hidden_share=1.0)
    return OcclusionTask(config, load_faces(data))


def test_a_batch_depends_on_its_seed_and_step_alone(task) -> None:
    def losses(step: int) -> list[float]:
        return [term.item() for term in task.losses(step, batch_generator(3, step, 0, torch.device("cpu"))).values()]

    task.network.eval()
    assert losses(4) == losses(4) != losses(5)


def test_crops_that_look_hidden_already_are_left_out_and_looked_at_once(task) -> None:
    object.__setattr__(task.config, "hidden_share", 0.5)
    looked: list[int] = []

    def look(indices: list[int]) -> None:
        looked.extend(indices)
        task._usable |= {index: index % 2 == 0 for index in indices}

    task._look_at = look
    for step in range(6):
        chosen = task._draw_usable(4, batch_generator(0, step, 0, torch.device("cpu")))
        assert len(chosen) == 4 and not (chosen % 2).any()
    assert len(looked) == len(set(looked))


def test_a_perfect_answer_costs_nothing_and_the_dice_loss_counts_what_is_known_alone() -> None:
    hidden = (torch.rand(2, 1, 64, 64) > 0.5).float()
    known = torch.ones_like(hidden)
    known[..., 32:] = 0
    right = (hidden * 2 - 1) * 50
    assert float(dice_loss(right, hidden, known)) == pytest.approx(0, abs=1e-4)
    elsewhere = right.clone()
    elsewhere[..., 32:] *= -1
    assert float(dice_loss(elsewhere, hidden, known)) == float(dice_loss(right, hidden, known))
    assert float(dice_loss(-right, hidden, known)) > 0.9


def test_augmentation_moves_picture_and_label_together() -> None:
    hidden = torch.zeros(8, 1, 64, 64)
    hidden[:, :, 20:40, 10:30] = 1
    images, moved_, known = augmented(
        hidden.expand(-1, 3, -1, -1), hidden, torch.ones_like(hidden), torch.Generator().manual_seed(0)
    )
    bright = images.mean(1, keepdim=True)
    for own, label in zip(bright, moved_, strict=True):
        assert own[label > 0.9].mean() > own[label < 0.1].mean() + 0.3
    assert known.unique().tolist() == [1.0] and not torch.equal(moved_, hidden)


def test_the_program_starts_from_what_ships_resumes_exports_and_its_file_is_used(tmp_path) -> None:
    write_pack(noise_pack([str(i) for i in range(12)], side=64), tmp_path / "p.npz")
    cutout_file(tmp_path / "c.npz", [np.full((20, 30, 4), 255, np.uint8)])
    run = [
        "occlusion", "--config", "cpu", "--out", str(tmp_path / "run"), "--device", "cpu", "--set", f"data.packs=['{tmp_path / 'p.npz'}']",
        "--set", "data.size_px=64", "--set", "data.hold_out=0.3", "--set", "loop.batch=2", "--set", f"cutouts={tmp_path / 'c.npz'}",
    ]  # fmt: skip
    first = CliRunner().invoke(app, [*run, "--steps", "1"])
    assert first.exit_code == 0, first.output
    assert "iou" in first.output and "false_share" in first.output
    second = CliRunner().invoke(app, [*run, "--steps", "2"])
    assert second.exit_code == 0 and "start at step 1" in second.output
    exported = tmp_path / "run" / "export" / "occlusion_224.safetensors"
    assert not any("norm" in name or "running" in name for name in read_safetensors([exported]))
    assert load_occlusion(path=exported)(SKIN[:64, :64]).shape == (64, 64)
    again = CliRunner().invoke(
        app, [*run[:-2], "--set", f"start={exported}", "--out", str(tmp_path / "more"), "--steps", "1"]
    )
    assert again.exit_code == 0, again.output
    wrong = CliRunner().invoke(
        app, [*run, "--set", "start=nothing.safetensors", "--out", str(tmp_path / "w"), "--steps", "1"]
    )
    assert wrong.exit_code == WeightsError.exit_code and "Traceback" not in wrong.output


def test_a_network_from_nothing_learns_where_things_lie(task, tmp_path) -> None:
    config = OcclusionConfig(
        loop=LoopOptions(batch=4, learning_rate=6e-3, steps=50, precision="float32", warmup_steps=5, ema=0.8, seed=3),
        data=task.config.data,
        start="scratch",
    )
    fresh = OcclusionTask(config, task.faces)
    result = Trainer(fresh, config.loop, tmp_path / "run", say=lambda line: None).run()
    assert (
        result.after["iou"] > result.before["iou"] + 0.05
        or result.after["false_share"] < result.before["false_share"] / 2
    )
