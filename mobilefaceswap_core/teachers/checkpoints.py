"""Checkpoints of other authors: how they are read without running them, and strict mapping.

Which there are and where they are looked for: :mod:`~mobilefaceswap_core.teachers.released`.
"""

from __future__ import annotations

import collections
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Self

import torch
from torch import Tensor, nn

from ..errors import WeightsError
from ..weights.load import load_into


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a ``.pth`` file that holds a state dict; read with ``weights_only``, so nothing in it is run.

    A ``state_dict`` entry around it and the ``module.`` prefix of data-parallel training are taken off.

    Raises:
        WeightsError: it is not such a file.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file can raise nearly anything; all of it means the same here
        raise WeightsError(
            f"{path} is not a checkpoint of plain tensors ({_first_line(error)}). It was refused and nothing in it was run; "
            "download it again from its authors."
        ) from error
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise WeightsError(
            f"{path} holds {type(loaded).__name__}, wanted a dict of tensors; it is another kind of checkpoint."
        )
    return _without_prefix(dict(loaded))


class _Inert:
    """Stands for every class a pickled module names. It keeps the state and can do nothing."""

    dump_patches = False  # torch asks this of module classes in its old file format

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


_REBUILD: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class _InertUnpickler(pickle.Unpickler):
    """Rebuilds tensors and plain containers; every other name becomes an inert object and is never imported."""

    def find_class(self, module: str, name: str) -> Any:
        return _REBUILD.get((module, name), _Inert)


def _load_inert(stream: IO[bytes], **options: Any) -> Any:
    return _InertUnpickler(stream, **options).load()


def read_module(path: Path, entry: str) -> dict[str, Tensor]:
    """Tensors of a checkpoint that pickles a whole module under ``entry``, as SimSwap's recogniser does.

    Such a file can only be read by a plain unpickler, which would run what the file says. Here every class in it is
    replaced by an object without behaviour, and the tensors are collected from the module tree.

    Raises:
        WeightsError: there is no such module in the file.
    """
    inert_pickle = SimpleNamespace(Unpickler=_InertUnpickler, load=_load_inert, __name__="inert")
    try:
        loaded = torch.load(path, map_location="cpu", pickle_module=inert_pickle, weights_only=False)
    except Exception as error:  # see read_state_dict
        raise WeightsError(
            f"{path} is not a readable checkpoint ({_first_line(error)}). Nothing in it was run; download it again."
        ) from error
    module = loaded.get(entry) if isinstance(loaded, Mapping) else None
    tensors = dict(_tensors_of(module, "")) if isinstance(module, _Inert) else {}
    if not tensors:
        raise WeightsError(
            f"{path} holds no module named {entry!r}; nothing in it was run. It is another kind of checkpoint."
        )
    return _without_prefix(tensors)


def _tensors_of(module: _Inert, prefix: str) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    for kind in ("_parameters", "_buffers"):
        entries = module.state.get(kind)
        if isinstance(entries, Mapping):
            found += [(prefix + name, value.detach()) for name, value in entries.items() if isinstance(value, Tensor)]
    children = module.state.get("_modules")
    if isinstance(children, Mapping):
        for name, child in children.items():
            if isinstance(child, _Inert):
                found += _tensors_of(child, f"{prefix}{name}.")
    return found


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    if all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def load_renamed(
    network: nn.Module, tensors: Mapping[str, Tensor], official_name: Callable[[str], str], *, what: str
) -> None:
    """Fill a network from tensors under their authors' names; names and shapes must match one to one.

    Args:
        network: ours.
        tensors: theirs; ``num_batches_tracked`` counters are ignored.
        official_name: our tensor name -> their name.
        what: the file, for messages.

    Raises:
        WeightsError: a tensor is missing, unknown, of another shape or not finite.
    """
    theirs = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    own_names = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    renamed = {official_name(name): name for name in own_names}
    # Unknown names pass through unchanged, so that load_into reports them under the name the file uses.
    load_into(network, {renamed.get(name, name): tensor.float() for name, tensor in theirs.items()}, what=what)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
