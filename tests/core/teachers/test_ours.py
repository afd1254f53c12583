"""The project's teacher: arithmetic of its generator, int8 storage, and its behaviour as a swapper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mobilefaceswap_core.errors import ImageError, OptionError, WeightsError
from mobilefaceswap_core.swapper import Swapper
from mobilefaceswap_core.teachers import ours
from mobilefaceswap_core.teachers.embedding_swapper import crops_to_tensor, mean_embedding, tensor_to_crops
from mobilefaceswap_core.types import AlignedFace
from mobilefaceswap_core.weights.load import read_safetensors
from mobilefaceswap_core.weights.quantise import quantise, quantise_all, write_shards

IDENTITY_MATRIX = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def smooth_crop(seed: int) -> np.ndarray:
    """Blurred coloured noise, 224 x 224: enough for a law, and nobody's face."""
    small = torch.rand(1, 3, 7, 7, generator=torch.Generator().manual_seed(seed))
    return tensor_to_crops(torch.nn.functional.interpolate(small, size=224, mode="bicubic").clamp(0, 1))[0]


def aligned(seed: int) -> AlignedFace:
    return AlignedFace(smooth_crop(seed), IDENTITY_MATRIX)


@pytest.fixture(scope="module")
def teacher():
    torch.set_num_threads(1)
    return ours.load(precision="float32")


def test_the_teacher_is_a_swapper_that_names_its_files_and_licence(teacher):
    assert isinstance(teacher, Swapper)
    assert teacher.info.name == "teacher" and teacher.info.match_colours
    assert len(teacher.info.weights_sha256) == 3
    assert "esearch only" in teacher.info.licence


def test_a_batch_equals_its_items_one_by_one_with_either_form_of_conditions(teacher):
    targets = [aligned(1), aligned(2)]
    a, b = teacher.condition([aligned(3)]), teacher.condition([aligned(4)])
    together = teacher.swap(targets, [a, b])
    alone = [teacher.swap(targets[:1], [a])[0], teacher.swap(targets[1:], [b])[0]]
    for left, right in zip(together, alone, strict=True):
        assert np.abs(left.image.astype(int) - right.image.astype(int)).max() <= 1
        np.testing.assert_allclose(left.mask, right.mask, atol=1e-4)
    assert not np.array_equal(together[0].image, teacher.swap(targets[:1], [b])[0].image), "the source does not matter"


def test_swap_gives_uint8_faces_and_masks_in_range_and_keeps_the_targets(teacher):
    target = aligned(1)
    before = target.image.copy()
    (crop,) = teacher.swap([target], [teacher.condition([aligned(3)])])
    assert crop.image.shape == (224, 224, 3) and crop.image.dtype == np.uint8
    assert crop.mask.shape == (224, 224) and crop.mask.dtype == np.float32
    assert crop.mask.min() >= 0 and crop.mask.max() <= 1
    np.testing.assert_array_equal(target.image, before)


def test_no_targets_give_no_crops(teacher):
    assert teacher.swap([], [teacher.condition([aligned(3)])]) == []


def test_bfloat16_changes_the_swap_by_no_more_than_a_few_levels(teacher):
    half = ours.load(precision="bfloat16")
    condition = teacher.condition([aligned(3)])
    (a,), (b,) = teacher.swap([aligned(1)], [condition]), half.swap([aligned(1)], [condition])
    inside = a.mask > 0.5
    difference = np.abs(a.image.astype(int) - b.image.astype(int))
    assert difference[inside].mean() < 2.0 if inside.any() else difference.mean() < 2.0
    assert np.abs(a.mask - b.mask).mean() < 0.01


