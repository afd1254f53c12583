"""The Image tab's answers, without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.examples.pairs import EXAMPLES
from demo.handlers import photos
from demo.handlers.faces import look
from demo.handlers.image import save_as, show_near, swap, swap_again, swap_if_complete, swap_reassigned
from demo.messages import Visit
from demo.work.services import Services
from mobilefaceswap_core.errors import ImageError, NoFaceError, OptionError
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.marking import verify_file
from tests.fakes.painted import GREY, colour_of, is_near, squares

RED, BLUE = (200, 30, 30), (30, 30, 200)
VISIT = Visit()


def inputs(**changes: Any) -> dict[str, Any]:
    """What the tab holds before anything was touched."""
    empty = dict.fromkeys(("source", "more", "person_b", "person_c", "person_d", "target"))
    return empty | {"assignment": {}, "model": "graphics", "choices": {}, "looked": None, "format": "PNG", "quality": 95,
                    "consented": True} | changes  # fmt: skip


def test_without_consent_nothing_is_done_or_shown(services: Services, tmp_path: Path) -> None:
    photo = squares(tmp_path / "s.png", RED)
    assert swap(services, VISIT, **inputs(source=photo, target=photo, consented=False)) == {}


def test_a_photo_gets_the_face_and_a_sentence(services: Services, tmp_path: Path) -> None:
    source, target = squares(tmp_path / "s.png", RED), squares(tmp_path / "t.png", GREY, GREY)
    shown = swap(services, VISIT, **inputs(source=source, target=target))
    before, after = shown["result"]
    assert is_near(colour_of(before), GREY) and Path(after).is_file()
    assert shown["status"].startswith("2 of 2 faces swapped in") and shown["status"].split("\n")[0].endswith(
        "by Warp without a network."
    )
    assert Path(shown["download"]).is_file()


def test_faces_are_numbered_from_one_in_every_label(services: Services, tmp_path: Path) -> None:
    shown = look(services, VISIT, target=squares(tmp_path / "t.png", GREY, RED), least=0.9)
    overview, thumbnails = shown["overview"], shown["faces"]["value"]
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
    first, second = squares(tmp_path / "a.png", RED), squares(tmp_path / "b.png", BLUE)
    target = squares(tmp_path / "t.png", GREY, GREY)
    shown = swap(services, VISIT, **inputs(source=first, person_b=second, target=target, assignment={0: "B", 1: "A"}))
    result = read_image(shown["result"][1]).image
    assert is_near(colour_of(result, 0), BLUE) and is_near(colour_of(result, 1), RED)


def test_a_photo_without_a_face_is_said_to_have_none(services: Services, tmp_path: Path) -> None:
    black = squares(tmp_path / "t.png", (0, 0, 0))
    shown = look(services, VISIT, target=black, least=None)
    assert "No face was found" in shown["faces_status"] and shown["faces"]["visible"] is False
    with pytest.raises(NoFaceError):
        swap(services, VISIT, **inputs(source=squares(tmp_path / "s.png", RED), target=black))


def test_taking_the_photo_away_takes_its_faces_away(services: Services) -> None:
    shown = look(services, VISIT, target=None, least=None)
    assert (shown["faces_status"], shown["found"], shown["assignment"]) == ("", [], {})


@pytest.mark.parametrize(("missing", "key"), [("source", "face to use"), ("target", "photo to change")])
def test_what_is_missing_is_named(services: Services, tmp_path: Path, missing: str, key: str) -> None:
    photo = squares(tmp_path / "s.png", RED)
    with pytest.raises(OptionError, match=key):
        swap(services, VISIT, **inputs(source=photo, target=photo) | {missing: None})


def test_a_visitor_is_answered_in_the_own_language(services: Services, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="请先添加要使用的脸的照片"):
        swap(services, Visit("zh-CN"), **inputs())


def test_photos_that_ship_are_swapped_without_a_question_and_own_ones_are_not(
    services: Services, tmp_path: Path
) -> None:
    shipped, own = str(EXAMPLES / "average_1.webp"), squares(tmp_path / "own.png", RED)
    assert swap(services, VISIT, **inputs(source=shipped, target=shipped, consented=False))["status"]
    for which in ("source", "target", "person_b"):
        photos = {"source": shipped, "target": shipped} | {which: own}
        assert swap(services, VISIT, **inputs(**photos, consented=False)) == {}
    assert swap(services, VISIT, **inputs(source=shipped, more=[own], target=shipped, consented=False)) == {}


def test_each_swapped_face_of_a_group_is_seen_from_near(services: Services, tmp_path: Path) -> None:
    red, blue = squares(tmp_path / "a.png", RED), squares(tmp_path / "b.png", BLUE)
    target = squares(tmp_path / "t.png", GREY, GREY, GREY)
    shown = swap(
        services, VISIT, **inputs(source=red, person_b=blue, target=target, assignment={0: "B", 1: "-", 2: "A"})
    )
    assert len(shown["strip"]["value"]) == 2 and shown["strip"]["visible"]
    before, after = shown["near"]["value"]
    assert before.shape == after.shape == (512, 512, 3)
    assert is_near(before[256, 256], GREY) and is_near(after[256, 256], BLUE)
    before, after = show_near(services, VISIT, made=shown["made"], picked=1)["near"]
    assert is_near(before[256, 256], GREY) and is_near(after[256, 256], RED)
    assert show_near(services, VISIT, made=shown["made"], picked=2) == {}


def test_one_swapped_face_needs_no_strip(services: Services, tmp_path: Path) -> None:
    photo = squares(tmp_path / "t.png", GREY)
    assert not swap(services, VISIT, **inputs(source=photo, target=photo))["strip"]["visible"]


@pytest.mark.parametrize(("name", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("WebP", "webp")])
def test_the_file_says_whose_face_and_which_photo_and_is_marked(
    services: Services, tmp_path: Path, name: str, suffix: str
) -> None:
    source, target = squares(tmp_path / "my face.png", RED), squares(tmp_path / "holiday.png", GREY)
    shown = swap(services, VISIT, **inputs(source=source, target=target, format=name))
    file = Path(shown["download"])
    assert re.fullmatch(rf"my_face_on_holiday_\d{{8}}-\d{{6}}\.{suffix}", file.name)
    assert read_image(file).format == name.upper() and verify_file(file).metadata.found
    assert b"my_face" not in file.read_bytes()  # what is handed on does not tell how a visitor names files


def test_another_format_is_made_of_the_result_and_only_while_it_is_shown(services: Services, tmp_path: Path) -> None:
    source, target = squares(tmp_path / "s.png", RED), squares(tmp_path / "t.png", GREY)
    made = swap(services, VISIT, **inputs(source=source, target=target))["made"]
    file = save_as(services, VISIT, made=made, target=target, format="WebP", quality=95)["download"]
    assert read_image(file).format == "WEBP" and verify_file(file).metadata.found
    assert save_as(services, VISIT, made=made, target=source, format="WebP", quality=95) == {}
    assert save_as(services, VISIT, made=made, target=target, format="EXE", quality=95) == {}
    worse = save_as(services, VISIT, made=made, target=target, format="JPEG", quality=50)["download"]
    better = save_as(services, VISIT, made=made, target=target, format="JPEG", quality=100)["download"]
    assert Path(worse).stat().st_size < Path(better).stat().st_size and verify_file(worse).metadata.found
    for quality in (49, 101, True, "95", float("nan")):
        with pytest.raises(OptionError, match="choose 50 to 100"):
            save_as(services, VISIT, made=made, target=target, format="JPEG", quality=quality)  # type: ignore[arg-type]


def test_a_broken_photo_shows_no_faces_and_is_refused_in_our_words(services: Services, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    assert look(services, VISIT, target=str(broken), least=None)["faces"]["visible"] is False
    with pytest.raises(ImageError, match="damaged"):
        photos.check(services, VISIT, photo=str(broken))
    photos.check(services, VISIT, photo=None)


def test_both_photos_are_swapped_at_once_and_one_alone_waits(services: Services, tmp_path: Path) -> None:
    source, target = squares(tmp_path / "s.png", RED), squares(tmp_path / "t.png", GREY)
    assert swap_if_complete(services, VISIT, **inputs(source=source)) == {}
    assert swap_if_complete(services, VISIT, **inputs(target=target)) == {}
    assert swap_if_complete(services, VISIT, **inputs(source=source, target=target, consented=False)) == {}
    assert swap_if_complete(services, VISIT, **inputs(source=source, target=target))["made"].target == target
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    assert swap_if_complete(services, VISIT, **inputs(source=str(broken), target=target)) == {}


def test_the_last_picture_follows_what_is_chosen_about_it(services: Services, tmp_path: Path) -> None:
    source, target = squares(tmp_path / "s.png", RED), squares(tmp_path / "t.png", GREY, GREY)
    other = squares(tmp_path / "b.png", BLUE)
    given = inputs(source=source, person_b=other, target=target, assignment={0: "A", 1: "A"})
    assert swap_again(services, VISIT, made=None, **given) == {}
    made = swap(services, VISIT, **given)["made"]
    assert swap_again(services, VISIT, made=made, **given | {"target": source}) == {}
    fainter = swap_again(services, VISIT, made=made, **given | {"choices": {"strength": 0.5}})["result"][1]
    assert not is_near(colour_of(read_image(fainter).image), RED)
    assert swap_reassigned(services, VISIT, made=made, **given) == {}
    moved = swap_reassigned(services, VISIT, made=made, **given | {"assignment": {0: "A", 1: "B"}})
    assert is_near(colour_of(read_image(moved["result"][1]).image, 1), BLUE)
