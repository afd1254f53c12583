"""What is written for shipping: precision, bounds, parts, and the layout it is read back in."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from mobilefaceswap_core.errors import TrainingError, WeightsError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.student.network import MobileFaceSwapNet
from mobilefaceswap_core.training.__main__ import app
from mobilefaceswap_core.training.export import (
    shipping_tensors,
    student_tensors,
    tensors_from_flat_layout,
    with_mask_of,
    write_network,
    write_network_parts,
)
from mobilefaceswap_core.training.student.network import LAYOUT, TrainableStudent
from mobilefaceswap_core.weights.load import read_safetensors

torch.set_num_threads(1)


def test_shipping_tensors_are_half_precision_with_full_precision_statistics():
    tensors = shipping_tensors(TrainableStudent())
    assert not any("num_batches" in name for name in tensors)
    assert all((t.dtype == torch.float32) == ("running_" in n) for n, t in tensors.items())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e5])
def test_a_network_that_float16_cannot_hold_is_not_exported(tmp_path, value):
    network = TrainableStudent()
    with torch.no_grad():
        network.injection.gain[0][0] = value
    with pytest.raises(TrainingError, match=r"injection\.gain\.0"):
        write_network(network, tmp_path / "x.safetensors", layout="x", facts={})
    assert list(tmp_path.iterdir()) == []


def test_large_statistics_are_kept_because_they_are_float32(tmp_path):
    network = TrainableStudent()
    network.idn.final[2].running_var.fill_(1e6)
    path = write_network(network, tmp_path / "x.safetensors", layout="x", facts={"steps": "1"})
    assert read_safetensors([path])["idn.final.2.running_var"].max() == 1e6
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"layout": "x", "steps": "1"}


def test_a_large_network_is_exported_in_parts_and_read_from_any_of_them(tmp_path):
    network = TrainableStudent()
    parts = write_network_parts(network, tmp_path / "x.safetensors", layout="x", facts={}, part_bytes=2**21)
    assert len(parts) >= 4 and all(part.stat().st_size < 2**21 + 2**16 for part in parts)
    read, whole = read_safetensors([parts[1]]), write_network(network, tmp_path / "y.safetensors", layout="x", facts={})
    assert all(torch.equal(read[name], tensor) for name, tensor in read_safetensors([whole]).items())
    assert set(json.loads((tmp_path / "x.spec.json").read_text())["files"]) == {part.name for part in parts}
    parts[2].unlink()
    with pytest.raises(WeightsError, match=parts[2].name):
        read_safetensors([parts[0]])
    with pytest.raises(WeightsError, match="wanted 1 to"):
        read_safetensors([tmp_path / "x-00001-of-99999.safetensors"])


def test_the_flat_layout_maps_one_to_one_onto_the_shipped_one():
    shipped = {k: v for k, v in MobileFaceSwapNet.compact().state_dict().items() if "num_batches" not in k}
    trunk = {
        "embedding_mean": "e_mean", "embedding_std": "e_std", "map_mean": "m_mean", "map_std": "m_std",
        "linear1": "t1", "norm1": "n1", "linear2": "t2", "norm2": "n2", "reduce": "reduce", "map_in": "map_in",
    }  # fmt: skip

    def flat(name: str) -> str:
        first, second, *rest = name.split(".")
        if first == "idn":
            return ".".join([second, *rest])
        if second == "pointwise":
            return f"em.{rest[0]}" if int(rest[0]) < 5 else f"dm.{int(rest[0]) - 5}"
        if second == "trunk":
            return ".".join(["pred", trunk[rest[0]], *rest[1:]])
        return ".".join(["pred", second, *rest])

    renamed = tensors_from_flat_layout({flat(name): tensor for name, tensor in shipped.items()})
    assert renamed.keys() == shipped.keys() and all(torch.equal(renamed[k], shipped[k]) for k in shipped)
    with pytest.raises(TrainingError, match="unheard"):
        tensors_from_flat_layout({"unheard.of": torch.zeros(1)})


def test_a_face_gets_the_mask_head_of_another_student_by_the_command(tmp_path):
    files = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        files.append(write_network(TrainableStudent(), tmp_path / f"{seed}.safetensors", layout=LAYOUT, facts={}))
    face, mask = (read_safetensors([file]) for file in files)
    arguments = ["export", str(files[0]), "--mask-of", str(files[1]), "--out", str(tmp_path / "both.safetensors")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    both = read_safetensors([tmp_path / "both.safetensors"])
    assert both.keys() == face.keys()
    assert all(torch.equal(t, (mask if n.startswith("idn.mask.") else face)[n]) for n, t in both.items())
    assert not torch.equal(both["idn.mask.0.1.weight"], face["idn.mask.0.1.weight"])
    with safe_open(tmp_path / "both.safetensors", "pt") as file:
        assert file.metadata()["mask_from"] == file_sha256(files[1])[:12]


def test_a_file_without_a_mask_head_gives_none(tmp_path):
    tensors, _ = student_tensors(write_network(TrainableStudent(), tmp_path / "x.safetensors", layout=LAYOUT, facts={}))
    with pytest.raises(TrainingError, match="mask head of 0 tensors"):
        with_mask_of(tensors, {"idn.final.0.weight": torch.zeros(1)})
