"""The Verify tab's answer, without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.examples.pairs import CARD
from demo.handlers import verify
from demo.messages import Visit
from demo.texts import LANGUAGES, load_texts
from demo.work.services import Services
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.marking.carriers import COARSE
from mobilefaceswap_core.marking.reading import Reading
from mobilefaceswap_core.marking.verify import (
    _STATES,
    CredentialsFinding,
    MetadataFinding,
    VerifyReport,
    WatermarkFinding,
)
from tests.fakes.painted import squares

VISIT = Visit(session="me")


def answer(services: Services, file: str | None, spoken: str = "en") -> dict[str, Any]:
    """The last of what is shown."""
    *_, last = verify.check(services, Visit(spoken, session="me"), file=file)
    return last


def test_a_file_is_checked_and_its_folder_is_not_told(services: Services, photo: str, tmp_path: Path) -> None:
    looking, shown = verify.check(services, VISIT, file=photo)
    assert "Looking for marks" in looking["progress"] and shown["progress"] == ""
    assert "No sign of a face swap was found" in shown["verdict"] and shown["raw"]["path"] == "s.png"
    assert answer(services, None)["raw"] is None
    notes = tmp_path / "notes.txt"
    notes.write_text("no photo", encoding="utf-8")
    with pytest.raises(ImageError):
        answer(services, str(notes))


def test_the_first_sentence_needs_no_knowledge_and_the_layers_follow(services: Services) -> None:
    shown = answer(services, str(CARD))["verdict"]
    first = re.search(r"<h2[^>]*>(.*?)</h2><p>(.*?)</p>", shown)
    assert first and first[1] == "A face in this file was swapped."
    assert first[2].startswith("It says so itself, by a note in the file") and first[2].endswith(".")
    assert shown.index("A face in this file") < shown.index("Content credentials")
    assert shown.count("<dt>") == 3 == shown.count("<dd>")
    assert "有一张脸被替换过" in answer(services, str(CARD), "zh-CN")["verdict"]


@pytest.mark.parametrize("state", [*_STATES])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_a_credential_is_told_in_words(language: str, state: str) -> None:
    assert f"verify_state_{state}" in load_texts(language)


def test_what_a_file_says_of_itself_is_no_markup() -> None:
    report = VerifyReport(
        "a.png", True, MetadataFinding(True, "compositeWithTrainedAlgorithmicMedia", "<script>1</script>", "<b>x</b>"),
        WatermarkFinding(False, 1), CredentialsFinding(False, "absent"),
    )  # fmt: skip
    shown = verify.in_words(report, "en")
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "<b>x" not in shown


def test_a_crowd_is_not_searched_to_the_last_face_and_that_is_said(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def read(image: Any, faces: list[Any]) -> list[Reading]:
        looked_at.extend(faces)
        return [Reading(0.1, 0, np.zeros(128, np.float32), COARSE)] * len(faces)

    monkeypatch.setattr("mobilefaceswap_core.marking.verify.read_faces", read)
    crowd = squares(tmp_path / "crowd.png", *[(90, 90, 90)] * 7)
    shown = answer(services, crowd)
    assert len(looked_at) == 4 and shown["raw"]["watermark"]["faces_left"] == 3
    assert "smaller faces not looked at: 3" in shown["verdict"]
