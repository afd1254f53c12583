"""Hostile weights, packs, configs, lists and folders: our own error within bounded memory and time, and nothing is run."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobilefaceswap_core.errors import ImageError, OptionError, OutputError, RefusedError, SwapError, WeightsError
from mobilefaceswap_core.files.npz import read_npz
from mobilefaceswap_core.files.packs import Pack, pack_from_crops, read_pack, write_pack
from mobilefaceswap_core.rules.audit import AuditLog
from mobilefaceswap_core.rules.blocklist import load_blocklist
from mobilefaceswap_core.rules.consent import stored_consent
from mobilefaceswap_core.student.official import NETWORK_MEMBER, RECOGNISER_MEMBER, convert, read_pdparams
from mobilefaceswap_core.student.parity import check_parity
from mobilefaceswap_core.training.config import load_config
from mobilefaceswap_core.training.loop.checkpoints import load_checkpoint, save_checkpoint
from mobilefaceswap_core.training.student.options import StudentConfig
from mobilefaceswap_core.weights.load import read_safetensors

from .limits import run_limited


def npz(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def members(**contents: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def claiming(*shape: int) -> bytes:
    """A .npy header without its array."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def good_pack() -> dict[str, object]:
    crops = [np.full((32, 32, 3), value, np.uint8) for value in (40, 200)]
    pack = pack_from_crops("good", crops, np.full((2, 68, 2), 0.5), ["a", "b"])
    return {"buf": pack.buffer, "off": pack.offsets, "lm": pack.landmarks, "ids": pack.labels}


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[Callable, tuple]:
        return open, (self._path, "w")


PACKS = {
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "pickle": lambda: pickle.dumps({"buf": 1}),
    "cut": lambda: npz(**good_pack())[:-40],
    "half": lambda: npz(**good_pack())[:300],
    "one array": lambda: claiming(3) + b"abc",
    "objects": lambda: npz(**good_pack() | {"ids": np.array([{}, {}], object)}),
    "not json": lambda: npz(**good_pack(), about=np.array("{nope")),
    "deep json": lambda: npz(**good_pack(), about=np.array("[" * 100_000)),
    "no labels": lambda: npz(**good_pack() | {"ids": np.array("a")}),
    "text landmarks": lambda: npz(**good_pack() | {"lm": np.full((2, 68, 2), "x")}),
    "text offsets": lambda: npz(**good_pack() | {"off": np.array(["a", "b", "c"])}),
    "falling offsets": lambda: npz(**good_pack() | {"off": np.array([9, 5, 7])}),
    "negative offsets": lambda: npz(**good_pack() | {"off": np.array([-9, 5, 7])}),
    "far offsets": lambda: npz(**good_pack() | {"off": np.array([0, 5, 1 << 50])}),
    "huge offsets": lambda: npz(**good_pack() | {"off": np.array([0, 5, (1 << 64) - 1], np.uint64)}),
    "4 TiB header": lambda: members(buf=claiming(1 << 42), off=b"", lm=b"", ids=b""),
    "negative header": lambda: members(buf=claiming(-5), off=b"", lm=b"", ids=b""),
    "code in header": lambda: members(buf=b"\x93NUMPY\x01\0\x10\0" + b"__import__('os')", off=b"", lm=b"", ids=b""),
}


@pytest.mark.parametrize("name", PACKS)
def test_a_hostile_pack_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "pack.npz"
    path.write_bytes(PACKS[name]())
    with pytest.raises(OptionError):
        read_pack(path)
    with pytest.raises(WeightsError):
        check_parity(path, seed=1)


def test_objects_in_an_archive_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "pack.npz"
    path.write_bytes(npz(**good_pack() | {"ids": np.array([Evil(tmp_path / "run"), 1], object)}))
    for read in (read_pack, lambda p: check_parity(p, seed=1)):
        with pytest.raises(SwapError):
            read(path)
    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps(Evil(tmp_path / "run")))
    torch.save({"x": Evil(tmp_path / "run")}, tmp_path / "other.pt")
    for name in ("checkpoint.pt", "other.pt"):
        with pytest.raises(WeightsError):
            load_checkpoint(tmp_path / name)
    with pytest.raises(WeightsError):
        read_pdparams(io.BytesIO(pickle.dumps({"a": Evil(tmp_path / "run")})), name="evil")
    assert not (tmp_path / "run").exists()


