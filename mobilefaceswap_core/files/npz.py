"""Reading ``.npz`` archives that somebody else made: nothing is unpickled, and what they may expand to is bounded."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SwapError
from .archives import open_zip
from .ordinary import check_ordinary

# Deflate reaches 1032:1 on zeros; photographs and weights stay below 2:1, landmark tables below 10:1.
_MAX_EXPANSION = 20
_SMALL_BYTES = 64 << 20  # an archive that expands to less is no danger, whatever its ratio
_MOST_DIRECTORY_BYTES = 1 << 20  # of the list of arrays; ours hold a few dozen


def read_npz(path: str | os.PathLike[str], *, error: type[SwapError], what: str) -> dict[str, NDArray[Any]]:
    """Every array of an archive.

    Args:
        path: the file.
        error: class to raise.
        what: what it should have been, for the message, such as ``"pack of face crops"``.

    Raises:
        SwapError: ``error``, when the file is missing, damaged, no archive, expands out of proportion, or holds objects
            that would have to be unpickled.
    """
    check_ordinary(path, error=error, wanted=f"a {what}")
    try:
        with open_zip(path, most_directory_bytes=_MOST_DIRECTORY_BYTES) as archive:
            expanded = sum(member.file_size for member in archive.infolist())
        if expanded > max(_SMALL_BYTES, _MAX_EXPANSION * os.path.getsize(path)):
            raise ValueError(f"it would expand to {expanded} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _array(arrays[name]) for name in arrays.files}
    except Exception as damage:  # a damaged archive can raise nearly anything; all of it means the same to a caller
        raise error(
            f"{path} is not a readable {what}: {damage}. It was read without unpickling; copy it again or make it anew."
        ) from damage


def _array(value: Any) -> NDArray[Any]:
    if not isinstance(value, np.ndarray):  # a member that is not .npy comes back as bytes
        raise ValueError("it holds a member that is no array")
    return value
