"""The pair list: which source goes onto which target. Drawn with a seed, written to a file, named by its hash."""

from __future__ import annotations

import csv
import io
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.digest import file_sha256

from .cells import original_cell, plain_cell
from .records import write_text

COLUMNS = ("pair", "source", "target", "source_identity", "target_identity", "clip", "frame", "previous")
CLIP_COLUMNS = (*COLUMNS, "previous_target")  # written when the list holds consecutive frames
REQUIRED = ("source", "target")
_TRIES = 30  # draws for a pair not chosen yet, per person and round
_MOST_DIGITS = 12  # of a frame number; Python refuses to read thousands of them with an error of its own


@dataclass(frozen=True, slots=True)
class Pair:
    """One swap to make.

    Attributes:
        index: row number from 0; names the swapped image.
        source: image reference (see :mod:`eval.images`) of the face that gives identity.
        target: image reference of the face that gives pose, expression and surroundings.
        source_identity: label of the person in the source.
        target_identity: label of the person in the target.
        clip: name of the video the target is a frame of; empty for photos.
        frame: frame number in that video; -1 for photos.
        previous: row of the pair whose target is the frame just before this one and whose source is the same; -1 without.
        previous_target: that row's target, so that nobody has to search the list for it; empty without.
    """

    index: int
    source: str
    target: str
    source_identity: str
    target_identity: str
    clip: str = ""
    frame: int = -1
    previous: int = -1
    previous_target: str = ""

    @property
    def name(self) -> str:
        """File name stem of the swapped image."""
        return f"{self.index:06d}"

    @property
    def clip_key(self) -> tuple[str, str] | None:
        """What the frames of one clip have in common, its name and who is put into it; ``None`` for a photo."""
        return (self.clip, self.source_identity) if self.clip else None


def pair_texts(pair: Pair) -> tuple[str, ...]:
    """The columns of a pair that hold names."""
    return pair.source, pair.target, pair.source_identity, pair.target_identity, pair.clip


def write_pairs(path: Path, pairs: Sequence[Pair]) -> str:
    """Write ``pairs.csv`` and return its SHA-256. Names that a spreadsheet would run are quoted (:mod:`eval.cells`)."""
    buffer = io.StringIO()
    # Python quotes a cell with the line end in use, but not with the other one, which splits the row for readers.
    odd = any("\r" in text for pair in pairs for text in pair_texts(pair))
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if odd else csv.QUOTE_MINIMAL)
    clips = any(pair.previous >= 0 for pair in pairs)
    writer.writerow(CLIP_COLUMNS if clips else COLUMNS)
    for pair in pairs:
        frame = "" if pair.frame < 0 else pair.frame
        previous = "" if pair.previous < 0 else pair.previous
        texts = pair_texts(pair)
        row = [pair.index, *map(plain_cell, texts), frame, previous]
        writer.writerow([*row, plain_cell(pair.previous_target)] if clips else row)
    write_text(path, buffer.getvalue())
    return file_sha256(path)


def iterate_pairs(path: Path, *, limit: int | None = None) -> Iterator[Pair]:
    """Read a pair list written by :func:`write_pairs`, one row at a time.

    Raises:
        OptionError: naming the line, when a row cannot be read.
    """
    for number, (line, row) in enumerate(_rows(path)):
        pair = _parse(row, line, path, number)
        if limit is not None and pair.index >= limit:
            return
        yield pair


def count_pairs(path: Path, *, limit: int | None = None) -> int:
    """Rows of a pair list, at most ``limit``."""
    return sum(1 for _ in iterate_pairs(path, limit=limit))


def read_foreign_pairs(path: Path) -> tuple[list[Pair], list[int], list[str]]:
    """Read somebody's CSV with at least the columns ``source`` and ``target``.

    Identities default to the reference itself; rows are numbered anew; ``previous`` is worked out from ``clip`` and
    ``frame``. An apostrophe before what would be a formula is taken away.

    Returns:
        The pairs, the line of each in the file, and one message per row that could not be read, naming its line.
    """
    pairs: list[Pair] = []
    lines: list[int] = []
    problems: list[str] = []
    last: dict[tuple[str, str], Pair] = {}
    for line, row in _rows(path):
        source, target = _cell(row, "source"), _cell(row, "target")
        if not source or not target:
            problems.append(
                f"{path.name} line {line}: wanted a source and a target, got {reprlib.repr(dict(row))}; row left out"
            )
            continue
        frame_text = _cell(row, "frame")
        if frame_text and (not frame_text.isdecimal() or len(frame_text) > _MOST_DIGITS):
            shown = reprlib.repr(frame_text)
            problems.append(f"{path.name} line {line}: frame is {shown}, wanted a whole number; row left out")
            continue
        clip, frame = _cell(row, "clip"), int(frame_text) if frame_text else -1
        source_identity = _cell(row, "source_identity") or source
        before = last.get((clip, source_identity)) if clip else None
        follows = before is not None and before.frame == frame - 1 and frame > 0
        pair = Pair(
            index=len(pairs),
            source=source,
            target=target,
            source_identity=source_identity,
            target_identity=_cell(row, "target_identity") or target,
            clip=clip,
            frame=frame,
            previous=before.index if follows and before else -1,
            previous_target=before.target if follows and before else "",
        )
        pairs.append(pair)
        lines.append(line)
        if clip:
            last[(clip, source_identity)] = pair
    return pairs, lines, problems


