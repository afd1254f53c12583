"""The Image tab's answers, without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.handlers.image import look, swap
from demo.messages import Visit
from demo.work.services import Services
from mobilefaceswap_core.errors import NoFaceError, OptionError
from tests.fakes.painted import GREY, colour_of, is_near, squares

RED, BLUE = (200, 30, 30), (30, 30, 200)
VISIT = Visit()


def inputs(**changes: Any) -> dict[str, Any]:
    """What the tab holds before anything was touched."""
    empty = dict.fromkeys(("source", "more", "person_b", "person_c", "person_d", "target"))
    return empty | {"assignment": {}, "model": "graphics", "choices": {}, "looked": None, "consented": True} | changes


def test_without_consent_nothing_is_done_or_shown(services: Services, tmp_path: Path) -> None:
    photo = squares(tmp_path / "s.png", RED)
    assert swap(services, VISIT, **inputs(source=photo, target=photo, consented=False)) == {}


def test_a_photo_gets_the_face_and_a_sentence(services: Services, tmp_path: Path) -> None:
    source, target = squares(tmp_path / "s.png", RED), squares(tmp_path / "t.png", GREY, GREY)
    shown = swap(services, VISIT, **inputs(source=source, target=target))
    before, after = shown["result"]
    assert is_near(colour_of(before), GREY) and Path(after).is_file()
    assert shown["status"].startswith("2 of 2 faces swapped") and shown["download"]["value"] == after


def test_faces_are_numbered_from_one_in_every_label(services: Services, tmp_path: Path) -> None:
    shown = look(services, VISIT, target=squares(tmp_path / "t.png", GREY, RED))
    overview, *thumbnails = shown["faces"]["value"]
    assert [label for _, label in thumbnails] == ["Face 1", "Face 2"]
    assert isinstance(overview, np.ndarray) and shown["faces_status"].startswith("2 faces found")
    assert shown["assignment"] == {0: "A", 1: "A"} and len(shown["found"]) == 2


def test_a_person_without_a_photo_is_missed_on_the_face_of_that_label(services: Services, tmp_path: Path) -> None:
    photo = squares(tmp_path / "t.png", GREY, GREY)
    with pytest.raises(OptionError, match="Person B was chosen for face 2"):
        swap(services, VISIT, **inputs(source=photo, target=photo, assignment={0: "A", 1: "B"}))


def test_an_error_of_the_core_counts_like_the_labels(services: Services, tmp_path: Path) -> None:
    photo = squares(tmp_path / "t.png", GREY)
    with pytest.raises(OptionError, match="Face 3 was chosen, but the target shows 1 face"):
        swap(services, VISIT, **inputs(source=photo, target=photo, assignment={2: "A"}))


def test_two_people_go_where_they_were_sent(services: Services, tmp_path: Path) -> None:
    from mobilefaceswap_core.files.images import read_image

    first, second = squares(tmp_path / "a.png", RED), squares(tmp_path / "b.png", BLUE)
    target = squares(tmp_path / "t.png", GREY, GREY)
    shown = swap(services, VISIT, **inputs(source=first, person_b=second, target=target, assignment={0: "B", 1: "A"}))
    result = read_image(shown["result"][1]).image
    assert is_near(colour_of(result, 0), BLUE) and is_near(colour_of(result, 1), RED)


def test_a_photo_without_a_face_is_said_to_have_none(services: Services, tmp_path: Path) -> None:
    black = squares(tmp_path / "t.png", (0, 0, 0))
    shown = look(services, VISIT, target=black)
    assert "No face was found" in shown["faces_status"] and shown["faces"]["visible"] is False
    with pytest.raises(NoFaceError):
        swap(services, VISIT, **inputs(source=squares(tmp_path / "s.png", RED), target=black))


def test_taking_the_photo_away_takes_its_faces_away(services: Services) -> None:
    shown = look(services, VISIT, target=None)
    assert (shown["faces_status"], shown["found"], shown["assignment"]) == ("", [], {})


@pytest.mark.parametrize(("missing", "key"), [("source", "face to use"), ("target", "photo to change")])
def test_what_is_missing_is_named(services: Services, tmp_path: Path, missing: str, key: str) -> None:
    photo = squares(tmp_path / "s.png", RED)
    with pytest.raises(OptionError, match=key):
        swap(services, VISIT, **inputs(source=photo, target=photo) | {missing: None})


def test_a_visitor_is_answered_in_the_own_language(services: Services, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="请先添加要使用的脸的照片"):
        swap(services, Visit("zh-CN"), **inputs())
