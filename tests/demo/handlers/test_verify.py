"""The Verify tab's answer, without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.handlers import verify
from demo.messages import Visit
from demo.work.services import Services
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.marking.reading import Reading
from tests.fakes.painted import squares

VISIT = Visit(session="me")


def test_a_file_is_checked_and_its_folder_is_not_told(services: Services, photo: str, tmp_path: Path) -> None:
    shown = verify.check(services, VISIT, file=photo)
    assert "No mark was found" in shown["verdict"]["value"] and shown["raw"]["path"] == "s.png"
    assert verify.check(services, VISIT, file=None)["raw"] is None
    notes = tmp_path / "notes.txt"
    notes.write_text("no photo", encoding="utf-8")
    with pytest.raises(ImageError):
        verify.check(services, VISIT, file=str(notes))


def test_a_crowd_is_not_searched_to_the_last_face_and_that_is_said(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def read(image: Any, faces: list[Any]) -> list[Reading]:
        looked_at.extend(faces)
        return [Reading(0.1, 0, np.zeros(128, np.float32))] * len(faces)

    monkeypatch.setattr("mobilefaceswap_core.marking.verify.read_faces", read)
    crowd = squares(tmp_path / "crowd.png", *[(90, 90, 90)] * 7)
    shown = verify.check(services, VISIT, file=crowd)
    assert len(looked_at) == 4 and shown["raw"]["watermark"]["faces_left"] == 3
    assert "smaller faces not looked at: 3" in shown["verdict"]["value"]
