"""Two photos, as the pages name them."""

from __future__ import annotations

from pathlib import Path

import insightface.data
import numpy as np
import pytest

from mobilefaceswap_core.files.images import read_image, write_image

from .pages import ROOT


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with ``me.jpg`` (a portrait of nobody) and ``group.jpg`` (the sample photo of insightface, six faces)."""
    portrait = read_image(ROOT / "demo" / "examples" / "portraits" / "average_1.webp").image
    write_image(tmp_path / "me.jpg", portrait)
    group = np.ascontiguousarray(insightface.data.get_image("t1")[..., ::-1])
    write_image(tmp_path / "group.jpg", group)
    return tmp_path
