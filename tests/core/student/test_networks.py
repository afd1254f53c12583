"""The IDN and both injection networks: equal to the official implementation, pure, and batched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mobilefaceswap_core.identity.arcface import ArcFaceIrSe
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.student.idn import IdnWeights, dynamic_depthwise, dynamic_pointwise
from mobilefaceswap_core.student.injection import CompactInjection, modulate, with_mixing
from mobilefaceswap_core.student.layout import ENCODER_CHANNELS
from mobilefaceswap_core.student.network import MobileFaceSwapNet
from mobilefaceswap_core.student.parity import TOLERANCE, seeded_network
from mobilefaceswap_core.weights import load_tensors
from mobilefaceswap_core.weights.load import load_into


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def net() -> MobileFaceSwapNet:
    network = MobileFaceSwapNet.compact()
    load_into(network, with_mixing(load_tensors("student_224"), network), what="student_224")
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def identity() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    embedding = F.normalize(torch.randn(3, 512, generator=generator), dim=1)
    return embedding, torch.randn(3, 512, 7, 7, generator=generator)


@pytest.fixture(scope="module")
def crops() -> torch.Tensor:
    return torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def test_predicted_and_modulated_kernels_equal_the_official_ones(golden) -> None:
    expected = np.load(golden)
    with torch.inference_mode():
        weights = seeded_network(seed=1).condition(*(torch.from_numpy(expected[k]) for k in ("emb", "fmap")))
    for name, got in {
        "enc0": weights.encoder_depthwise[0],
        "enc4": weights.encoder_depthwise[4],
        "dec0": weights.decoder_depthwise[0],
        "encmod2": weights.encoder_pointwise[2],
        "decmod3": weights.decoder_pointwise[3],
    }.items():
        want = expected[name]
        assert np.abs(got.numpy().reshape(want.shape) - want).max() <= TOLERANCE, name


def test_official_layout_has_the_published_number_of_per_frame_parameters() -> None:
    network = MobileFaceSwapNet.official()
    dynamic = sum(kernels[0].numel() for kernels in _weights(network, 1).tensors().values())
    # 499,825 counted on the official network (its convolution biases of encoder and decoder included).
    decoder = (256, 128, 64, 32, 512, 512, 256, 128)
    biases = sum(ENCODER_CHANNELS[:-1]) + sum(ENCODER_CHANNELS[1:]) + sum(decoder)
    assert dynamic + count(network.idn) + biases == 499_825


def _weights(network: MobileFaceSwapNet, sources: int) -> IdnWeights:
    with torch.inference_mode():
        return network.eval().condition(F.normalize(torch.ones(sources, 512), dim=1), torch.zeros(sources, 512, 7, 7))


def test_recogniser_of_the_official_layout_gives_embedding_and_map() -> None:
    with torch.inference_mode():
        embedding, feature_map = ArcFaceIrSe().eval()(torch.zeros(1, 3, 112, 112))
    assert embedding.shape == (1, 512) and feature_map.shape == (1, 512, 7, 7)


def test_one_source_for_a_batch_equals_one_crop_at_a_time(net, identity, crops) -> None:
    weights = net.condition(*identity)[0]
    together, mask = net.idn(crops, weights)
    for i in range(len(crops)):
        alone, own_mask = net.idn(crops[i : i + 1], weights)
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)
        assert torch.allclose(mask[i : i + 1], own_mask, atol=1e-5)


def test_several_sources_in_a_batch_equal_each_source_alone(net, identity, crops) -> None:
    weights = net.condition(*identity)
    together, _ = net.idn(crops, weights)
    for i in range(len(crops)):
        alone, _ = net.idn(crops[i : i + 1], weights[i])
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)


def test_weights_survive_stacking_and_indexing(net, identity) -> None:
    weights = net.condition(*identity)
    again = IdnWeights.stack([weights[0], weights[1], weights[-1]])
    assert len(again) == 3
    assert all(torch.equal(a, b) for a, b in zip(weights.tensors().values(), again.tensors().values(), strict=True))
    with pytest.raises(IndexError):
        weights[3]


def test_weights_are_immutable_and_refuse_mixed_numbers_of_sources(net, identity) -> None:
    weights = net.condition(*identity)
    with pytest.raises(AttributeError):
        weights.encoder_depthwise = ()  # type: ignore[misc]
    with pytest.raises(ValueError, match="same number of sources"):
        IdnWeights(weights.encoder_depthwise, weights[0].encoder_pointwise, *weights[0]._groups()[2:])


def test_a_wrong_number_of_sources_is_refused(net, identity, crops) -> None:
    with pytest.raises(ValueError, match="2 sources for 3 crops"):
        net.idn(crops, IdnWeights.stack([net.condition(*identity)[i] for i in range(2)]))


def test_two_sources_interleaved_in_threads_never_mix(net, identity, crops) -> None:
    weights = net.condition(*identity)
    expected = [net.idn(crops[:1], weights[i])[0] for i in range(2)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda i: net.idn(crops[:1], weights[i % 2])[0], range(12)))
    for i, result in enumerate(results):
        assert torch.allclose(result, expected[i % 2], atol=1e-6)
    assert not torch.allclose(expected[0], expected[1], atol=1e-2)


def test_result_is_the_target_where_the_mask_is_zero_and_the_face_where_it_is_one(net, identity, crops) -> None:
    weights = net.condition(*identity)[0]
    face, logits = net.idn.face_and_mask_logits(crops, weights)
    blended, mask = net.idn(crops, weights)
    assert torch.allclose(blended, face * mask + crops * (1 - mask), atol=1e-6)
    assert torch.equal(mask, torch.sigmoid(logits))
    assert face.min() >= 0 and face.max() <= 1


def test_the_mask_gets_no_gradient_into_the_unet(net, identity, crops) -> None:
    embedding, feature_map = (tensor[:1] for tensor in identity)
    trainable = MobileFaceSwapNet.compact()
    _, logits = trainable.idn.face_and_mask_logits(crops[:1], trainable.condition(embedding, feature_map))
    logits.sum().backward()
    assert all(parameter.grad is None for parameter in trainable.injection.parameters())


def test_drawing_before_or_after_the_upsampling_is_the_same_function(net, crops) -> None:
    y = torch.randn(2, 32, 56, 56, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(net.idn.draw(y), net.idn.final(y), atol=1e-5)


def test_depthwise_and_pointwise_equal_ordinary_convolutions() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 5, 12, 12, generator=generator)
    depthwise = torch.randn(2, 5, 4, 4, generator=generator)
    pointwise = torch.randn(2, 7, 5, generator=generator)
    for i in range(2):
        want = F.conv2d(x[i : i + 1], depthwise[i][:, None], stride=2, padding=1, groups=5)
        assert torch.allclose(dynamic_depthwise(x, depthwise, stride=2)[i : i + 1], want, atol=1e-5)
        want = F.conv2d(x[i : i + 1], pointwise[i][..., None, None])
        assert torch.allclose(dynamic_pointwise(x, pointwise)[i : i + 1], want, atol=1e-5)


def test_modulation_leaves_each_output_kernel_at_unit_norm_and_ignores_its_scale() -> None:
    generator = torch.Generator().manual_seed(4)
    weight, scale = torch.randn(6, 8, generator=generator), torch.randn(3, 8, generator=generator)
    modulated = modulate(weight, scale, epsilon=1e-16)
    assert torch.allclose(modulated.norm(dim=2), torch.ones(3, 6), atol=1e-5)
    assert torch.allclose(modulate(weight * 10, scale, epsilon=1e-16), modulated, atol=1e-5)
    assert torch.allclose(modulate(weight, torch.zeros(1, 8), epsilon=1e-16)[0], F.normalize(weight, dim=1), atol=1e-5)


def test_kernels_of_one_source_each_are_modulated_like_each_alone() -> None:
    generator = torch.Generator().manual_seed(5)
    weights, scale = torch.randn(3, 6, 8, generator=generator), torch.randn(3, 8, generator=generator)
    together = modulate(weights, scale, epsilon=1e-16)
    for i in range(3):
        assert torch.allclose(together[i], modulate(weights[i], scale[i : i + 1], epsilon=1e-16)[0], atol=1e-6)


def test_the_low_rank_part_of_a_pointwise_kernel_is_added_before_the_modulation(identity) -> None:
    injection = CompactInjection()
    before = injection(*identity)
    torch.nn.init.normal_(injection.mix[2].weight, std=0.05)
    after = injection(*identity)
    changed = [not torch.equal(a, b) for a, b in zip(before.encoder_pointwise, after.encoder_pointwise, strict=True)]
    assert changed == [False, False, True, False, False]
    code = injection.trunk(*identity)
    for i, own in enumerate(code @ injection.mix[2].weight.T):
        mixed = injection.pointwise[2] + injection.mix_out[2] @ torch.diag(own) @ injection.mix_in[2]
        scaled = mixed * (1 + injection.style[2](code)[i])
        assert torch.allclose(after.encoder_pointwise[2][i], F.normalize(scaled, dim=1), atol=1e-4)


def test_a_file_from_before_the_low_rank_part_is_read_as_the_same_function(identity) -> None:
    network, other = MobileFaceSwapNet.compact(), MobileFaceSwapNet.compact()
    for mix in other.injection.mix:
        torch.nn.init.normal_(mix.weight)
    state = network.state_dict()
    old = {name: value for name, value in state.items() if ".mix" not in name and "num_batches" not in name}
    load_into(other, with_mixing(old, other), what="old")
    kernels = (net.condition(*identity).tensors().values() for net in (network, other))
    assert all(torch.equal(a, b) for a, b in zip(*kernels, strict=True))
    assert with_mixing(state, other).keys() == state.keys()


def test_compact_kernels_have_their_gains_as_norms(net, identity) -> None:
    weights = net.condition(*identity)
    for kernels, gain in zip(weights.encoder_depthwise + weights.decoder_depthwise, net.injection.gain, strict=True):
        assert torch.allclose(kernels.flatten(2).norm(dim=2), gain.abs().expand(len(kernels), -1), rtol=2e-2, atol=1e-3)


def test_encoder_gives_unit_embeddings_that_do_not_depend_on_the_batch(astronaut) -> None:
    encoder = load_identity_encoder()
    crop = np.ascontiguousarray(astronaut[:224, 112:336])
    mirrored = np.ascontiguousarray(crop[:, ::-1])
    both = encoder.embed([crop, mirrored])
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    assert np.allclose(both[:1], encoder.embed([crop]), atol=1e-5)
    assert encoder.embed([]).shape == (0, 512)
