"""The authors' files: read through an allow-list, mapped strictly, checked against the reference, converted atomically."""

from __future__ import annotations

import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torch

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.identity.arcface import ArcFaceIrSe
from mobilefaceswap_core.student import official, parity
from mobilefaceswap_core.student.network import MobileFaceSwapNet
from mobilefaceswap_core.student.official import convert, official_layout, read_pdparams, tensors_from_official


@pytest.fixture(scope="module")
def pdparams() -> bytes:
    return parity.seeded_pdparams(seed=1)


@pytest.fixture(scope="module")
def arrays(pdparams) -> official.Arrays:
    return read_pdparams(io.BytesIO(pdparams), name="seeded.pdparams")


def test_parity_with_the_official_output_mask_and_kernels(golden) -> None:
    rows = parity.check_parity(golden, seed=1)
    assert {row.name for row in rows} == {"y", "mask", "enc0", "enc4", "dec0", "encmod2", "decmod3"}
    for row in rows:
        assert row.passed, row
        assert row.max_difference <= parity.TOLERANCE
        assert row.undetermined < 0.01


def test_parity_fails_for_a_single_wrong_pixel(golden, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(parity, "PROBES", 1)
    expected = dict(np.load(golden))
    determined_corner = expected["y"][0, 0, 0, 0]
    expected["y"][0, 0, 0, 0] = determined_corner + 3e-4
    np.savez(tmp_path / "changed.npz", **expected)
    rows = {row.name: row for row in parity.check_parity(tmp_path / "changed.npz", seed=1)}
    assert not rows["y"].passed and rows["mask"].passed


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"\x00" * 64])
def test_a_broken_parity_file_is_refused(content, tmp_path) -> None:
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(WeightsError, match=r"not a readable \.npz"):
        parity.check_parity(tmp_path / "broken.npz", seed=1)


def test_every_pickle_protocol_reads_the_same(arrays) -> None:
    small = {name: arrays[name] for name in ("final.1.weight", "mask.0.3._mean")}
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = read_pdparams(io.BytesIO(pickle.dumps(small, protocol=protocol)), name="small")
        assert all(np.array_equal(again[name], small[name]) for name in small)


def test_named_tuples_and_the_name_table_of_the_framework_are_understood() -> None:
    table = {"w": ("linear_0.w_0", np.ones(3, np.float32)), "StructuredToParameterName@@": {"w": "linear_0.w_0"}}
    assert list(read_pdparams(io.BytesIO(pickle.dumps(table)), name="table")) == ["w"]


class _RunsCode:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


class _Getattr:
    def __reduce__(self):
        return getattr, ("text", "upper")


@pytest.mark.parametrize(
    "hostile",
    [
        pickle.dumps({"w": _RunsCode()}),
        pickle.dumps({"w": _Getattr()}),
        pickle.dumps({"w": np.array([_RunsCode()], object)}),
        pickle.dumps({"w": np.array(["text"])}),
        pickle.dumps([1, 2, 3]),
        pickle.dumps({1: np.ones(2)}),
        b"not a pickle",
        b"",
        pickle.dumps({"w": np.ones(1000)})[:100],
        b"c_codecs\nencode\n(X\x03\x00\x00\x00abcX\x04\x00\x00\x00zlibtR.",
    ],
)
def test_anything_but_named_numeric_arrays_is_refused(hostile, capfd) -> None:
    with pytest.raises(WeightsError):
        read_pdparams(io.BytesIO(hostile), name="hostile.pdparams")
    assert "must never run" not in capfd.readouterr().out


def test_mapping_covers_every_tensor_once_and_is_strict(arrays) -> None:
    network = MobileFaceSwapNet.official()
    names = [name for name, _ in official_layout(network).values()]
    assert len(names) == len(set(names)) == len(arrays)
    with pytest.raises(WeightsError, match="1 tensors are missing"):
        tensors_from_official(network, {k: v for k, v in arrays.items() if k != "final.1.bias"}, name="x")
    with pytest.raises(WeightsError, match="1 tensors are unknown"):
        tensors_from_official(network, arrays | {"extra": np.ones(1)}, name="x")
    with pytest.raises(WeightsError, match="has shape"):
        tensors_from_official(network, arrays | {"final.1.bias": np.ones(9)}, name="x")


def test_linear_weights_are_transposed_even_when_square() -> None:
    network = MobileFaceSwapNet.official()
    layout = official_layout(network)
    name, shape = layout["injection.encoder_modulation.4.style.weight"]
    assert (name, shape) == ("EncoderModulation.4.style.weight", (512, 256))
    square = layout["injection.decoder_modulation.0.style.weight"]
    assert square == ("DecoderModulation.0.style.weight", (512, 512))


def _recogniser_arrays() -> official.Arrays:
    rng = np.random.default_rng(0)
    layout = official_layout(ArcFaceIrSe())
    return {name: rng.uniform(0.5, 1, shape).astype(np.float32) for name, shape in layout.values()}


def test_square_linear_weights_of_the_network_are_transposed_too(arrays) -> None:
    tensors = tensors_from_official(MobileFaceSwapNet.official(), arrays, name="seeded")
    want = arrays["DecoderModulation.0.style.weight"]
    assert np.array_equal(tensors["injection.decoder_modulation.0.style.weight"].numpy(), want.T)


def test_an_archive_becomes_two_safetensors_files(pdparams, tmp_path) -> None:
    from mobilefaceswap_core.weights.load import read_safetensors

    with tarfile.open(tmp_path / "released.tar", "w") as archive:
        recogniser = pickle.dumps(_recogniser_arrays(), protocol=4)
        for name, content in (("c/MobileFaceSwap_224.pdparams", pdparams), ("c/arcface.pdparams", recogniser)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    written = convert(tmp_path / "released.tar", tmp_path / "out")
    assert [path.name for path in written] == [official.NETWORK_FILE, official.RECOGNISER_FILE]
    tensors = read_safetensors([written[0]])
    state = parity.seeded_network(seed=1).state_dict()
    assert all(torch.equal(tensors[key], value) for key, value in state.items() if "num_batches" not in key)
    assert not list((tmp_path / "out").glob("*.part"))


def test_the_known_archive_with_other_bytes_is_refused(tmp_path) -> None:
    with tarfile.open(tmp_path / "checkpoints.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    with pytest.raises(WeightsError, match="not the published archive"):
        convert(tmp_path / "checkpoints.tar", tmp_path)


def test_a_missing_file_names_the_remedy(tmp_path) -> None:
    with pytest.raises(WeightsError, match="authors' README"):
        convert(tmp_path / "nowhere.tar", tmp_path)
