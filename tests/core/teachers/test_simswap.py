"""SimSwap's generator against an independent form, and files in its authors' layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.identity.arcface import ArcFaceIrSe
from mobilefaceswap_core.models import available_swappers, load_swapper
from mobilefaceswap_core.teachers import checkpoints, simswap
from mobilefaceswap_core.types import AlignedFace
from mobilefaceswap_core.weights.published import own_folder
from tests.fakes.layouts import constant, norm_shapes, random_state

pytestmark = pytest.mark.usefixtures("empty_folder")
EYE = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def simswap_layout(blocks: int = 9) -> dict[str, tuple[int, ...]]:
    """Names and shapes of latest_net_G.pth, written down from the authors' release."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, cout: int, cin: int, side: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (cout, cin, side, side), (cout,)

    conv("first_layer.1", 64, 3, 7)
    shapes |= norm_shapes("first_layer.2", 64)
    for i, (cin, cout) in enumerate(((64, 128), (128, 256), (256, 512)), start=1):
        conv(f"down{i}.0", cout, cin, 3)
        shapes |= norm_shapes(f"down{i}.1", cout)
        conv(f"up{i}.1", cin, cout, 3)
        shapes |= norm_shapes(f"up{i}.2", cin)
    for i in range(blocks):
        for k in (1, 2):
            conv(f"BottleNeck.{i}.conv{k}.1", 512, 512, 3)
            shapes[f"BottleNeck.{i}.style{k}.linear.weight"] = (1024, 512)
            shapes[f"BottleNeck.{i}.style{k}.linear.bias"] = (1024,)
    conv("last_layer.1", 3, 64, 7)
    return shapes


def simswap_reference(state: dict[str, Tensor], x: Tensor, z: Tensor, blocks: int) -> Tensor:
    """SimSwap's generator as plain functions on the authors' names."""

    def reflect(x: Tensor, name: str, pad: int) -> Tensor:
        return F.conv2d(F.pad(x, (pad,) * 4, "reflect"), state[f"{name}.weight"], state[f"{name}.bias"])

    def norm_relu(x: Tensor, name: str) -> Tensor:
        leaves = (state[f"{name}.{leaf}"] for leaf in ("running_mean", "running_var", "weight", "bias"))
        return F.relu(F.batch_norm(x, *leaves))

    def styled(x: Tensor, name: str) -> Tensor:
        style = F.linear(z, state[f"{name}.linear.weight"], state[f"{name}.linear.bias"]).view(len(x), 2, -1, 1, 1)
        return F.instance_norm(x, eps=1e-8) * (1 + style[:, 0]) + style[:, 1]

    x = norm_relu(reflect(x, "first_layer.1", 3), "first_layer.2")
    for i in (1, 2, 3):
        x = F.conv2d(x, state[f"down{i}.0.weight"], state[f"down{i}.0.bias"], 2, 1)
        x = norm_relu(x, f"down{i}.1")
    for i in range(blocks):
        y = F.relu(styled(reflect(x, f"BottleNeck.{i}.conv1.1", 1), f"BottleNeck.{i}.style1"))
        x = x + styled(reflect(y, f"BottleNeck.{i}.conv2.1", 1), f"BottleNeck.{i}.style2")
    for i in (3, 2, 1):
        x = nn.Upsample(scale_factor=2, mode="bilinear")(x)
        x = norm_relu(F.conv2d(x, state[f"up{i}.1.weight"], state[f"up{i}.1.bias"], 1, 1), f"up{i}.2")
    return (torch.tanh(reflect(x, "last_layer.1", 3)) + 1) / 2


def test_simswap_equals_an_independent_form_on_the_authors_names():
    blocks = 2
    state = random_state(simswap_layout(blocks))
    network = simswap.SimSwapGenerator(blocks=blocks)
    checkpoints.load_renamed(network, state, simswap.official_name, what="test")
    network.eval()
    x, z = torch.rand(2, 3, 32, 32), F.normalize(torch.randn(2, 512), dim=1)
    with torch.no_grad():
        got, mask = network(x, z)
        want = simswap_reference(state, x, z, blocks)
    assert mask is None
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    assert (want.max() - want.min()) > 0.05, "a constant image would hide a wrong mapping"


def write_simswap(folder: Path) -> None:
    folder.mkdir()
    layout = {**simswap_layout(), "up1.2.num_batches_tracked": ()}
    torch.save({name: constant(shape, 0.01) for name, shape in layout.items()}, folder / "latest_net_G.pth")
    recogniser = ArcFaceIrSe()
    for parameter in [*recogniser.parameters(), *recogniser.buffers()]:
        parameter.data = constant(tuple(parameter.shape), 0.01 if parameter.is_floating_point() else 1)
    torch.save({"epoch": 9, "model": nn.DataParallel(recogniser)}, folder / "arcface_checkpoint.tar")


def test_simswap_loads_from_files_in_the_authors_layout_and_swaps(tmp_path):
    write_simswap(own_folder())
    swapper = simswap.load(precision="float32")
    assert set(swapper.info.weights_sha256) == {"latest_net_G.pth", "arcface_checkpoint.tar"}
    face = AlignedFace(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8), EYE)
    (crop,) = swapper.swap([face], [swapper.condition([face])])
    assert crop.image.shape == (224, 224, 3) and (crop.mask == 1).all()


def test_a_renamed_missing_or_misshapen_tensor_is_named(tmp_path):
    path = tmp_path / "latest_net_G.pth"
    recogniser = tmp_path / "arcface_checkpoint.tar"
    recogniser.write_bytes(b"")
    good = {name: constant(shape, 0.01) for name, shape in simswap_layout().items()}
    wrong_shape = {**good, "last_layer.1.bias": constant((4,), 0.0)}
    for state, words in (
        ({k: v for k, v in good.items() if k != "down2.0.bias"}, "down.1.conv.bias"),
        ({**good, "extra.weight": torch.zeros(1)}, "extra.weight"),
        (wrong_shape, "to_rgb.bias"),
    ):
        torch.save(state, path)
        with pytest.raises(WeightsError, match=words):
            simswap.load(path=path, recogniser_path=recogniser)


def test_a_teacher_whose_files_are_there_can_be_named():
    write_simswap(own_folder())
    assert "simswap" in available_swappers()
    assert load_swapper("simswap", device="cpu").info.name == "simswap"
