"""The page of the docs that says what becomes of each situation, written from the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from .kept import CLIP_RESULTS, CLIP_TABLE, PHOTO_RESULTS, PHOTO_TABLE
from .situations import SITUATIONS, Situation

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "situations.md"
_INTRODUCTION = """# What happens to my photo or clip

Each line is a test that runs the command line on a file of this kind (`tests/corpus`); this page is written from the tests
by `python -m tests.corpus page`. Unless a line says more, the result has every picture in order, upright, of the same size,
at the same times and announced rate, sound in step to within one picture, and a note for everything that was left out.
"""
_KEPT = """## What a result keeps

*kept*: it is in the result. *note*: it is left out, and the report says so (of where a photo or clip was taken, unless
`--keep-personal` is given). Sound is AAC here, subtitles are SubRip.

"""


def page() -> str:
    """The text of the page."""
    parts = [_INTRODUCTION]
    for group, rows in groupby(SITUATIONS, key=lambda row: row.group):
        parts.append(f"## {group}\n\n| you give | you get |\n|---|---|\n" + "".join(map(_line, rows)))
    parts.append(
        _KEPT + _table("of a clip", CLIP_RESULTS, CLIP_TABLE) + "\n" + _table("of a photo", PHOTO_RESULTS, PHOTO_TABLE)
    )
    return "\n".join(parts)


def _table(head: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = [f"| {head} | {' | '.join(f'`{column}`' for column in columns)} |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]) + "\n"


def _line(row: Situation) -> str:
    return f"| {_cell(row.gives)} | {_cell(_gets(row))} |\n"


def _gets(row: Situation) -> str:
    if row.refused:
        return f"no result, exit code {row.code}; the message says: …{row.refused}…"
    said = []
    if row.frames < 0:
        said.append("the pictures that could be read")
    elif row.command == "video" and row.frames != 10:
        said.append(
            f"{row.frames} picture{'s' if row.frames > 1 else ''}, the first one number {row.first + 1} of its tens"
        )
    if row.sound:
        said.append(f"sound as it was ({', '.join(row.sound)})")
    said += row.kept
    said += [f"a note: …{word}…" for word in row.notes]
    if not said:
        said.append("the swapped photo" if row.command == "image" else "the swapped clip")
    return "; ".join(said)


def _cell(text: str) -> str:
    return (
        text.replace("|", r"\|")
        .replace("\n", r"\n")
        .replace("<", "&lt;")
        .replace("*", r"\*")
        .replace("`image`", "`image`")
    )
