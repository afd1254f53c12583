"""Packs of aligned crops, the format the training module reads.

An ``.npz`` with ``buf`` (uint8) and ``off`` (int64, n + 1): the encoded image of crop i is ``buf[off[i]:off[i + 1]]``; ``ids``
(n,) identity labels; optionally ``lm`` (n, 68, 2) landmarks in [0, 1] of the crop. Crops are similarity-aligned to the
112 template.
"""

from __future__ import annotations

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.npz import read_npz
from mobilefaceswap_core.types import CropSpec

from ..pairs import draw_pairs
from .base import Dataset, DatasetRequest, keep_identities

_DEFAULT_COUNT = 160


def pack(request: DatasetRequest) -> Dataset:
    """Pairs drawn from one pack; ``--root`` is the ``.npz`` file."""
    path = request.root
    if not path.is_file() or path.suffix.lower() != ".npz":
        raise OptionError(f"--root {path} must be a pack: an .npz file with buf, off and ids.")
    arrays = read_npz(path, error=OptionError, what="pack of face crops")
    missing = [k for k in ("buf", "off", "ids") if k not in arrays]
    if missing:
        raise OptionError(f"{path.name} has the arrays {sorted(arrays)}; wanted {', '.join(missing)} too.")
    if arrays["ids"].ndim != 1 or arrays["ids"].dtype.kind not in "USiu":
        raise OptionError(f"{path.name}: ids is {arrays['ids'].dtype} {arrays['ids'].shape}; wanted n labels.")
    if arrays["off"].shape != (len(arrays["ids"]) + 1,):
        raise OptionError(
            f"{path.name}: off is {arrays['off'].shape}; wanted one more than ids, {len(arrays['ids']) + 1}."
        )
    try:
        labels = arrays["ids"].astype(str)
    except UnicodeDecodeError as error:
        raise OptionError(f"{path.name}: its labels are not text ({error}).") from error
    images: dict[str, list[str]] = {}
    for i, label in enumerate(labels):
        images.setdefault(str(label), []).append(f"{path.name}#{i}")
    images = keep_identities(images, request.identities)
    pairs = draw_pairs(images, count=request.count or _DEFAULT_COUNT, seed=request.seed)
    return Dataset("pack", path.parent, pairs, (), CropSpec(), f"{path.name}, {len(images)} identities, aligned crops")
