"""Taps in the photo: who goes on which face, and a box around one that was not found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.handlers.faces import look, tap
from demo.handlers.image import swap
from demo.messages import Visit
from demo.work.previews import numbered, shown_scale
from demo.work.services import Services
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.images import read_image
from tests.fakes.painted import GREY, SIDE, colour_of, is_near, squares

RED = (200, 30, 30)
VISIT = Visit()


class Tapping:
    """A visitor who taps in the picture with the numbers."""

    def __init__(self, services: Services, target: str, **people: str) -> None:
        self._services, self._target = services, target
        self._people = dict.fromkeys(("person_b", "person_c", "person_d")) | people
        self.state = look(services, VISIT, target=target, least=None)

    def tap(self, x: float, y: float) -> dict[str, Any]:
        """At a place of the photo."""
        scale = shown_scale(read_image(self._target).image)
        given = {name: self.state[name] for name in ("looked", "assignment", "corner")}
        changed = tap(
            self._services, VISIT, target=self._target, tapped=(scale * x, scale * y, 1.0), **given, **self._people
        )
        self.state = {**self.state, **changed}
        return changed


def test_a_tap_sends_the_next_person_to_a_face_and_nobody_at_last(services: Services, tmp_path: Path) -> None:
    photo = squares(tmp_path / "t.png", GREY, GREY)
    visitor = Tapping(services, photo, person_c=photo)
    seen = []
    for _ in range(3):
        visitor.tap(1.5 * SIDE, 0.5 * SIDE)
        seen.append(visitor.state["assignment"])
        assert visitor.state["found"] == list(visitor.state["assignment"].values())
    assert seen == [{0: "A", 1: "C"}, {0: "A", 1: "-"}, {0: "A", 1: "A"}]


def test_two_taps_beside_all_faces_draw_one_that_is_swapped_too(services: Services, tmp_path: Path) -> None:
    photo = squares(tmp_path / "t.png", (0, 0, 0), GREY)  # none is found in a black square
    visitor = Tapping(services, photo)
    assert len(visitor.state["looked"][1]) == 1
    begun = visitor.tap(10, 20)
    assert begun["corner"] == (10, 20) and "opposite" in begun["faces_status"] and "looked" not in begun
    visitor.tap(SIDE - 10, SIDE - 5)
    assert visitor.state["corner"] is None and visitor.state["assignment"] == {0: "A", 1: "A"}
    first, second = visitor.state["looked"][1]
    assert first.box.tolist() == [10, 20, SIDE - 10, SIDE - 5] and first.landmarks is not None and second.box[0] == SIDE
    source = squares(tmp_path / "s.png", RED)
    empty = dict.fromkeys(("more", "person_b", "person_c", "person_d"))
    made = swap(services, VISIT, source=source, target=photo, assignment=visitor.state["assignment"], model="graphics",
                choices={}, looked=visitor.state["looked"], format="PNG", quality=95, consented=True, **empty)  # fmt: skip
    assert made["status"].startswith("2 of 2 faces")
    assert is_near(colour_of(read_image(made["result"][1]).image, 1), RED)


def test_a_box_too_small_for_a_face_is_refused(services: Services, tmp_path: Path) -> None:
    visitor = Tapping(services, squares(tmp_path / "t.png", (0, 0, 0), GREY))
    visitor.tap(10, 10)
    with pytest.raises(OptionError, match="16 x 16 px around a face"):
        visitor.tap(20, 200)


def test_a_tap_in_a_photo_that_is_gone_does_nothing(services: Services, tmp_path: Path) -> None:
    photo, other = squares(tmp_path / "t.png", GREY), squares(tmp_path / "o.png", RED)
    state = look(services, VISIT, target=photo, least=None)
    given: dict[str, Any] = dict.fromkeys(("person_b", "person_c", "person_d"))
    given |= {"looked": state["looked"], "assignment": {0: "A"}, "corner": None}
    assert tap(services, VISIT, target=other, tapped=(5, 5, 0), **given) == {}
    assert tap(services, VISIT, target=None, tapped=(5, 5, 0), **given) == {}
    assert tap(services, VISIT, target=photo, tapped=None, **given) == {}


def test_a_face_left_alone_is_grey_in_the_picture_with_the_numbers(services: Services, tmp_path: Path) -> None:
    image = read_image(squares(tmp_path / "t.png", GREY, GREY)).image
    faces = services.engine.find_faces(tmp_path / "t.png")[1]
    plain, grey = numbered(image, faces), numbered(image, faces, left_alone={1})
    assert np.array_equal(plain[:, : SIDE - 8], grey[:, : SIDE - 8]) and not np.array_equal(plain, grey)
    edge = grey[-1, SIDE + SIDE // 2].astype(int)
    assert np.ptp(edge) < 10


def test_the_panel_opens_where_there_is_something_to_choose(services: Services, tmp_path: Path) -> None:
    one, two = squares(tmp_path / "1.png", GREY), squares(tmp_path / "2.png", GREY, GREY)
    none = squares(tmp_path / "0.png", (0, 0, 0))
    opened = [look(services, VISIT, target=photo, least=0.5)["panel"]["open"] for photo in (none, one, two)]
    assert opened == [True, False, True]
    assert look(services, VISIT, target=two, least=0.5)["least"]["visible"] is False  # the fake has no threshold
