"""Counting: numbers from 1 for people, indices from 0 in Python, and every text agrees."""

from __future__ import annotations

import pytest

from mobilefaceswap_core.cli.image import no_swap_error
from mobilefaceswap_core.cli.options import parse_faces, parse_map, parse_source_face
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.choose import choose_faces
from mobilefaceswap_core.faces.numbers import index_of, number_of


def test_numbers_and_indices_are_each_others_inverse() -> None:
    assert [number_of(index) for index in range(3)] == [1, 2, 3]
    assert all(index_of(number_of(index)) == index for index in range(100))


@pytest.mark.parametrize("number", [0, -1])
def test_below_one_is_refused_with_what_is_wanted(number: int) -> None:
    with pytest.raises(OptionError, match=rf"--face: got {number}, wanted a face number from 1"):
        index_of(number, "--face")


@pytest.mark.parametrize(
    ("read", "where"), [(parse_faces, "--face"), (lambda text: parse_map([f"{text}=a.jpg"]), "--map"), (parse_source_face, "--source-face")]
)  # fmt: skip
def test_zero_on_the_command_line_is_refused_and_one_is_the_first(read, where: str) -> None:
    with pytest.raises(OptionError, match=f"{where}: got 0, .* the first face is 1"):
        read("0")
    assert 0 in (read("1") if where != "--source-face" else [read("1")])


def test_a_face_that_is_not_there_is_named_as_it_was_asked_for() -> None:
    (asked,) = parse_faces("3")
    with pytest.raises(OptionError, match="Face 3 was chosen, but the target shows 2 faces"):
        choose_faces([object(), object()], "anna", [asked])  # type: ignore[list-item]  # faces are only counted


def test_the_command_line_says_which_faces_were_left_alone_as_the_report_numbers_them() -> None:
    said = no_swap_error({"faces_found": 2, "target": "t.jpg", "skipped": {"1": "smaller than 16 px"}})
    assert "face 1: smaller than 16 px" in str(said)
