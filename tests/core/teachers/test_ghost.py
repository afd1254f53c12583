"""AEI-Net, GHOST and their recogniser: names, shapes and equations of their papers, and files in the authors' layout."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.teachers import aei, ghost, iresnet
from mobilefaceswap_core.types import AlignedFace
from mobilefaceswap_core.weights.published import own_folder
from tests.fakes.layouts import constant, norm_shapes

pytestmark = pytest.mark.usefixtures("empty_folder")
EYE = np.array([[1.0, 0, 0], [0, 1.0, 0]])


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
