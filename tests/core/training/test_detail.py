"""Faces with a known sharp answer and a guide that cannot be copied, and the program that trains on them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

from mobilefaceswap_core.blend.sharpen import load_sharpen
from mobilefaceswap_core.blend.sharpen_network import fine_band
from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.faces.landmarks68 import JAW, MOUTH
from mobilefaceswap_core.files.packs import pack_from_crops, write_pack
from mobilefaceswap_core.training.__main__ import app
from mobilefaceswap_core.training.data.faces import load_faces
from mobilefaceswap_core.training.data.options import DataOptions
from mobilefaceswap_core.training.detail.guides import (
    Sample,
    cut,
    displaced,
    displacement,
    matched,
    seen_elsewhere,
    seen_through,
    softened,
)
from mobilefaceswap_core.training.detail.options import DetailConfig
from mobilefaceswap_core.training.detail.task import DetailTask
from mobilefaceswap_core.training.loop.options import LoopOptions
from mobilefaceswap_core.training.loop.trainer import batch_generator
from tests.fakes.training_faces import noise_pack, schematic_face

POINTS = torch.from_numpy(schematic_face()).float()[None]
CPU = torch.device("cpu")


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 2, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=chance(9))


# Guides


def test_a_displacement_has_the_given_values_at_the_given_places_and_none_at_the_border() -> None:
    values = torch.zeros(1, 68, 2)
    values[:, MOUTH] = torch.tensor([0.03, -0.02])
    field = displacement(POINTS, values, 128)
    x, y = (POINTS[0, MOUTH.start : MOUTH.stop].mean(0) * 128).long().tolist()
    assert field.shape == (1, 2, 128, 128)
    assert torch.allclose(field[0, :, y, x], torch.tensor([0.03, -0.02]), atol=3e-3)
    assert field[0, :, 0, 0].abs().max() < 2e-3 and field[0, :, 57, 45].abs().max() < 5e-3  # corner and left eye
    assert displacement(POINTS, values * 0, 32).abs().max() < 1e-6


def test_features_of_a_guide_lie_near_those_of_the_answer_and_elsewhere_each_time() -> None:
    far = torch.stack([(displaced(POINTS, chance(seed)) - POINTS)[0] for seed in range(40)])
    assert torch.equal(displaced(POINTS, chance(3)), displaced(POINTS, chance(3)))
    per_point = far.square().sum(2).mean(0).sqrt()
    assert per_point.min() > 0.004 and per_point.max() < 0.05
    assert per_point[JAW].mean() < per_point[MOUTH].mean()


def test_what_is_seen_through_no_displacement_is_the_window_and_through_one_is_elsewhere() -> None:
    images, corners = noise(), [(8, 4), (24, 32)]
    window = cut(images, corners, 32)
    assert torch.equal(window[1], images[1, :, 32:64, 24:56])
    still = seen_through(images, torch.zeros(2, 2, 16, 16), corners, 32)
    assert torch.allclose(still, window, atol=1e-5)
    right = torch.zeros(2, 2, 16, 16)
    right[:, 0] = 4 / 64
    assert torch.allclose(seen_through(images, right, [(0, 0)] * 2, 32), images[:, :, :32, 4:36], atol=1e-5)


def test_most_of_what_is_softened_has_less_detail_and_all_of_it_the_same_light() -> None:
    sharp = noise(count=40)
    soft = softened(sharp, chance())
    kept = [fine_band(one[None]).std() / fine_band(other[None]).std() for one, other in zip(soft, sharp, strict=True)]
    assert sum(share < 0.6 for share in kept) > 28 and 1 <= sum(share > 0.99 for share in kept) <= 12
    assert soft.mean() == pytest.approx(float(sharp.mean()), abs=0.01)


def test_a_guide_is_matched_in_light_and_then_seen_a_little_otherwise() -> None:
    one, other = noise() * 0.2 + 0.1, noise(side=32) * 0.5 + 0.3
    like = matched(one, other)
    for way in (torch.mean, torch.std):
        assert torch.allclose(way(like, (1, 2, 3)), way(other, (1, 2, 3)), atol=0.02)
    changed = seen_elsewhere(like, chance())
    assert changed.min() >= 0 and changed.max() <= 1 and 0.005 < (changed - like).abs().mean() < 0.3


def test_a_mirrored_sample_is_mirrored_in_every_part() -> None:
    one = Sample(noise(side=8).expand(-1, 2, -1, -1), noise(side=16), noise(side=16), noise(side=4))
    turned = one.mirrored(torch.tensor([True, False]))
    for now, was in ((turned.lumas, one.lumas), (turned.fine, one.fine), (turned.answer, one.answer)):
        assert torch.equal(now[0], was[0].flip(-1)) and torch.equal(now[1], was[1])


# The task


def detailed_crops(count: int) -> list[np.ndarray]:
    """Noise with edges, which a softening takes."""
    fine = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    return [np.where(cv2.GaussianBlur(image, (0, 0), 2) > 127, 190, 60).astype(np.uint8) for image in fine]


def task(folder, *, others: float = 0.5) -> DetailTask:
    labels = [str(i) for i in range(12)]
    write_pack(pack_from_crops("p", detailed_crops(12), POINTS.expand(12, -1, -1).numpy(), labels), folder / "p.npz")
    data = DataOptions(packs=(str(folder / "p.npz"),), size_px=64, hold_out=0.3)
    loop = LoopOptions(batch=3, precision="float32", seed=3)
    return DetailTask(
        DetailConfig(loop=loop, data=data, soft=0, others=others, window_px=48, start="scratch"), load_faces(data)
    )


def test_a_batch_depends_on_its_seed_and_step_alone_and_its_parts_belong_together(tmp_path) -> None:
    made = task(tmp_path)

    def losses(step: int) -> list[float]:
        return [term.item() for term in made.losses(step, batch_generator(3, step, 0, CPU)).values()]

    assert losses(4) == losses(4) != losses(5)
    sample = made.draw(made._training, 3, chance())
    assert sample.lumas.shape == (3, 2, 24, 24) and sample.fine.shape == sample.answer.shape == (3, 1, 48, 48)
    assert sample.counts.shape == (3, 1, 12, 12) and sample.counts.min() >= 1
    assert (sample.lumas[:, :1] - F.avg_pool2d(sample.answer, 2)).abs().mean() < 0.1, "what is soft is the answer"


def test_the_guide_of_another_person_is_the_one_of_the_likest_pose(tmp_path) -> None:
    made = task(tmp_path)
    made.faces.landmarks[:] += torch.arange(12)[:, None, None] * 0.01
    alike = made._alike(torch.tensor([0, 5]), torch.arange(12), chance())
    assert alike[0] in (1, 2) and alike[1] in (3, 4, 6, 7)


def test_the_true_answer_costs_nothing_and_a_soft_one_every_term(tmp_path) -> None:
    made = task(tmp_path)
    sample = made.draw(made._training, 3, chance())
    assert all(float(term) == 0 for term in made._terms(sample, sample.answer).values())
    soft = F.avg_pool2d(sample.answer, 3, 1, 1)
    assert all(float(term) > 0 for term in made._terms(sample, soft).values())


def test_steps_on_one_batch_bring_its_answer_nearer(tmp_path) -> None:
    made = task(tmp_path, others=0.0)
    optimiser = torch.optim.Adam(made.network.parameters(), 5e-3)
    costs = []
    for _ in range(12):
        cost = torch.stack(list(made.losses(0, batch_generator(3, 0, 0, CPU)).values())).sum()
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
        costs.append(cost.item())
    assert costs[-1] < 0.97 * costs[0]


def test_a_window_or_a_side_that_the_network_cannot_read_is_refused(tmp_path) -> None:
    write_pack(noise_pack(["a", "b"], side=64), tmp_path / "p.npz")
    data = DataOptions(packs=(str(tmp_path / "p.npz"),), size_px=64)
    for window in (40, 80):
        with pytest.raises(OptionError, match=f"window_px={window}; wanted"):
            DetailTask(DetailConfig(data=data, soft=0, window_px=window), load_faces(data))


def test_the_program_draws_with_the_student_resumes_exports_and_its_file_is_used(tmp_path) -> None:
    write_pack(noise_pack([str(i) for i in range(8)], side=64), tmp_path / "p.npz")
    run = [
        "detail", "--config", "cpu", "--out", str(tmp_path / "run"), "--device", "cpu", "--set", f"data.packs=['{tmp_path / 'p.npz'}']",
        "--set", "data.size_px=64", "--set", "data.hold_out=0.3", "--set", "loop.batch=2", "--set", "soft=1", "--set", "window_px=48",
    ]  # fmt: skip
    first = CliRunner().invoke(app, [*run, "--steps", "1"])
    assert first.exit_code == 0, first.output
    assert "enlarged_error" in first.output and "fine_share" in first.output
    second = CliRunner().invoke(app, [*run, "--steps", "2"])
    assert second.exit_code == 0 and "start at step 1" in second.output
    exported = tmp_path / "run" / "export" / "sharpen_224.safetensors"
    assert exported.stat().st_size < 150_000
    assert load_sharpen(path=exported)(np.zeros((2, 224, 224), np.float32)).shape == (6, 112, 112)
    wrong = CliRunner().invoke(
        app, [*run, "--set", "start=nothing.safetensors", "--out", str(tmp_path / "w"), "--steps", "1"]
    )
    assert wrong.exit_code == WeightsError.exit_code and "Traceback" not in wrong.output