def test_several_sources_become_the_renormalised_mean_of_unit_embeddings(teacher):
    one, two = teacher.condition([aligned(3)]), teacher.condition([aligned(4)])
    both = teacher.condition([aligned(3), aligned(4)])
    mean = one.vector + two.vector
    np.testing.assert_allclose(both.vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_the_mean_embedding_ignores_length_and_order_and_is_read_only():
    rows = np.random.default_rng(0).normal(size=(4, 512)).astype(np.float32)
    scaled = rows * np.array([[1], [5], [0.1], [30]], np.float32)
    a, b = mean_embedding(rows).vector, mean_embedding(scaled[::-1]).vector
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert np.linalg.norm(a) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        a[0] = 1.0


@pytest.mark.parametrize("rows", [np.zeros((1, 512)), np.full((1, 512), np.nan), np.zeros((0, 512))])
def test_an_unusable_embedding_is_refused(rows):
    with pytest.raises(ImageError, match="no usable embedding"):
        mean_embedding(rows.astype(np.float32))


def test_opposite_embeddings_are_refused():
    row = np.random.default_rng(0).normal(size=(1, 512)).astype(np.float32)
    with pytest.raises(ImageError, match="cancel"):
        mean_embedding(np.concatenate([row, -row]))


def test_wrong_input_is_refused_with_what_was_wanted(teacher):
    condition = teacher.condition([aligned(3)])
    with pytest.raises(ImageError, match="at least one"):
        teacher.condition([])
    with pytest.raises(ImageError, match=r"\(224, 224, 3\)"):
        teacher.swap([AlignedFace(np.zeros((128, 128, 3), np.uint8), IDENTITY_MATRIX)], [condition])
    with pytest.raises(OptionError, match="2 conditions for 3 targets"):
        teacher.swap([aligned(1)] * 3, [condition] * 2)
    with pytest.raises(OptionError, match="precision"):
        ours.load(precision="int4")  # type: ignore[arg-type]


def test_crops_survive_the_way_to_tensors_and_back():
    crops = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(tensor_to_crops(crops_to_tensor(list(crops))), crops)


def test_int8_is_off_by_at_most_half_a_scale_and_keeps_zero_channels():
    weight = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    weight[2] = 0
    values, scale = quantise(weight)
    assert values.dtype == torch.int8 and scale.shape == (6, 1, 1, 1)
    assert ((values.float() * scale - weight).abs() <= scale * 0.5 + 1e-7).all()
    assert (values[2] == 0).all()
    assert values.abs().amax(dim=(1, 2, 3)).tolist() == [127, 127, 0, 127, 127, 127]


def test_int8_refuses_values_that_are_not_finite():
    with pytest.raises(WeightsError, match="NaN"):
        quantise(torch.tensor([[1.0, float("nan")]]))


def test_shards_hold_every_tensor_once_stay_below_the_limit_and_read_back(tmp_path, monkeypatch):
    from mobilefaceswap_core.weights import quantise as module

    generator = torch.Generator().manual_seed(0)
    tensors = {f"layer{i}.weight": torch.randn(40, 64, generator=generator) for i in range(5)}
    tensors["norm.bias"] = torch.randn(40, generator=generator)
    monkeypatch.setattr(module.shards, "__kwdefaults__", {"limit_bytes": 6000})
    paths = write_shards(quantise_all(tensors), tmp_path / "net")
    assert [p.name for p in paths] == [f"net-{i:05d}-of-{len(paths):05d}.safetensors" for i in range(1, len(paths) + 1)]
    assert len(paths) > 1 and not list(tmp_path.glob("*.part"))
    restored = read_safetensors(paths)
    assert restored.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (restored[name] - tensor).abs().max() <= tensor.abs().max() / 254 + 1e-6
    torch.testing.assert_close(restored["norm.bias"], tensors["norm.bias"])


def test_a_file_of_another_network_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"encoder.0.conv.weight": torch.zeros(48, 3, 7, 7)}, path)
    with pytest.raises(WeightsError, match="missing"):
        ours.load(path=path)


@pytest.mark.parametrize("count", [1, 3])
def test_the_quick_way_to_the_norm_gives_what_the_formula_gives(count):
    torch.manual_seed(2)
    norm, x, embedding = ours.AdaptiveInstanceNorm(6), torch.randn(count, 6, 9, 8) * 3 + 2, torch.randn(count, 512)
    by_formula = norm(x.requires_grad_(), embedding)
    with torch.no_grad():
        torch.testing.assert_close(norm(x, embedding), by_formula, rtol=1e-4, atol=1e-4)
