"""Files of other authors: refused when hostile, damaged or missing; mapped one to one when right."""

from __future__ import annotations

import hashlib
import pickle
import sys
import types
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.identity.arcface import ArcFaceIrSe
from mobilefaceswap_core.models import available_swappers, load_swapper
from mobilefaceswap_core.teachers import aei, checkpoints, ghost, inswapper, iresnet, simswap
from mobilefaceswap_core.teachers.checkpoints import Checkpoint
from mobilefaceswap_core.types import AlignedFace, CropSpec
from mobilefaceswap_core.weights.published import own_folder

EYE = np.array([[1.0, 0, 0], [0, 1.0, 0]])


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """No test sees checkpoints that happen to be on this machine."""
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.set_num_threads(1)


def random_state(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Seeded tensors of a layout; variances positive, so that batch norms are defined."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator) * (1 / max(1, int(np.prod(shape[1:])))) ** 0.5
        state[name] = value.abs() + 0.5 if name.endswith("running_var") else value
    return state


def constant(shape: tuple[int, ...], value: float) -> Tensor:
    """A tensor of one stored element: files of large layouts stay small."""
    return torch.tensor(value).expand(shape)


# ---------------------------------------------------------------- reading


class Explosive:
    """Runs a command when unpickled by a plain unpickler."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (exec, (f"open({str(self.marker)!r}, 'w').close()",))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_state_dict_is_refused_and_not_run(tmp_path, legacy):
    marker, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"a": torch.zeros(1), "b": Explosive(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="nothing in it was run"):
        checkpoints.read_state_dict(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists(), "the file is no attack, so the test proves nothing"


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_module_file_is_read_as_inert_objects_only(tmp_path, legacy):
    marker, path = tmp_path / "ran", tmp_path / "evil.tar"
    torch.save({"model": Explosive(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="no module named 'model'"):
        checkpoints.read_module(path, "model")
    assert not marker.exists()


def test_a_hostile_plain_pickle_is_refused_by_both_readers(tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(Explosive(marker)))
    for read in (checkpoints.read_state_dict, lambda p: checkpoints.read_module(p, "model")):
        with pytest.raises(WeightsError):
            read(path)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"<html>quota exceeded</html>"])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path, content):
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="download it again"):
        checkpoints.read_state_dict(path)
    with pytest.raises(WeightsError, match="download it again"):
        checkpoints.read_module(path, "model")


def test_a_state_dict_inside_a_training_checkpoint_loses_its_wrapping(tmp_path):
    path = tmp_path / "wrapped.pth"
    torch.save({"state_dict": {"module.a": torch.ones(2), "module.b": torch.zeros(1)}, "epoch": 3}, path)
    assert set(checkpoints.read_state_dict(path)) == {"a", "b"}


def test_a_file_with_other_things_than_tensors_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"a": torch.ones(2), "epoch": 3}, path)
    with pytest.raises(WeightsError, match="wanted a dict of tensors"):
        checkpoints.read_state_dict(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickled_module_gives_the_tensors_of_its_tree_without_its_classes(tmp_path, monkeypatch, legacy):
    # The class can be imported while it is pickled, and is gone when it is read.
    module = types.ModuleType("models_of_others")
    module.Net = type("Net", (nn.Sequential,), {"__module__": "models_of_others"})
    monkeypatch.setitem(sys.modules, "models_of_others", module)
    net = nn.DataParallel(module.Net(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    path = tmp_path / "whole.tar"
    torch.save({"epoch": 1, "model": net}, path, _use_new_zipfile_serialization=not legacy)
    expected = {name.removeprefix("module."): value for name, value in net.state_dict().items()}
    monkeypatch.delitem(sys.modules, "models_of_others")
    tensors = checkpoints.read_module(path, "model")
    assert tensors.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(tensors[name], value)


# ---------------------------------------------------------------- finding


def test_a_missing_checkpoint_names_file_origin_licence_and_remedy():
    for load, words in (
        (simswap.load, ("latest_net_G.pth", "preparation.md", "non-commercial")),
        (ghost.load, ("G_unet_2blocks.pth", "download_models.sh")),
        (inswapper.load, ("inswapper_128.onnx", "no longer distributes")),
    ):
        with pytest.raises(WeightsError, match="Weights not present") as caught:
            load()
        assert all(word in str(caught.value) for word in (*words, "MOBILEFACESWAP_HOME"))
    assert not {"simswap", "ghost", "inswapper"} & set(available_swappers())


def test_a_teacher_whose_files_are_there_can_be_named():
    write_simswap(own_folder())
    assert "simswap" in available_swappers()
    assert load_swapper("simswap", device="cpu").info.name == "simswap"


def test_a_file_found_by_name_must_have_a_known_digest_but_one_named_by_path_need_not(tmp_path):
    folder = own_folder()
    folder.mkdir()
    (folder / "net.pth").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    wrong = Checkpoint("net.pth", "licence", "origin", "remedy", sha256=("0" * 64,))
    assert checkpoints.expected_path(wrong) == folder / "net.pth"
    with pytest.raises(WeightsError, match=digest):
        checkpoints.locate(wrong)
    assert checkpoints.locate(Checkpoint("net.pth", "", "", "", sha256=("0" * 64, digest))) == folder / "net.pth"
    assert checkpoints.locate(wrong, folder / "net.pth") == folder / "net.pth"
    with pytest.raises(WeightsError, match="is not a file"):
        checkpoints.locate(wrong, tmp_path / "absent.pth")


# ---------------------------------------------------------------- SimSwap


def norm_shapes(prefix: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.{leaf}": (channels,) for leaf in ("weight", "bias", "running_mean", "running_var")}


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


# ---------------------------------------------------------------- AEI-Net, GHOST


def aad_layout(prefix: str, cin: int, attributes: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in (
        ("conv1", (cin, attributes, 1, 1)),
        ("conv2", (cin, attributes, 1, 1)),
        ("fc1", (cin, 512)),
        ("fc2", (cin, 512)),
        ("conv_h", (1, cin, 1, 1)),
    ):
        shapes[f"{prefix}.{name}.weight"], shapes[f"{prefix}.{name}.bias"] = shape, shape[:1]
    return shapes


def ghost_layout(blocks: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of G_unet_*block(s).pth, written down from the authors' release."""
    shapes: dict[str, tuple[int, ...]] = {}
    encoder = (3, 32, 64, 128, 256, 512, 1024, 1024)
    for i, (cin, cout) in enumerate(pairwise(encoder), start=1):
        shapes[f"encoder.conv{i}.0.weight"] = (cout, cin, 4, 4)
        shapes |= norm_shapes(f"encoder.conv{i}.1", cout)
    for i, (cin, cout) in enumerate(
        ((1024, 1024), (2048, 512), (1024, 256), (512, 128), (256, 64), (128, 32)), start=1
    ):
        shapes[f"encoder.deconv{i}.deconv.weight"] = (cin, cout, 4, 4)
        shapes |= norm_shapes(f"encoder.deconv{i}.bn", cout)
    shapes["generator.up1.weight"], shapes["generator.up1.bias"] = (512, 1024, 2, 2), (1024,)
    table = (
        (1024, 1024, 1024),
        (1024, 1024, 2048),
        (1024, 1024, 1024),
        (1024, 512, 512),
        (512, 256, 256),
        (256, 128, 128),
    )
    for i, (cin, cout, attributes) in enumerate((*table, (128, 64, 64), (64, 3, 64)), start=1):
        prefix = f"generator.AADBlk{i}"
        for j in range(blocks):
            shapes |= aad_layout(f"{prefix}.add_blocks.{3 * j}", cin, attributes)
            shapes[f"{prefix}.add_blocks.{3 * j + 2}.weight"] = (cout if j == blocks - 1 else cin, cin, 3, 3)
        if cin != cout:
            shapes |= aad_layout(f"{prefix}.last_add_block.0", cin, attributes)
            shapes[f"{prefix}.last_add_block.2.weight"] = (cout, cin, 3, 3)
    return shapes


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_ghosts_names_and_shapes_are_the_authors_one_to_one(blocks):
    with torch.device("meta"):
        network = ghost.GhostGenerator(blocks).aei
    own = {k: tuple(v.shape) for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert {ghost.official_name(name): shape for name, shape in own.items()} == ghost_layout(blocks)


def test_a_denormalisation_block_equals_equations_2_to_5_of_the_paper():
    config = aei.AeiConfig(embedding=6, attribute_kernel=1, bias=True)
    block = aei.AadBlock(4, 3, 5, config)
    h, a, z = torch.randn(2, 4, 8, 8), torch.randn(2, 5, 8, 8), torch.randn(2, 6)

    def layer(module: aei.AadLayer, h: Tensor) -> Tensor:
        mean = h.mean((2, 3), keepdim=True)
        normal = (h - mean) / torch.sqrt(((h - mean) ** 2).mean((2, 3), keepdim=True) + 1e-5)
        attributes = module.attribute_scale(a) * normal + module.attribute_shift(a)
        identity = module.identity_scale(z)[..., None, None] * normal + module.identity_shift(z)[..., None, None]
        mask = 1 / (1 + torch.exp(-module.mask(normal)))
        return (1 - mask) * attributes + mask * identity

    y = h
    for module, conv in zip(block.layers, block.convs, strict=True):
        y = conv(layer(module, y).clamp(min=0))
    want = y + block.skip_conv(layer(block.skip_layer, h).clamp(min=0))
    torch.testing.assert_close(block(h, a, z), want, rtol=1e-4, atol=1e-5)


def test_aei_net_gives_an_image_of_its_inputs_size_in_range():
    config = aei.AeiConfig(attribute_kernel=1, bias=True, layers_per_block=1)
    torch.manual_seed(0)
    network = aei.AeiNet(config).eval()
    with torch.no_grad():
        image, mask = network(torch.rand(1, 3, 256, 256), torch.randn(1, 512))
    assert image.shape == (1, 3, 256, 256) and mask is None
    assert image.min() >= 0 and image.max() <= 1


def test_hear_net_reads_three_images_and_gives_one():
    torch.manual_seed(0)
    with torch.no_grad():
        image = aei.HearNet().eval()(*(torch.rand(1, 3, 64, 64) for _ in range(3)))
    assert image.shape == (1, 3, 64, 64) and image.min() >= 0 and image.max() <= 1


def test_ghost_refuses_an_unknown_depth():
    with pytest.raises(OptionError, match="1, 2 or 3"):
        ghost.load(blocks=4)


def test_ghost_loads_from_files_in_the_authors_layout(tmp_path, monkeypatch):
    folder = own_folder()
    folder.mkdir()
    torch.save({name: constant(shape, 0.01) for name, shape in ghost_layout(1).items()}, folder / "G_unet_1block.pth")
    # ResNet-50 in place of 100: the same class, half the work.
    monkeypatch.setitem(iresnet.LAYERS, 100, (1, 1, 1, 1))
    recogniser = iresnet.IResNet(100)
    torch.save(recogniser.state_dict(), folder / "backbone.pth")
    swapper = ghost.load(blocks=1, precision="float32")
    face = AlignedFace(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8), EYE)
    condition = swapper.condition([face])
    x = torch.from_numpy(face.image.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        raw = recogniser.eval()(F.interpolate(x, size=(112, 112), mode="bilinear", align_corners=True))[0].numpy()
    np.testing.assert_allclose(condition.vector, raw, rtol=1e-3, atol=1e-4)  # GHOST's embedding keeps its length


def test_the_recogniser_has_the_published_number_of_parameters():
    # InsightFace's model zoo: ResNet-50 43.6 M, ResNet-100 65.2 M.
    for depth, millions in ((50, 43.59), (100, 65.16)):
        with torch.device("meta"):
            network = iresnet.IResNet(depth)
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


# ---------------------------------------------------------------- inswapper


def write_inswapper(path: Path, *, emap: np.ndarray, side: int = 128) -> None:
    """target * mean(latent ** 2) * 512: with inswapper's inputs and its matrix as the last initialiser."""
    inputs = [
        helper.make_tensor_value_info("target", TensorProto.FLOAT, [1, 3, side, side]),
        helper.make_tensor_value_info("source", TensorProto.FLOAT, [1, 512]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, side, side])]
    nodes = [
        helper.make_node("ReduceSumSquare", ["source"], ["length"], keepdims=0),
        helper.make_node("Mul", ["target", "length"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(emap.astype(np.float32), "emap")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)


def write_recogniser(path: Path) -> None:
    """Sums of pixel products: an embedding that depends on every pixel of the 112 crop."""
    weight = np.random.default_rng(0).normal(size=(3 * 112 * 112, 512)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, 112, 112])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 512])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)


