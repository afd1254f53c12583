"""Shipped files: described, verified, strictly loaded, small enough for a hub without large-file storage."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.weights import WEIGHTS, load_tensors, weights_paths
from mobilefaceswap_core.weights.load import FILES, SCALE_SUFFIX, load_into, read_safetensors

HUB_LIMIT_BYTES = 10_000_000  # larger files need LFS on the Hub


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_every_shipped_file_is_the_described_one_and_small_enough(name) -> None:
    spec = WEIGHTS[name]
    for file, path in zip(spec.files, weights_paths(name), strict=True):
        assert path.stat().st_size == file.size < HUB_LIMIT_BYTES
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    for text in (spec.licence, spec.origin, spec.trained, spec.measured, spec.layout):
        assert len(text) > 2


def test_no_file_ships_without_a_spec() -> None:
    described = {file.name for spec in WEIGHTS.values() for file in spec.files}
    assert {path.name for path in FILES.iterdir() if path.suffix in {".safetensors", ".onnx"}} == described


def test_the_model_card_names_every_network() -> None:
    card = (FILES.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert [name for name in WEIGHTS if name not in card] == []


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_file_is_refused_with_its_name(damage, tmp_path) -> None:
    file = WEIGHTS["encoder_mobilefacenet"].files[0]
    shutil.copy(FILES / file.name, tmp_path)
    path = tmp_path / file.name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    with pytest.raises(WeightsError, match=file.name):
        load_tensors("encoder_mobilefacenet", folder=tmp_path)


def test_a_file_changed_after_it_was_verified_is_noticed(tmp_path) -> None:
    file = WEIGHTS["encoder_mobilefacenet"].files[0]
    path = Path(shutil.copy(FILES / file.name, tmp_path))
    weights_paths("encoder_mobilefacenet", folder=tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not the expected one"):
        weights_paths("encoder_mobilefacenet", folder=tmp_path)


def test_unknown_weights_are_refused_and_known_ones_listed() -> None:
    with pytest.raises(WeightsError, match="student_224"):
        load_tensors("nothing")


def test_int8_tensors_come_back_times_their_scale(tmp_path) -> None:
    stored = {"w": torch.tensor([[-127, 0, 64]], dtype=torch.int8), "w" + SCALE_SUFFIX: torch.tensor([[0.5]])}
    save_file(stored | {"b": torch.ones(2, dtype=torch.float16)}, tmp_path / "q.safetensors")
    tensors = read_safetensors([tmp_path / "q.safetensors"])
    assert tensors["w"].tolist() == [[-63.5, 0, 32]] and set(tensors) == {"w", "b"}
    assert tensors["b"].dtype == torch.float32


def test_two_shards_with_the_same_tensor_are_refused(tmp_path) -> None:
    for name in "ab":
        save_file({"w": torch.ones(1)}, tmp_path / f"{name}.safetensors")
    with pytest.raises(WeightsError, match="repeats the tensor 'w'"):
        read_safetensors([tmp_path / "a.safetensors", tmp_path / "b.safetensors"])


def test_loading_is_strict_in_names_shapes_and_finite_values() -> None:
    layer = torch.nn.Linear(2, 3)
    good = {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}
    load_into(layer, good, what="x")
    assert torch.equal(layer.weight, good["weight"])
    for bad, message in (
        ({"weight": good["weight"]}, "1 tensors are missing"),
        (good | {"extra": torch.ones(1)}, "1 are unknown"),
        (good | {"bias": torch.zeros(4)}, "has shape"),
        (good | {"bias": torch.tensor([0, float("nan"), 0])}, "not finite"),
    ):
        with pytest.raises(WeightsError, match=message):
            load_into(layer, bad, what="x")
