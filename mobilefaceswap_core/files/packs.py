"""Packs: one ``.npz`` file of aligned face crops, their landmarks and identities.

Layout: ``buf`` (uint8) and ``off`` (int64, N + 1): the WebP file of crop i is ``buf[off[i]:off[i + 1]]``; ``lm`` (N, 68, 2)
float32 landmarks as fractions of the crop's side; ``ids`` (N,) identity labels. Optional: ``about``, a JSON text with the
crop's template and the origin. Crops are cut out as ``CropSpec()`` says.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, OptionError, SwapError
from ..types import CropSpec, Image
from .npz import read_npz

WEBP_QUALITY = 90  # visually lossless at 224; about 9 KB a crop
_KEYS = ("buf", "off", "lm", "ids")


@dataclass(frozen=True, eq=False)
class Pack:
    """The content of one file, still compressed.

    Attributes:
        name: file name without suffix; part of every identity's name.
        buffer: ``(bytes,)`` uint8.
        offsets: ``(N + 1,)`` int64.
        landmarks: ``(N, 68, 2)`` float32, fractions of the crop; NaN where the file has none.
        labels: ``(N,)`` str; the crops' numbers where the file has none.
        about: origin, licence and crop spec where the file states them.
    """

    name: str
    buffer: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    labels: NDArray[np.str_]
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_landmarks(self) -> bool:
        """Whether the file states landmarks."""
        return not bool(np.isnan(self.landmarks).all())

    def encoded(self, index: int) -> NDArray[np.uint8]:
        """The image file of crop ``index``."""
        return self.buffer[self.offsets[index] : self.offsets[index + 1]]

    def decode(self, index: int, size_px: int) -> Image:
        """Crop ``index`` as ``(size_px, size_px, 3)`` RGB uint8."""
        data = self.encoded(index)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) else None  # OpenCV asserts on no bytes
        if image is None:
            raise ImageError(
                f"Crop {index} of the pack {self.name!r} cannot be decoded; the file is damaged, make it again."
            )
        if image.shape[0] != size_px:
            shrinks = image.shape[0] > size_px
            image = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        return image  # type: ignore[return-value]

    def decode_all(self, size_px: int, *, indices: Sequence[int] | None = None, workers: int = 4) -> NDArray[np.uint8]:
        """Crops as ``(N, 3, size_px, size_px)`` RGB uint8."""
        chosen = range(len(self)) if indices is None else indices
        out = np.empty((len(chosen), 3, size_px, size_px), np.uint8)

        def fill(place: int) -> None:
            out[place] = self.decode(chosen[place], size_px).transpose(2, 0, 1)

        with ThreadPoolExecutor(workers) as pool:  # OpenCV decodes outside the interpreter lock
            for _ in pool.map(fill, range(len(chosen))):
                pass
        return out


def pack_from_crops(
    name: str,
    crops: Sequence[Image],
    landmarks: NDArray[np.floating],
    labels: Sequence[str],
    *,
    about: dict[str, Any] | None = None,
) -> Pack:
    """Compress crops.

    Args:
        crops: ``(S, S, 3)`` RGB uint8, all aligned to the same spec.
        landmarks: ``(N, 68, 2)`` fractions of the crop.
        labels: identity of each crop.
    """
    parts = []
    for crop in crops:
        _, data = cv2.imencode(".webp", crop[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
        parts.append(data.reshape(-1))
    offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    buffer = np.concatenate(parts) if parts else np.zeros(0, np.uint8)
    spec = CropSpec()
    stated = {"template": spec.template, "fit": spec.fit, "size_px": spec.size_px} | (about or {})
    return Pack(name, buffer, offsets, np.asarray(landmarks, np.float32), np.asarray(labels, np.str_), stated)


def write_pack(pack: Pack, path: Path) -> None:
    """Write a pack in one piece: a file of this name is complete or is not there."""
    from .atomic import write_bytes

    stream = io.BytesIO()
    about = np.array(json.dumps(pack.about))
    # np.savez cannot write atomically by itself; WebP does not compress further, so neither does this.
    np.savez(stream, buf=pack.buffer, off=pack.offsets, lm=pack.landmarks, ids=pack.labels, about=about)
    write_bytes(path, stream.getvalue())


def read_pack(path: Path, *, optional: Collection[str] = (), error: type[SwapError] = OptionError) -> Pack:
    """Read a pack; nothing in it is unpickled.

    Args:
        path: the file.
        optional: arrays that it may lack, of ``lm`` and ``ids``.
        error: class to raise.

    Raises:
        SwapError: ``error``, for no such file, or a file that is not a pack.
    """
    if not path.is_file():
        raise error(f"Pack {path} does not exist; make one with `python -m mobilefaceswap_core.training prepare`.")
    values = read_npz(path, error=error, what="pack of face crops")
    if missing := [key for key in _KEYS if key not in values and key not in optional]:
        raise error(f"{path.name} is not a pack of face crops: it has no {', '.join(missing)}.")
    buffer, offsets = values["buf"], values["off"]
    count = values["ids"].size if "ids" in values else max(offsets.size - 1, 0)
    labels = values.get("ids", np.arange(count))
    landmarks = values.get("lm", np.full((count, 68, 2), np.nan, np.float32))
    if offsets.shape != (count + 1,) or landmarks.shape != (count, 68, 2) or buffer.ndim != 1 or labels.ndim != 1:
        raise error(
            f"{path.name} is not a pack of face crops: ids {labels.shape}, off {offsets.shape}, lm {landmarks.shape}, buf "
            f"{buffer.shape}; wanted (N,), (N + 1,), (N, 68, 2) and bytes in one row."
        )
    kinds = (
        buffer.dtype == np.uint8,
        offsets.dtype.kind in "iu",
        landmarks.dtype.kind == "f",
        labels.dtype.kind in "USiu",
    )
    if not all(kinds) or (np.diff(offsets.astype(np.int64), prepend=0, append=len(buffer)) < 0).any():
        raise error(f"{path.name}: its offsets do not lie in its buffer, or its arrays have other types than a pack's.")
    try:
        about = json.loads(str(values["about"])) if "about" in values else {}
        texts = labels.astype(np.str_)
    except (ValueError, RecursionError) as damage:  # UnicodeDecodeError is a ValueError
        raise error(
            f"{path.name}: what it says about itself or its labels is no text ({damage}). Make it anew."
        ) from damage
    return Pack(path.stem, buffer, offsets, landmarks.astype(np.float32), texts, about)