def test_inswapper_runs_an_onnx_file_with_its_contract(tmp_path):
    network, recogniser = tmp_path / "inswapper_128.onnx", tmp_path / "w600k_r50.onnx"
    write_inswapper(network, emap=np.eye(512) * 3)
    write_recogniser(recogniser)
    swapper = inswapper.load(path=network, recogniser_path=recogniser)
    faces = [
        AlignedFace(np.random.default_rng(i).integers(0, 256, (128, 128, 3), dtype=np.uint8), EYE) for i in range(2)
    ]
    crops = swapper.swap(faces, [swapper.condition(faces[:1])])
    for face, crop in zip(faces, crops, strict=True):  # the latent has unit length after the matrix, so the file copies
        np.testing.assert_array_equal(crop.image, face.image)


def test_inswapper_refuses_other_networks(tmp_path):
    recogniser = tmp_path / "w600k_r50.onnx"
    write_recogniser(recogniser)
    other = tmp_path / "other.onnx"
    write_inswapper(other, emap=np.eye(512), side=256)
    with pytest.raises(WeightsError, match="not inswapper_128"):
        inswapper.load(path=other, recogniser_path=recogniser)
    write_inswapper(other, emap=np.eye(4))
    with pytest.raises(WeightsError, match="identity matrix"):
        inswapper.load(path=other, recogniser_path=recogniser)
    other.write_bytes(b"not onnx")
    with pytest.raises(WeightsError, match="is not a network"):
        inswapper.load(path=other, recogniser_path=recogniser)


def test_the_112_crop_lies_inside_the_128_crop():
    inside = template_points(CropSpec(128, "arcface_128")) - [8, 0]
    np.testing.assert_allclose(inside, template_points(CropSpec(112, "arcface")), atol=1e-9)
