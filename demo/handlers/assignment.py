"""Who goes on which face: the people that a visitor gives photos of, A to D, and the faces or people of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.numbers import number_of

from ..texts import say

PEOPLE = "ABCD"
NOBODY = "-"


def everyone(count: int) -> dict[int, str]:
    """Person A on each of ``count`` faces; letter by face index."""
    return dict.fromkeys(range(count), PEOPLE[0])


def assign(letter: str, chosen: Mapping[int, str], *, index: int) -> dict[int, str]:
    """The choice with another person, or nobody, on one face."""
    return {**chosen, index: letter}


def others_than_first(chosen: Mapping[int, str]) -> dict[int, str]:
    """What was chosen where it is not the first person, who goes everywhere unless somebody says otherwise."""
    return {index: letter for index, letter in chosen.items() if letter != PEOPLE[0]}


def people_by_face(
    people: Mapping[str, Sequence[str | None]], chosen: Mapping[int, str], spoken: str
) -> list[str] | dict[int, list[str]]:
    """Source photos by face index, or one person's photos when nothing was chosen.

    Args:
        people: photos by letter; ``None`` for an empty place.
        chosen: letter by face index.
        spoken: language of the message.

    Raises:
        OptionError: everybody stays as they are, or a chosen person has no photo.
    """
    photos = {letter: [path for path in paths if path] for letter, paths in people.items()}
    if not chosen:
        if not photos[PEOPLE[0]]:
            raise OptionError(say("need_source", spoken))
        return photos[PEOPLE[0]]
    wanted = {index: letter for index, letter in chosen.items() if letter != NOBODY}
    if not wanted:
        raise OptionError(say("nobody_chosen", spoken))
    for index, letter in wanted.items():
        if not photos[letter]:
            raise OptionError(say("missing_person", spoken, letter=letter, number=number_of(index)))
    return {index: photos[letter] for index, letter in wanted.items()}