def draw_pairs(
    images: Mapping[str, Sequence[str]], *, count: int, seed: int, sources: Mapping[str, Sequence[str]] | None = None
) -> list[Pair]:
    """Draw pairs of different people, sources spread evenly over identities.

    Args:
        images: image references by identity; targets, and sources too unless ``sources`` is given.
        count: pairs wanted; fewer come back when fewer distinct ones exist.
        seed: of the draw; the same seed and images give the same list everywhere.
        sources: image references of possible sources by identity.

    Returns:
        Pairs in random order, none twice.

    Raises:
        OptionError: when there are fewer than two identities to swap between.
    """
    source_pool = {k: sorted(v) for k, v in sorted((sources or images).items()) if v}
    target_pool = {k: sorted(v) for k, v in sorted(images.items()) if v}
    people = list(source_pool)
    if len(set(people) | set(target_pool)) < 2 or not people:
        raise OptionError(f"Swapping needs at least two identities; the data set has {len(people)}. Check --root.")
    random = np.random.default_rng(seed)
    chosen: dict[tuple[str, str], tuple[str, str]] = {}
    target_people = list(target_pool)
    position = {person: i for i, person in enumerate(target_people)}
    stale = 0
    # Round after round over shuffled identities, so that each gives as many sources as any other. Rounds that find only
    # pairs already chosen are counted; several in a row mean that the pool is exhausted for practical purposes.
    while len(chosen) < count and stale < 5:
        before = len(chosen)
        for k in random.permutation(len(people)):
            person = people[int(k)]
            others = len(target_people) - (person in position)
            if len(chosen) >= count or not others:
                continue
            for _ in range(_TRIES):
                # A number among the others, then past the person's own place: no list of others per person.
                number = int(random.integers(others))
                target_person = target_people[number + (number >= position.get(person, others))]
                source = source_pool[person][int(random.integers(len(source_pool[person])))]
                target = target_pool[target_person][int(random.integers(len(target_pool[target_person])))]
                if (source, target) not in chosen:
                    chosen[source, target] = (person, target_person)
                    break
        stale = stale + 1 if len(chosen) == before else 0
    return [
        Pair(index=i, source=source, target=target, source_identity=a, target_identity=b)
        for i, ((source, target), (a, b)) in enumerate(chosen.items())
    ]


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise OptionError(f"No pair list at {path}; give a CSV file with the columns source and target.")
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        try:
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or [])]
            if missing:
                raise OptionError(
                    f"{path.name} has the columns {reader.fieldnames}; wanted at least {', '.join(REQUIRED)} in the first "
                    "line."
                )
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise OptionError(f"{path.name} line {reader.line_num + 1}: not CSV in UTF-8 ({error}).") from error


def _cell(row: Mapping[str, str], name: str) -> str:
    """A text of somebody's list; ``DictReader`` gives ``None`` for what a short row leaves out."""
    return original_cell((row.get(name) or "").strip())


def _parse(row: Mapping[str, str], line: int, path: Path, number: int) -> Pair:
    """A row of our own list; its number is the place of images and records, so it must be its place in the list."""
    try:
        pair = Pair(
            index=int(row["pair"]),
            source=original_cell(row["source"]),
            target=original_cell(row["target"]),
            source_identity=original_cell(row["source_identity"]),
            target_identity=original_cell(row["target_identity"]),
            clip=original_cell(row["clip"]),
            frame=int(row["frame"]) if row["frame"] else -1,
            previous=int(row["previous"]) if row["previous"] else -1,
            previous_target=original_cell(row.get("previous_target") or ""),
        )
        if pair.index != number:
            raise ValueError(f"its pair is {pair.index}, wanted {number}: rows are numbered from 0")
        return pair
    except (KeyError, ValueError, TypeError) as error:
        raise OptionError(f"{path.name} line {line} is not a row of a pair list: {error!r}.") from error
