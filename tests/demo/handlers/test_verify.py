"""The Verify tab's answer, without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.handlers import verify
from demo.messages import Visit
from demo.work.services import Services
from mobilefaceswap_core.errors import ImageError

VISIT = Visit(session="me")


def test_a_file_is_checked_and_its_folder_is_not_told(services: Services, photo: str, tmp_path: Path) -> None:
    shown = verify.check(services, VISIT, file=photo)
    assert "No mark was found" in shown["verdict"]["value"] and shown["raw"]["path"] == "s.png"
    assert verify.check(services, VISIT, file=None)["raw"] is None
    notes = tmp_path / "notes.txt"
    notes.write_text("no photo", encoding="utf-8")
    with pytest.raises(ImageError):
        verify.check(services, VISIT, file=str(notes))
