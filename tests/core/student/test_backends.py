"""Every inference backend computes the same function."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F

from mobilefaceswap_core.errors import BackendError, ImageError, OptionError
from mobilefaceswap_core.runtime.devices import choose_device
from mobilefaceswap_core.student import backends
from mobilefaceswap_core.student.backends import choose_backend, missing_backends
from mobilefaceswap_core.student.graph import graph_input, idn_graph
from mobilefaceswap_core.student.swapper import load_student
from mobilefaceswap_core.types import AlignedFace

# float32 backends agree to round-off; bfloat16 (on processors that have it) keeps 8 bits of mantissa.
TOLERANCE = {"native": 2e-5, "native-bf16": 2e-2, "torch": 1e-5, "onnxruntime": 1e-5, "openvino": 3e-2}
INSTALLED = [name for name, missing in missing_backends().items() if not missing]


@pytest.fixture(scope="module")
def student():
    return load_student(backend="torch")


@pytest.fixture(scope="module")
def weights(student):
    generator = torch.Generator().manual_seed(0)
    embedding = F.normalize(torch.randn(2, 512, generator=generator), dim=1)
    with torch.inference_mode():
        return student.network.condition(embedding, torch.randn(2, 512, 7, 7, generator=generator))


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).random((2, 3, 224, 224), np.float32)


@pytest.fixture(scope="module")
def expected(student, weights, crops):
    with torch.inference_mode():
        face, logits = student.network.idn.face_and_mask_logits(torch.from_numpy(crops), weights[0])
    return face.numpy(), torch.sigmoid(logits).numpy()


@pytest.mark.parametrize("name", INSTALLED)
def test_backend_equals_the_network(name, student, weights, crops, expected) -> None:
    run = choose_backend(name, student.network.idn, threads=1).bake(weights[0])
    face, mask = run(crops)
    assert np.abs(face - expected[0]).max() <= TOLERANCE[name]
    assert np.abs(mask - expected[1]).max() <= TOLERANCE[name]


@pytest.mark.parametrize("name", INSTALLED)
def test_runners_of_two_sources_do_not_mix_in_threads(name, student, weights, crops) -> None:
    backend = choose_backend(name, student.network.idn, threads=1)
    runners = [backend.bake(weights[i]) for i in range(2)]
    alone = [run(crops[:1])[0] for run in runners]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda i: runners[i % 2](crops[:1])[0], range(8)))
    for i, face in enumerate(results):
        assert np.abs(face - alone[i % 2]).max() < 1e-5
    assert np.abs(alone[0] - alone[1]).max() > 1e-2


def test_graph_with_weights_as_inputs_equals_the_network(student, weights, crops) -> None:
    import onnxruntime

    model = idn_graph(student.network.idn, None)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {name: graph_input(name, kernel) for name, kernel in weights[1].tensors().items()}
    swapped, mask = session.run(["swapped", "mask"], {"crop": crops, **feed})
    with torch.inference_mode():
        want, want_mask = student.network.idn(torch.from_numpy(crops), weights[1])
    assert np.abs(swapped - want.numpy()).max() < 1e-5 and np.abs(mask - want_mask.numpy()).max() < 1e-5


def test_student_swaps_a_mixed_batch_as_it_swaps_one_by_one(astronaut) -> None:
    student = load_student(backend="auto", threads=1)
    eye = np.eye(3)[:2]
    targets = [AlignedFace(np.ascontiguousarray(astronaut[y : y + 224, 100:324]), eye) for y in (0, 60, 120)]
    conditions = [student.condition([targets[0]]), student.condition([targets[2]])]
    order = [conditions[0], conditions[1], conditions[0]]
    for got, target, condition in zip(student.swap(targets, order), targets, order, strict=True):
        alone = student.swap([target], [condition])[0]
        assert np.abs(got.image.astype(int) - alone.image).max() <= 1
        assert np.abs(got.mask - alone.mask).max() < 1e-5


def test_student_refuses_wrong_crops_and_wrong_numbers(student) -> None:
    small = AlignedFace(np.zeros((112, 112, 3), np.uint8), np.eye(3)[:2])
    with pytest.raises(ImageError, match=r"\(224, 224, 3\)"):
        student.condition([small])
    with pytest.raises(ImageError, match="at least one"):
        student.condition([])
    with pytest.raises(OptionError, match="0 conditions for 1 targets"):
        student.swap([small], [])


def test_the_backend_in_use_is_visible(student) -> None:
    assert student.info.device == "cpu / torch"
    first = next(name for name in ("native", "onnxruntime") if name in INSTALLED)
    assert load_student(threads=1).info.device == f"cpu / {first}"


def test_unknown_backends_and_absent_devices_are_refused(student) -> None:
    with pytest.raises(BackendError, match="choose auto"):
        choose_backend("tensorrt", student.network.idn)
    with pytest.raises(BackendError, match="CPU only"):
        choose_backend("onnxruntime", student.network.idn, device="meta")
    if not torch.cuda.is_available():
        with pytest.raises(BackendError, match="usable: cpu"):
            choose_device("cuda")


@pytest.mark.parametrize(
    ("native_lacks", "native_bf16_lacks", "bfloat16", "installed", "wanted"),
    [
        ("", "", True, True, "native-bf16"),
        ("", "avx512_bf16", False, True, "auto"),
        ("", "avx512f", True, True, "auto"),
        ("avx2", "avx2", True, True, "openvino"),
        ("avx2", "avx2", True, False, "auto"),
        ("avx2", "avx2", False, True, "auto"),
    ],
)
def test_many_frames_run_where_it_is_fastest(
    monkeypatch, native_lacks, native_bf16_lacks, bfloat16, installed, wanted
) -> None:
    lacks = {False: native_lacks, True: native_bf16_lacks}
    monkeypatch.setattr(backends, "missing_for_native", lambda bfloat16=False: lacks[bfloat16])
    monkeypatch.setattr(backends, "computes_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(backends, "find_spec", lambda name: object() if installed else None)
    assert backends.clip_backend(device="cpu") == wanted
