"""Features for the Frechet and kernel distances: which network, and one float32 row per pair in files on disk.

``features/METHOD.f32`` holds those of the whole picture, or the first recogniser's embeddings; ``features/faces/METHOD.f32``
those of the face's crop, where a network was named. ``_real`` stands for the targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .judges.onnx_file import OnnxContract, OnnxNetwork
from .records import disk_refused

WHOLE, FACES = "", "faces"  # folders below features/
REAL = "_real"  # the targets; no method's label begins so
Features = Mapping[str, list[float]]  # by folder
_INCEPTION_PX = 299  # what FID networks read unless the file says otherwise


def load_features(spec: str) -> OnnxNetwork | None:
    """The network of ``--fid-features``, or ``None`` for the embeddings of the first recogniser."""
    if spec == "recogniser":
        return None
    return OnnxNetwork(spec, OnnxContract(size_px=_INCEPTION_PX))


def store_features(run: Path, name: str, index: int, total: int, features: Features) -> None:
    """Put a row into each of the arrays; written before the record, so that a kill repeats it unchanged.

    Args:
        run: the run's folder.
        name: of the method, or :data:`REAL`.
        index: of the pair.
        total: pairs of the list.
        features: by folder.

    Raises:
        OutputError: the disk refuses.
    """
    for folder, feature in features.items():
        _store(feature_file(run, name, folder), index, total, feature)


def feature_file(run: Path, name: str, folder: str = WHOLE) -> Path:
    """Where a method's features are."""
    return run / "features" / folder / f"{name}.f32"


def read_features(path: Path, total: int, index: NDArray[np.integer]) -> NDArray[np.float32] | None:
    """Rows of some pairs, without those that were never written; ``None`` where the file is missing or of another list.

    Args:
        path: of :func:`feature_file`.
        total: pairs of the list.
        index: of the pairs.
    """
    rows = read_rows(path, total)
    if rows is None:
        return None
    array = rows[index]
    return np.asarray(array[np.abs(array).sum(1) > 0])  # rows never written are zero


def read_rows(path: Path, total: int) -> NDArray[np.float32] | None:
    """``(total, D)`` as the file holds them, on disk; ``None`` where it is missing or of another list."""
    size = path.stat().st_size if path.is_file() else 0
    if not size or size % (4 * total):
        return None
    return np.memmap(path, np.float32, "r", shape=(total, size // (4 * total)))


def _store(path: Path, index: int, total: int, feature: list[float]) -> None:
    size = len(feature) * 4
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb+" if path.is_file() else "wb+") as handle:
            handle.truncate(max(total * size, path.stat().st_size))
            handle.seek(index * size)
            handle.write(np.asarray(feature, np.float32).tobytes())
    except OSError as error:
        raise disk_refused(path, error) from error
