"""Who is who in a pair list that does not say: told from folders where that is plain, otherwise unknown and said so.

Identities decide what a right retrieval is and which pairs are independent, so they are never made up without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from ..images import split_reference
from ..pairs import Pair

People = Literal["listed", "folders", "photos"]
_NEED = "Add the column source_identity (and target_identity)."


def with_people(pairs: Sequence[Pair], listing: str) -> tuple[list[Pair], People, str]:
    """Fill in the identities that a list leaves out.

    Args:
        pairs: as :func:`eval.pairs.read_foreign_pairs` gives them: an identity that is not listed is the reference itself.
        listing: name of the list, for the sentence.

    Returns:
        The pairs; where identities come from (``photos``: nowhere, each photo counts as a person of its own); and a sentence
        to tell, empty when the list says everything.
    """
    without_source = [pair for pair in pairs if pair.source_identity == pair.source]
    without_target = [pair for pair in pairs if pair.target_identity == pair.target]
    if not without_source and not without_target:
        return list(pairs), "listed", ""
    unknown = {pair.source for pair in without_source} | {pair.target for pair in without_target}
    which = " and ".join(
        name for name, rows in (("source_identity", without_source), ("target_identity", without_target)) if rows
    )
    folders = people_by_folder(unknown, [(p.source, p.target) for p in pairs])
    if folders is None:
        people: People = "photos" if without_source else "listed"
        costs = "ID retrieval and verification are left out, and intervals are too narrow" if without_source else (
            "intervals are too narrow where one person is in several targets"
        )  # fmt: skip
        return list(pairs), people, (
            f"{listing} lacks {which}, and its folders do not tell who is who: each photo counts as a person of its own, so "
            f"{costs}. {_NEED}"
        )  # fmt: skip
    filled = [
        replace(
            pair,
            source_identity=folders.get(pair.source_identity, pair.source_identity),
            target_identity=folders.get(pair.target_identity, pair.target_identity),
        )
        for pair in pairs
    ]
    named = sorted(set(folders.values()))
    return filled, "folders", (
        f"{listing} lacks {which}: taken from {len(named)} folders, such as {named[0]}. If these are not people, {_NEED[0].lower()}{_NEED[1:]}"
    )  # fmt: skip


def people_by_folder(references: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """A person for each reference by its folder or clip, or ``None`` where folders cannot be people.

    They can when every reference has one, sources come from two folders or more, and no pair stays inside one.

    >>> people_by_folder(["a/1.png", "b/1.png"], [("a/1.png", "b/1.png"), ("b/1.png", "a/1.png")])
    {'a/1.png': 'a', 'b/1.png': 'b'}
    >>> people_by_folder(["source/1.png", "target/1.png"], [("source/1.png", "target/1.png")]) is None
    True
    """
    found = {reference: _folder(reference) for reference in sorted(references)}
    if not all(found.values()):
        return None
    pairs = list(pairs)
    sources = {_folder(source) for source, _ in pairs}
    mixed = any(_folder(source) == _folder(target) for source, target in pairs)
    return None if len(sources) < 2 or mixed else found


def _folder(reference: str) -> str:
    """The folder of a photo, or the clip of a frame; empty where there is none, as for a crop of a pack."""
    path, number = split_reference(reference)
    if number is not None:
        return "" if path.lower().endswith(".npz") else path
    parent = PurePosixPath(path).parent.as_posix()
    return "" if parent == "." else parent
