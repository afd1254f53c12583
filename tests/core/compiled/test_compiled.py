"""Networks in C: the same functions at any size, within their memory, where the machine can run them."""

from __future__ import annotations

import platform
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mobilefaceswap_core.blend import occlusion
from mobilefaceswap_core.blend.occlusion import load_occlusion
from mobilefaceswap_core.blend.occlusion_kernels import packed_occlusion
from mobilefaceswap_core.compiled import BFLOAT16_LEVELS, LEVELS, SOURCES, library, library_of
from mobilefaceswap_core.compiled.compiler import digest_of
from mobilefaceswap_core.compiled.kernels import grouped, paired, rounded_to_bfloat16
from mobilefaceswap_core.compiled.library import Compiled, aligned_room, missing_for_native
from mobilefaceswap_core.errors import BackendError, ImageError
from mobilefaceswap_core.runtime.graphs import arrays_of
from mobilefaceswap_core.student.backends import backend_name, missing_backends
from mobilefaceswap_core.student.graph import constants_of
from mobilefaceswap_core.student.native import NativeBackend
from mobilefaceswap_core.student.native_kernels import factors, packed_heads, packed_source
from mobilefaceswap_core.student.swapper import load_student

runs_here = pytest.mark.skipif(bool(missing_for_native()), reason=missing_for_native())
bfloat16_here = pytest.mark.skipif(bool(missing_for_native(bfloat16=True)), reason=missing_for_native(bfloat16=True))
HERE = [level for level, needed in LEVELS.items() if needed <= library.cpu_features() and not missing_for_native()]
AGREES = 2e-5  # float32 sums of up to 512 products in another order


@pytest.fixture(scope="module")
def network():
    return load_student(backend="torch").network


@pytest.fixture(scope="module")
def sources(network):
    generator = torch.Generator().manual_seed(0)
    embedding = F.normalize(torch.randn(2, 512, generator=generator), dim=1)
    with torch.inference_mode():
        weights = network.condition(embedding, torch.randn(2, 512, 7, 7, generator=generator))
    return [weights[0], weights[1]]


@pytest.fixture(scope="module")
def occlusion_net():
    return occlusion._loaded(None)


@pytest.fixture(params=HERE or [pytest.param("", marks=runs_here)])
def level(request, monkeypatch) -> str:
    """Each level that this processor has, as if it had no better one."""
    monkeypatch.setattr(library, "cpu_features", lambda: set(LEVELS[request.param]))
    return request.param


