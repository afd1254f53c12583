"""Features for the Frechet distance: which network, and one float32 row per pair in a file on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .judges.onnx_file import OnnxContract, OnnxNetwork
from .records import disk_refused

_INCEPTION_PX = 299  # what FID networks read unless the file says otherwise


def load_features(spec: str) -> OnnxNetwork | None:
    """The network of ``--fid-features``, or ``None`` for the embeddings of the first recogniser."""
    if spec == "recogniser":
        return None
    return OnnxNetwork(spec, OnnxContract(size_px=_INCEPTION_PX))


def store_feature(folder: Path, name: str, index: int, total: int, feature: list[float] | None) -> None:
    """Put one row into a float32 array on disk; written before the record, so that a kill repeats it unchanged."""
    if feature is None:
        return
    path = folder / f"{name}.f32"
    size = len(feature) * 4
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("rb+" if path.is_file() else "wb+") as handle:
            handle.truncate(max(total * size, path.stat().st_size))
            handle.seek(index * size)
            handle.write(np.asarray(feature, np.float32).tobytes())
    except OSError as error:
        raise disk_refused(path, error) from error
