"""The mean 3D face of 68 landmarks that ships with insightface, read without trusting its pickle."""

from __future__ import annotations

import importlib.util
import io
import pickle
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import BackendError

# Everything a pickled float array needs, under numpy's old and new module names.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Refuses every global that a plain array does not need."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise BackendError(
                f"The mean face file asks for {module}.{name}; only a numpy array is accepted. Reinstall insightface."
            )
        if module.startswith("numpy.core"):
            module = module.replace("numpy.core", "numpy._core", 1)
        return super().find_class(module, name)


def mean_shape_file() -> Path:
    """Path of ``meanshape_68.pkl`` in the installed insightface package.

    Raises:
        BackendError: when insightface is not installed or lacks the file.
    """
    found = importlib.util.find_spec("insightface")
    if found is None or found.origin is None:
        raise BackendError("Head pose needs the mean face of the insightface package: pip install insightface.")
    path = Path(found.origin).parent / "data" / "objects" / "meanshape_68.pkl"
    if not path.is_file():
        raise BackendError(f"insightface is installed but {path.name} is missing; reinstall insightface.")
    return path


def read_array_pickle(payload: bytes) -> NDArray[np.float64]:
    """Unpickle one array, refusing anything else."""
    array = _ArrayUnpickler(io.BytesIO(payload)).load()
    if not isinstance(array, np.ndarray):
        raise BackendError(f"The mean face file holds a {type(array).__name__}, expected an array (68, 3).")
    return array.astype(np.float64)


@lru_cache(maxsize=1)
def _mean_shape() -> NDArray[np.float64]:
    shape = read_array_pickle(mean_shape_file().read_bytes())
    if shape.shape != (68, 3):
        raise BackendError(f"The mean face has shape {shape.shape}, expected (68, 3); reinstall insightface.")
    return shape


def mean_shape_68() -> NDArray[np.float64]:
    """``(68, 3)`` landmarks in iBUG order; x right, y down, z towards the camera; half width about 0.63."""
    return _mean_shape().copy()