def test_a_crop_that_is_no_picture_is_named(tmp_path: Path) -> None:
    write_pack(Pack("p", np.zeros(9, np.uint8), np.array([0, 9, 9]), np.zeros((2, 68, 2), np.float32), np.array(["a", "b"])), tmp_path / "p.npz")  # fmt: skip
    pack = read_pack(tmp_path / "p.npz")
    for index in (0, 1):
        with pytest.raises(ImageError, match=f"Crop {index}"):
            pack.decode(index, 224)


def test_an_archive_that_expands_out_of_proportion_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    zeros = 1 << 30
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("buf.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(claiming(zeros))
        for _ in range(zeros >> 26):
            stream.write(bytes(1 << 26))
    assert path.stat().st_size < 20 << 20
    code = """
import sys
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.npz import read_npz
try:
    read_npz(sys.argv[1], error=OptionError, what="pack")
except OptionError as error:
    print("refused:", error)
"""
    done = run_limited(code, str(path), memory_mb=700, cpu_s=20)
    assert "would expand" in done.stdout, done.stderr[-500:]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_archive_reads_or_is_refused(data, tmp_path_factory) -> None:
    damaged = bytearray(npz(**good_pack()))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("pack") / "pack.npz"
    path.write_bytes(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    try:
        pack = read_pack(path)
        pack.decode_all(16, workers=1)
    except SwapError:
        pass


# Weights ---------------------------------------------------------------------------------------------------------------


def safetensors(header: object, data: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], first: int, last: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


SAFETENSORS = {
    "empty": b"",
    "short": b"\0\1",
    "header longer than the file": struct.pack("<Q", 1 << 62) + b"{}",
    "no json": safetensors(b"{nope"),
    "deep json": safetensors(b"[" * 200_000),
    "a list": safetensors([1]),
    "beyond the end": safetensors({"a": entry("F32", [1 << 40], 0, 1 << 42)}),
    "overflowing shape": safetensors({"a": entry("F32", [1 << 62, 8], 0, 8)}),
    "negative offsets": safetensors({"a": entry("F32", [2], -8, 0)}),
    "overlapping": safetensors({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 0, 8)}),
    "unknown type": safetensors({"a": entry("Q9", [2], 0, 8)}),
    "scale that does not fit": safetensors({"a": entry("I8", [4], 0, 4), "a::scale": entry("F16", [2], 4, 8)}),
    "scale that enlarges": safetensors({"a": entry("I8", [1], 0, 1), "a::scale": entry("F8_E5M2", [7], 1, 8)}),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_a_hostile_safetensors_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(SAFETENSORS[name])
    with pytest.raises(WeightsError):
        read_safetensors([path])


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(length=st.integers(0, 2**64 - 1) | st.integers(0, 80), rest=st.binary(max_size=80))
def test_any_header_of_a_safetensors_file_reads_or_is_refused(length: int, rest: bytes, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", length) + rest)
    with contextlib.suppress(WeightsError):
        read_safetensors([path])


@settings(max_examples=200, deadline=None)
@given(start=st.sampled_from([b"", b"\x80\x02", b"\x80\x04\x95"]), rest=st.binary(max_size=120))
def test_any_pickle_reads_or_is_refused(start: bytes, rest: bytes) -> None:
    with contextlib.suppress(WeightsError):
        read_pdparams(io.BytesIO(start + rest), name="any")


def test_a_memo_index_out_of_proportion_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.pdparams").write_bytes(b"\x80\x02]r" + struct.pack("<I", 0x7FFFFFFF) + b".")
    code = """
import sys
from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.student.official import read_pdparams
try:
    read_pdparams(open(sys.argv[1], "rb"), name="bomb")
except WeightsError as error:
    print("refused:", error)
"""
    done = run_limited(code, str(tmp_path / "bomb.pdparams"), memory_mb=6000, cpu_s=20)
    assert "out of proportion" in done.stdout, done.stderr[-500:]


def tar(**contents: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def test_a_hostile_tar_writes_nothing(tmp_path: Path) -> None:
    whole = tar(**{"../../outside": b"x", NETWORK_MEMBER: b"abc", RECOGNISER_MEMBER: b"abc"})
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w") as archive:
        for name in (NETWORK_MEMBER, RECOGNISER_MEMBER):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    import gzip

    for number, content in enumerate((whole, whole[:1600], whole[:600], link.getvalue(), gzip.compress(whole), b"")):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(content)
        with pytest.raises(WeightsError):
            convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not (tmp_path.parent / "outside").exists()


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_checkpoint_reads_or_is_refused(data, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    save_checkpoint({"weights": torch.zeros(3), "step": 1}, path)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    with contextlib.suppress(WeightsError):
        load_checkpoint(path)


# Configs and folders ---------------------------------------------------------------------------------------------------

LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
CONFIGS = {
    "bomb.yaml": LAUGHS + "width: *a11\n",
    "object.yaml": "!!python/object/apply:os.system ['touch run']\n",
    "broken.yaml": "width: [1, 2\n\t:",
    "deep.yaml": "[" * 3000,
    "list.json": "[1, 2]",
    "deep.json": "[" * 200_000,
    "large.json": "[" + "0," * (1 << 20) + "0]",
    "deep.toml": "a = " + "[" * 100_000,
    "unknown.toml": "surprise = 1\n",
    "nan.toml": "width = nan\n",
    "bytes.toml": "\udcff",
    "config.ini": "width = 3",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_hostile_config_is_refused_with_a_short_message(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(CONFIGS[name], encoding="utf-8", errors="surrogateescape")
    with pytest.raises(OptionError) as caught:
        load_config(StudentConfig, str(path))
    assert len(str(caught.value)) < 2000
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "change", ["width", "width.x=1", "loop.steps.x.y=1", "loop=5", "width=" + "[" * 20_000, "=", "..=1"]
)
def test_a_hostile_change_of_a_config_is_refused(change: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("width = 32\n[loop]\nsteps = 5\n")
    with pytest.raises(OptionError):
        load_config(StudentConfig, str(tmp_path / "config.toml"), changes=[change])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_any_bytes_in_logs_caches_and_consents_count_as_nothing(content: bytes, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("state")
    (folder / "audit.jsonl").write_bytes(content)
    log = AuditLog(folder / "audit.jsonl")
    try:
        log.append("swap", model="student")
        assert list(log.read())[-1]["event"] == "swap"
    except OutputError:  # no log of this program: left as it is
        assert content and (folder / "audit.jsonl").read_bytes() == content
    (folder / "protected").mkdir()
    (folder / "protected" / ".embeddings.npz").write_bytes(content)
    assert load_blocklist(folder / "protected", lambda image: np.ones(4, np.float32)).names == ()
    (folder / "consent.json").write_bytes(content)
    assert stored_consent(folder=folder) is None


def test_a_planted_cache_cannot_switch_a_protection_off(tmp_path: Path, astronaut: np.ndarray) -> None:
    from PIL import Image as PillowImage

    PillowImage.fromarray(astronaut[:64, :64]).save(tmp_path / "protected.png")
    own = np.eye(4, dtype=np.float32)[0]
    for planted in (npz(format=np.array({}, object)), npz(format=1), npz(format=1, sha256="x", embeddings=np.full((1, 4), np.nan)), b"PK"):  # fmt: skip
        (tmp_path / ".embeddings.npz").write_bytes(planted)
        with pytest.raises(RefusedError):
            load_blocklist(tmp_path, lambda image: own).check_source(own)


def test_a_protected_photo_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(OptionError, match=r"broken\.png"):
        load_blocklist(tmp_path, lambda image: np.ones(4, np.float32))
    (tmp_path / "broken.png").unlink()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(OptionError, match=r"loop\.png"):
        load_blocklist(tmp_path, lambda image: np.ones(4, np.float32))


def test_a_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("../../readme.txt", "hello")
    with pytest.raises(OptionError, match="no array"):
        read_npz(tmp_path / "x.npz", error=OptionError, what="pack")
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]
