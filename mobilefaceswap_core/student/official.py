"""The authors' checkpoints: reading ``.pdparams`` safely, and the mapping to this package's layout.

A ``.pdparams`` file is a pickle of a dict of numpy arrays. It is read through an allow-list that knows nothing but arrays,
so a hostile file cannot run code. Names: Paddle's linear weights are ``(in, out)``, its batch-norm statistics are ``_mean``
and ``_variance``, its PReLU slope is ``_weight``.
"""

from __future__ import annotations

import collections
import io
import os
import pickle
import pickletools
import tarfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import WeightsError
from ..files.atomic import refused, write_bytes
from ..files.digest import file_sha256
from ..identity.arcface import ArcFaceIrSe
from ..weights.load import load_into
from .network import MobileFaceSwapNet
from .official_files import NETWORK_FILE, RECOGNISER_FILE

Arrays = dict[str, NDArray[Any]]

# The authors' release: reference facts of the published archive and its members.
KNOWN_ARCHIVE = ("checkpoints.tar", 569_453_568, "8e45272de4cc55d64294d282bb7605343a406696a05209203065aa1b51aed58e")
NETWORK_MEMBER, NETWORK_BYTES = "MobileFaceSwap_224.pdparams", 82_834_948
RECOGNISER_MEMBER, RECOGNISER_BYTES = "arcface.pdparams", 209_017_341
MAX_BYTES = 512 << 20  # a .pdparams larger than this is no checkpoint of this method
_MAX_MEMO = 1 << 20  # the authors' files hold some thousand objects

_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "tuple"): tuple,
    ("__builtin__", "tuple"): tuple,
}


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Protocol 2 stores bytes as a latin-1 string; no other use of ``_codecs.encode`` is let through."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r} is not allowed")
    return text.encode("latin1")


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays in plain containers and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if name == "_frombuffer" and module in ("numpy.core.numeric", "numpy._core.numeric"):
            return np._core.numeric._frombuffer  # type: ignore[attr-defined]
        if (module, name) == ("_codecs", "encode"):
            return _encode_latin1
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not an array")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to outside objects")


def read_pdparams(stream: IO[bytes], *, name: str) -> Arrays:
    """Arrays of a ``.pdparams`` file.

    Args:
        stream: the file, open for reading.
        name: what to call it in messages.

    Raises:
        WeightsError: it is not such a file, or holds anything but named numeric arrays.
    """
    try:
        _check_memo(stream)
        loaded = _ArrayUnpickler(stream).load()
    except Exception as error:  # a damaged pickle can raise nearly anything; all of it means the same to a caller
        raise WeightsError(
            f"{name} is not a .pdparams file of plain arrays: {error}. It was refused and nothing in it was run; "
            "download it again from the authors' page."
        ) from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{name} holds a {type(loaded).__name__}, wanted a dict of arrays.")
    return dict(_named_arrays(loaded, name))


def _check_memo(stream: IO[bytes]) -> None:
    """Refuse a memo index out of proportion: CPython's reader makes room for all indices up to it, gigabytes for one."""
    start = stream.tell()
    for operation, argument, _ in pickletools.genops(stream):
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > _MAX_MEMO:
            raise pickle.UnpicklingError(f"its memo index {argument} is out of proportion")
    stream.seek(start)


def _named_arrays(loaded: dict[Any, Any], name: str) -> Iterable[tuple[str, NDArray[Any]]]:
    for key, value in loaded.items():
        if key == "StructuredToParameterName@@":  # Paddle's table of internal names; not weights
            continue
        if isinstance(value, tuple) and len(value) == 2:  # some versions store (internal name, array)
            value = value[1]
        if not isinstance(key, str) or not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            raise WeightsError(f"{name}: entry {key!r} is a {type(value).__name__}, wanted a numeric array.")
        yield key, value


def official_name(own: str) -> str:
    """The official state name of one of our tensors (``injection.predictor.first.weight`` -> ``predictor.first.weight``)."""
    parts = own.split(".")
    if parts[0] in ("injection", "idn"):
        parts = parts[1:]
    parts[0] = {"encoder_modulation": "EncoderModulation", "decoder_modulation": "DecoderModulation"}.get(
        parts[0], parts[0]
    )
    parts[-1] = {"running_mean": "_mean", "running_var": "_variance"}.get(parts[-1], parts[-1])
    return ".".join(parts)


def official_layout(module: nn.Module) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Our tensor name -> official name and official shape, for every tensor the authors' file must hold."""
    prelu = {f"{name}.weight" for name, layer in module.named_modules() if isinstance(layer, nn.PReLU)}
    linear = {f"{name}.weight" for name, layer in module.named_modules() if isinstance(layer, nn.Linear)}
    layout = {}
    for own, tensor in module.state_dict().items():
        if own.endswith("num_batches_tracked"):
            continue
        name, shape = official_name(own), tuple(tensor.shape)
        if own in prelu:
            name = name.removesuffix("weight") + "_weight"
        elif own in linear:
            shape = shape[::-1]
        elif name.startswith(("EncoderModulation", "DecoderModulation")) and len(shape) == 2:
            shape = (*shape, 1, 1)  # the official pointwise kernels are stored as 1x1 convolutions
        layout[own] = (name, shape)
    return layout


