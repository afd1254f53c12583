"""Verified, strict loading of weights files. Nothing here unpickles."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import WeightsError
from ..files.digest import file_sha256
from ..files.ordinary import check_ordinary
from .registry import WEIGHTS, WeightsFile, WeightsSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

FILES = Path(__file__).parent / "files"
SCALE_SUFFIX = "::scale"  # companion of an int8 tensor: float32, broadcast against it (see quantise.py)
_PART = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})\.safetensors")
_MOST_PARTS = 100


@lru_cache(maxsize=256)
def _verified(path: Path, size: int, mtime_ns: int, sha256: str) -> bool:
    # The modification time is part of the key: a file changed on disk is hashed again.
    return file_sha256(path) == sha256


def _verify(folder: Path, file: WeightsFile) -> Path:
    path = folder / file.name
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise WeightsError(
            f"Weights file {path} is missing; it ships with the package. Reinstall the package or check out the file again."
        ) from None
    if stat.st_size != file.size or not _verified(path, stat.st_size, stat.st_mtime_ns, file.sha256):
        raise WeightsError(
            f"Weights file {path} is not the expected one: got {stat.st_size} bytes, wanted {file.size} bytes with SHA-256 "
            f"{file.sha256[:16]}.... It is damaged or was replaced; restore it, or load your own file by its path."
        )
    return path


def spec_of(name: str) -> WeightsSpec:
    """The spec of a known network. Raises WeightsError naming the known ones."""
    try:
        return WEIGHTS[name]
    except KeyError:
        raise WeightsError(f"Unknown weights {name!r}; known are: {', '.join(sorted(WEIGHTS))}.") from None


def weights_paths(name: str, *, folder: Path = FILES) -> list[Path]:
    """Verified paths of all files of a network.

    Raises:
        WeightsError: a file is missing or is not the expected one.
    """
    return [_verify(folder, file) for file in spec_of(name).files]


def weights_path(name: str, *, folder: Path = FILES) -> Path:
    """Verified path of a network that is a single file."""
    paths = weights_paths(name, folder=folder)
    if len(paths) != 1:
        raise WeightsError(f"{name!r} consists of {len(paths)} files; use weights_paths().")
    return paths[0]


def load_tensors(name: str, *, folder: Path = FILES) -> dict[str, torch.Tensor]:
    """All tensors of a shipped network as float32 on the CPU; shards merged, int8 dequantised.

    Raises:
        WeightsError: a file is missing, is not the expected one, or two shards hold the same tensor.
    """
    return read_safetensors(weights_paths(name, folder=folder))


def load_arrays(name: str, *, folder: Path = FILES) -> dict[str, NDArray[np.float32]]:
    """All tensors of a shipped network of one float file as float32 arrays: what :func:`load_tensors` gives, without PyTorch.

    Raises:
        WeightsError: the file is missing or is not the expected one.
    """
    from safetensors.numpy import load_file

    arrays: dict[str, NDArray[Any]] = load_file(weights_path(name, folder=folder))
    return {key: array.astype(np.float32) for key, array in arrays.items()}


def parts_of(path: Path) -> list[Path]:
    """All parts of a network one of whose files is given, in order; the file itself if it is not a part.

    Raises:
        WeightsError: the name promises no sensible number of parts.
    """
    match = _PART.fullmatch(path.name)
    if not match:
        return [path]
    count = int(match["count"])
    if not 1 <= count <= _MOST_PARTS:
        raise WeightsError(f"{path} calls itself one of {count} parts; wanted 1 to {_MOST_PARTS}. Check its name.")
    return [path.with_name(f"{match['name']}-{n:05d}-of-{count:05d}.safetensors") for n in range(1, count + 1)]


def read_safetensors(paths: list[Path]) -> dict[str, torch.Tensor]:
    """Tensors of one or more safetensors files, floating point ones as float32.

    A single path of a part, ``NAME-00001-of-00003.safetensors``, stands for all parts.

    Raises:
        WeightsError: not a safetensors file, or a name occurs twice.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    merged: dict[str, torch.Tensor] = {}
    for path in parts_of(paths[0]) if len(paths) == 1 else paths:
        check_ordinary(path, error=WeightsError, wanted="a safetensors file")
        try:
            tensors = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(
                f"{path} is not a readable safetensors file ({error}). Use `python -m mobilefaceswap_core convert` for "
                "weights of the official implementation."
            ) from error
        if twice := merged.keys() & tensors.keys():
            raise WeightsError(f"{path} repeats the tensor {sorted(twice)[0]!r} of another shard.")
        merged.update(tensors)
    return _dequantise(merged)


def _dequantise(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    out = {}
    for key, tensor in tensors.items():
        if key.endswith(SCALE_SUFFIX):
            continue
        scale = tensors.get(key + SCALE_SUFFIX)
        if scale is not None:
            try:
                out[key] = tensor.float() * scale.float()
            except RuntimeError as error:  # shapes that do not broadcast
                raise WeightsError(
                    f"The scale of {key!r} has shape {tuple(scale.shape)}, which does not fit {tuple(tensor.shape)}; the "
                    "file is damaged. Restore it."
                ) from error
            if out[key].shape != tensor.shape:
                raise WeightsError(f"The scale of {key!r} would enlarge it; the file is damaged. Restore it.")
        else:
            out[key] = tensor.float() if tensor.is_floating_point() else tensor
    return out


def load_into(module: nn.Module, tensors: dict[str, torch.Tensor], *, what: str) -> None:
    """Strictly copy tensors into a module; ``num_batches_tracked`` counters are not part of any file.

    Raises:
        WeightsError: a tensor is missing, unknown, of another shape, or not finite.
    """
    import torch

    own = {key: value for key, value in module.state_dict().items() if not key.endswith("num_batches_tracked")}
    missing, unknown = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    if missing or unknown:
        raise WeightsError(
            f"{what}: this file holds another network: {len(missing)} tensors are missing"
            f"{f' (first: {missing[0]})' if missing else ''}, {len(unknown)} are unknown"
            f"{f' (first: {unknown[0]})' if unknown else ''}. Check that the file belongs to this model."
        )
    for key, value in own.items():
        if tensors[key].shape != value.shape:
            raise WeightsError(f"{what}: {key} has shape {tuple(tensors[key].shape)}, wanted {tuple(value.shape)}.")
        if not torch.isfinite(tensors[key]).all():
            raise WeightsError(
                f"{what}: {key} holds values that are not finite; the file is damaged or was exported badly."
            )
    module.load_state_dict(tensors, strict=False)
