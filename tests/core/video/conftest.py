"""What tests of clips share."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.fakes import clips


@pytest.fixture(scope="session")
def with_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures of a portrait with a tone."""
    path = tmp_path_factory.mktemp("clips") / "sound.mp4"
    return clips.write_clip(path, clips.portrait_frames(20), rate=Fraction(30000, 1001), sound=True)