def crops_of(side: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(side).random((count, 3, side, side), np.float32)


@runs_here
@pytest.mark.parametrize("side", [32, 64, 96, 160, 192, 224, 256, 448])
def test_it_is_the_network_at_any_size(level, network, sources, side) -> None:
    crops = crops_of(side)
    face, mask = NativeBackend(network.idn, threads=1).bake(sources[0])(crops)
    with torch.inference_mode():
        wanted, logits = network.idn.face_and_mask_logits(torch.from_numpy(crops), sources[0])
    assert np.abs(face - wanted.numpy()).max() < AGREES
    assert np.abs(mask - torch.sigmoid(logits).numpy()).max() < AGREES


@bfloat16_here
@pytest.mark.parametrize("side", [32, 64, 96, 160, 192, 224, 256, 448])
def test_in_bfloat16_it_is_nearly_the_network(network, sources, side) -> None:
    crops = crops_of(side)
    results = [NativeBackend(network.idn, threads=1, bfloat16=low).bake(sources[0])(crops) for low in (True, False)]
    for own, wanted in zip(*results, strict=True):
        apart = np.abs(own - wanted)
        assert 0 < apart.max() < 2e-2 and apart.mean() < 2e-3  # numbers of eight bits, through fifteen layers


@bfloat16_here
@pytest.mark.parametrize("side", [32, 96, 224, 512])
def test_in_bfloat16_it_stays_within_its_memory(network, sources, side) -> None:
    weights = [
        packed_source(constants_of(sources[0]), bfloat16=True),
        packed_heads(arrays_of(network.idn), bfloat16=True),
    ]
    check_memory(Compiled("student", bfloat16=True), weights, (3, 1), side)


def test_kernels_in_bfloat16_lie_in_pairs() -> None:
    kernel = np.random.default_rng(0).normal(size=(32, 48, 1, 1)).astype(np.float32)
    halves = np.ascontiguousarray(paired(kernel)).view(np.uint16).reshape(2, 24, 16, 2)
    own = (halves.astype(np.uint32) << 16).view(np.float32)
    wanted = grouped(kernel)
    np.testing.assert_allclose(own[..., 0], wanted[:, 0::2], rtol=2**-8)
    np.testing.assert_allclose(own[..., 1], wanted[:, 1::2], rtol=2**-8)
    exact = torch.from_numpy(kernel).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    assert (rounded_to_bfloat16(kernel) == exact).all()


@runs_here
@pytest.mark.parametrize("side", [32, 64, 96, 160, 192, 224, 256])
def test_what_hides_a_face_is_the_networks_at_any_size(level, occlusion_net, side) -> None:
    crops = crops_of(side)
    hidden = np.empty((side, side), np.float32)
    Compiled("occlusion")(crops[0], packed_occlusion(arrays_of(occlusion_net)), hidden)
    with torch.inference_mode():
        wanted = torch.sigmoid(occlusion_net(torch.from_numpy(crops)))[0, 0]
    assert hidden.std() > 0.01 and np.abs(hidden - wanted.numpy()).max() < AGREES


@runs_here
def test_what_hides_a_face_is_seen_alike_by_both(monkeypatch) -> None:
    crops = crops_of(224, 3)
    native = load_occlusion(threads=2)
    monkeypatch.setattr(occlusion, "missing_for_native", lambda: "not here")
    other = load_occlusion()
    assert (native.label, other.label) == ("cpu / native", "cpu / onnxruntime")
    pictures = [np.rint(255 * crop.transpose(1, 2, 0)).astype(np.uint8) for crop in crops]
    for own, wanted in zip(native.batch(pictures), other.batch(pictures), strict=True):
        assert np.abs(own - wanted).max() < AGREES


@runs_here
@pytest.mark.parametrize("side", [32, 64, 96, 128, 224, 288, 512, 1024])
def test_they_stay_within_their_memory(level, network, occlusion_net, sources, side) -> None:
    student = [packed_source(constants_of(sources[0])), packed_heads(arrays_of(network.idn))]
    calls = {"student": (student, (3, 1)), "occlusion": ([packed_occlusion(arrays_of(occlusion_net))], (1,))}
    for name, (weights, channels) in calls.items():
        check_memory(Compiled(name), weights, channels, side)


def check_memory(compiled, weights, channels, side) -> None:
    size = compiled.floats(side)
    memory = aligned_room(size + 4096)
    memory[size:] = 7
    results = [np.full((count + 2, side, side), 7, np.float32) for count in channels]
    compiled(crops_of(side)[0], *weights, *(result[1:-1] for result in results), room=memory[:size])
    assert (memory[size:] == 7).all()
    for result in results:  # nothing is written before or behind it
        assert (result[[0, -1]] == 7).all() and (result[1:-1] <= 1).all()


@runs_here
def test_crops_in_one_call_and_crops_alone_are_the_same(network, sources) -> None:
    crops, backend = crops_of(224, 5), NativeBackend(network.idn, threads=3)
    runners = [backend.bake(source) for source in sources]
    for run in runners:
        faces, masks = run(crops)
        alone = [run(crop[None]) for crop in crops]
        assert (faces == np.concatenate([face for face, _ in alone])).all()
        assert (masks == np.concatenate([mask for _, mask in alone])).all()
    assert np.abs(runners[0](crops)[0] - runners[1](crops)[0]).max() > 0.01


@runs_here
def test_its_memory_fits_the_next_size(network, sources) -> None:
    run = NativeBackend(network.idn, threads=1).bake(sources[0])
    small, large = run(crops_of(64))[0], run(crops_of(224))[0]
    assert (run(crops_of(64))[0] == small).all() and (run(crops_of(224))[0] == large).all()


@runs_here
@pytest.mark.parametrize("shape", [(1, 3, 224, 192), (1, 3, 100, 100), (1, 4, 224, 224), (1, 3, 0, 0)])
def test_other_crops_are_refused(network, sources, shape) -> None:
    with pytest.raises(ImageError, match="multiple of 32"):
        NativeBackend(network.idn).bake(sources[0])(np.zeros(shape, np.float32))


def test_a_dense_layer_is_taken_apart() -> None:
    random = np.random.default_rng(0)
    depthwise, pointwise = random.normal(size=(3, 16)), random.normal(size=(3, 32))
    depthwise[1] = 0  # a colour that counts for nothing
    dense = np.einsum("ck,co->ock", depthwise, pointwise).reshape(32, 3, 4, 4).astype(np.float32)
    own, shares = factors(dense)
    assert np.abs(np.einsum("ck,co->ock", own, shares).reshape(dense.shape) - dense).max() < 1e-6
    assert np.isfinite(own).all() and np.isfinite(shares).all()


@pytest.mark.parametrize(
    ("machine", "features", "said"),
    [("aarch64", {"avx2", "fma"}, "on aarch64"), ("x86_64", {"sse4_2", "fma"}, "lacks avx2"), ("x86_64", set(), "avx2 and fma")],
)  # fmt: skip
def test_other_machines_run_something_else(monkeypatch, machine, features, said) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(library, "cpu_features", lambda: features)
    monkeypatch.setattr(library.sys, "platform", "linux")
    assert said in missing_backends()["native"]
    assert backend_name("auto") == "onnxruntime"
    with pytest.raises(BackendError, match=f"{said}.*auto"):
        Compiled("student")


@runs_here
def test_a_library_that_cannot_be_loaded_is_no_obstacle(monkeypatch, tmp_path) -> None:
    (tmp_path / "broken.so").write_bytes(library_of(HERE[0]).read_bytes()[:5000])
    for path in (tmp_path / "broken.so", tmp_path / "absent.so"):
        library._opened.cache_clear()
        monkeypatch.setattr(library, "library_of", lambda level, path=path: path)
        assert f"{path.name} cannot be loaded" in missing_for_native()
        assert backend_name("auto") == "onnxruntime"
    library._opened.cache_clear()


@pytest.mark.parametrize(
    ("features", "level"),
    [
        (LEVELS["v4"] | LEVELS["v3"] | {"sse4_2"}, "v4"),
        (LEVELS["v3"] | {"avx512f"}, "v3"),
        ({"avx2"}, None),
        (set(), None),
    ],
)
def test_the_best_level_of_a_processor_is_taken(monkeypatch, features, level) -> None:
    monkeypatch.setattr(library, "cpu_features", lambda: set(features))
    assert library._best(LEVELS) == level


@pytest.mark.parametrize("features", [LEVELS["v4"], {"avx512_bf16"}])
def test_bfloat16_needs_a_processor_that_multiplies_it(monkeypatch, features) -> None:
    monkeypatch.setattr(library, "cpu_features", lambda: set(features))
    monkeypatch.setattr(library.sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    lacking = "avx512_bf16" if features == LEVELS["v4"] else "avx512f"
    assert lacking in missing_backends()["native-bf16"]
    with pytest.raises(BackendError, match=f"'native-bf16'.*{lacking}"):
        Compiled("student", bfloat16=True)


@pytest.mark.parametrize("level", [*LEVELS, *BFLOAT16_LEVELS])
def test_what_ships_was_compiled_from_these_sources(level) -> None:
    assert library_of(level).read_bytes().endswith(digest_of(SOURCES))  # else it is not used


@pytest.mark.skipif(find_spec("ziglang") is None, reason="the compiler is not installed")
@pytest.mark.parametrize("level", [*LEVELS, *BFLOAT16_LEVELS])
def test_compiling_gives_the_file_that_ships(level) -> None:
    from mobilefaceswap_core.compiled.__main__ import compiled

    assert compiled(level) == library_of(level).read_bytes()