def tensors_from_official(module: nn.Module, arrays: Arrays, *, name: str) -> dict[str, torch.Tensor]:
    """Our tensors from the authors' arrays; strict in names and shapes.

    Raises:
        WeightsError: a tensor is missing, unknown or of another shape.
    """
    layout = official_layout(module)
    wanted = {official for official, _ in layout.values()}
    if missing := sorted(wanted - arrays.keys()):
        raise WeightsError(
            f"{name}: {len(missing)} tensors are missing (first: {missing[0]}); it belongs to another network."
        )
    if unknown := sorted(arrays.keys() - wanted):
        raise WeightsError(
            f"{name}: {len(unknown)} tensors are unknown (first: {unknown[0]}); it belongs to another network."
        )
    own_shapes = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    tensors = {}
    for own, (official, shape) in layout.items():
        array = np.ascontiguousarray(arrays[official], np.float32)
        if array.shape != shape:
            raise WeightsError(f"{name}: {official} has shape {array.shape}, wanted {shape}.")
        if len(shape) == 2 and own_shapes[own] == shape[::-1]:
            array = array.T  # every 2-d official tensor is a linear weight, stored (in, out)
        tensors[own] = torch.from_numpy(np.ascontiguousarray(array).reshape(own_shapes[own]).copy())
    return tensors


def read_official(path: str | os.PathLike[str]) -> dict[str, Callable[[], Arrays]]:
    """Openers of the authors' files by member name, from ``checkpoints.tar`` or a single ``.pdparams``.

    Raises:
        WeightsError: missing file, wrong hash of the known archive, or an archive without the expected members.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(
            f"There is no file {path}. Download checkpoints.tar from the authors' README and pass its path."
        )
    if not tarfile.is_tarfile(path):
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise WeightsError(f"{path} has {size} bytes; the authors' largest file has {RECOGNISER_BYTES}.")

        def read_single() -> Arrays:
            with open(path, "rb") as stream:
                return read_pdparams(stream, name=path.name)

        return {path.name: read_single}
    if path.stat().st_size == KNOWN_ARCHIVE[1] or path.name == KNOWN_ARCHIVE[0]:
        _check_known_archive(path)
    try:
        with tarfile.open(path, "r:") as archive:  # the authors' archive is not compressed; a bomb would be
            found = {
                Path(member.name).name: member for member in archive if member.isfile() and member.size <= MAX_BYTES
            }
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise WeightsError(f"{path} is not a readable tar archive ({error}). Download it again.") from error
    if missing := {NETWORK_MEMBER, RECOGNISER_MEMBER} - found.keys():
        raise WeightsError(f"{path} has no member {sorted(missing)[0]}; it is not the authors' archive.")

    def read_member(member: str) -> Arrays:
        try:
            with tarfile.open(path, "r:") as archive:
                stream = archive.extractfile(found[member])
                data = stream.read() if stream is not None else b""
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise WeightsError(f"{path}: {member} cannot be read ({error}). Download it again.") from error
        return read_pdparams(io.BytesIO(data), name=member)

    return {member: partial(read_member, member) for member in (NETWORK_MEMBER, RECOGNISER_MEMBER)}


def _check_known_archive(path: Path) -> None:
    name, size, sha256 = KNOWN_ARCHIVE
    got_size = path.stat().st_size
    if got_size != size or file_sha256(path) != sha256:
        raise WeightsError(
            f"{path} is called {name} or has its size but is not the published archive: got {got_size} bytes, wanted {size} "
            f"bytes with SHA-256 {sha256[:16]}.... The download is incomplete or the file was changed; download it again."
        )


def convert(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> list[Path]:
    """Turn the authors' checkpoint into safetensors that this package loads.

    Args:
        path: ``checkpoints.tar``, or one ``.pdparams`` file of the IDN or of the recogniser.
        folder: where to write :data:`NETWORK_FILE` and :data:`RECOGNISER_FILE`; created if needed.

    Returns:
        The files written. Each appears only when complete.

    Raises:
        WeightsError: the file was refused.
        OutputError: the folder cannot be written.
    """
    from safetensors.torch import save

    source_sha256 = file_sha256(path) if Path(path).is_file() else ""
    written = []
    for member, read in read_official(path).items():
        arrays = read()
        is_network = any(key.startswith("predictor.") for key in arrays)
        module: nn.Module = MobileFaceSwapNet.official() if is_network else ArcFaceIrSe()
        tensors = tensors_from_official(module, arrays, name=member)
        load_into(module, tensors, what=member)
        target = Path(folder) / (NETWORK_FILE if is_network else RECOGNISER_FILE)
        metadata = {"converted_from": member, "source_sha256": source_sha256, "licence": "not stated by the authors"}
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(target, error) from error
        write_bytes(target, save(tensors, metadata=metadata))
        written.append(target)
    return written
