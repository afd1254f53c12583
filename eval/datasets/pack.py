"""Packs of aligned crops, the format the training module reads.

See :mod:`mobilefaceswap_core.files.packs`; landmarks may be missing. Crops are similarity-aligned to the 112 template.
"""

from __future__ import annotations

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.packs import read_pack
from mobilefaceswap_core.types import CropSpec

from ..pairs import draw_pairs
from .base import Dataset, DatasetRequest, keep_identities

_DEFAULT_COUNT = 160


def pack(request: DatasetRequest) -> Dataset:
    """Pairs drawn from one pack; ``--root`` is the ``.npz`` file."""
    path = request.root
    if not path.is_file() or path.suffix.lower() != ".npz":
        raise OptionError(f"--root {path} must be a pack: an .npz file with buf, off and ids.")
    found = read_pack(path, optional=("lm",))
    images: dict[str, list[str]] = {}
    for i, label in enumerate(found.labels):
        images.setdefault(str(label), []).append(f"{path.name}#{i}")
    images = keep_identities(images, request.identities)
    pairs = draw_pairs(images, count=request.count or _DEFAULT_COUNT, seed=request.seed)
    return Dataset("pack", path.parent, pairs, (), CropSpec(), f"{path.name}, {len(images)} identities, aligned crops")
