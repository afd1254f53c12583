"""One reader of packs, for training, evaluation and the detector benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.files.packs import pack_from_crops, read_pack, write_pack


@pytest.fixture
def arrays() -> dict[str, Any]:
    crops = [np.full((16, 16, 3), value, np.uint8) for value in (40, 200)]
    pack = pack_from_crops("p", crops, np.full((2, 68, 2), 0.5), ["a", "b"])
    return {"buf": pack.buffer, "off": pack.offsets, "lm": pack.landmarks, "ids": pack.labels}


def stored(path: Path, arrays: dict[str, Any], **changed: Any) -> Path:
    np.savez(path, **{name: array for name, array in (arrays | changed).items() if array is not None})
    return path


def test_a_pack_reads_back_as_written(tmp_path: Path, arrays: dict[str, Any]) -> None:
    pack = read_pack(stored(tmp_path / "p.npz", arrays))
    write_pack(pack, tmp_path / "again.npz")
    again = read_pack(tmp_path / "again.npz")
    assert again.labels.tolist() == ["a", "b"] and again.has_landmarks
    assert abs(int(again.decode(1, 16)[0, 0, 0]) - 200) < 3
    assert again.encoded(0).tobytes() == pack.encoded(0).tobytes()


def test_landmarks_and_labels_may_be_missing_only_where_that_is_said(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = stored(tmp_path / "p.npz", arrays, lm=None, ids=None)
    with pytest.raises(OptionError, match="it has no lm, ids"):
        read_pack(path)
    with pytest.raises(ImageError, match="it has no ids"):
        read_pack(path, optional=("lm",), error=ImageError)
    pack = read_pack(path, optional=("lm", "ids"))
    assert len(pack) == 2 and pack.labels.tolist() == ["0", "1"]
    assert not pack.has_landmarks and pack.landmarks.shape == (2, 68, 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"off": np.array([0, 10])},
        {"off": np.array([0, 10, 10**9])},
        {"off": np.array([0, -5, 10])},
        {"off": np.array(0)},
        {"buf": np.zeros((4, 4), np.uint8)},
        {"buf": np.zeros(400, np.int64)},
        {"lm": np.zeros((3, 68, 2), np.float32)},
        {"lm": np.zeros((2, 68, 2), np.int64)},
        {"ids": np.array([[1, 2]])},
        {"ids": np.array([1.5, 2.5])},
        {"about": np.array("{")},
    ],
)
@pytest.mark.parametrize("optional", [(), ("lm", "ids")])
def test_arrays_that_do_not_fit_together_are_refused(
    tmp_path: Path, arrays: dict[str, Any], changed: dict[str, Any], optional: tuple[str, ...]
) -> None:
    path = stored(tmp_path / "p.npz", arrays, **changed)
    with pytest.raises(ImageError, match=r"p\.npz"):
        read_pack(path, optional=optional, error=ImageError)
