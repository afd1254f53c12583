"""What of a pair list belongs together: a photo stands alone, the frames of a clip are one piece of work.

A clip is swapped as a clip: its frames in the order in which they are shown, with what the frames before have left behind.
So one worker does all of it. A clip whose frames are asked for twice, with two photos of one person, is two clips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobilefaceswap_core.blend.steady import LONGEST_GAP_S

from .pairs import Pair, iterate_pairs


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame is shown.

    Attributes:
        clip: pair that its clip begins with; a frame of another one has nothing to do with it.
        time_s: since frame 0.
    """

    clip: int
    time_s: float

    def soon_after(self, before: Moment) -> bool:
        """Whether it follows another moment of its clip so closely that the face can be followed from there."""
        return self.clip == before.clip and 0 < self.time_s - before.time_s < LONGEST_GAP_S


def iterate_units(path: Path, *, limit: int | None = None) -> Iterator[list[Pair]]:
    """The pairs of a list, those of a clip together, as they stand in the list.

    A clip comes when the last of its frames has been read, so no more is held than the clips that have begun.

    Args:
        path: of ``pairs.csv``.
        limit: only the first so many pairs.
    """
    left = Counter(pair.clip_key for pair in iterate_pairs(path, limit=limit))
    begun: dict[tuple[str, str], list[Pair]] = {}
    for pair in iterate_pairs(path, limit=limit):
        key = pair.clip_key
        if key is None:
            yield [pair]
            continue
        begun.setdefault(key, []).append(pair)
        left[key] -= 1
        if not left[key]:
            yield begun.pop(key)


def count_units(path: Path, *, limit: int | None = None) -> int:
    """Pieces of work of a list that can be done side by side."""
    keys = Counter(pair.clip_key for pair in iterate_pairs(path, limit=limit))
    photos = keys.pop(None, 0)
    return photos + len(keys)


def shown_order(unit: Sequence[Pair], *, frame_rate: float) -> list[tuple[Pair, Moment]]:
    """The frames of a clip as they are shown, one take after the other where frames stand in it more than once.

    Args:
        unit: frames of one clip; those without a number count from 0 in the order of the list.
        frame_rate: frames a second.
    """
    takes: list[list[Pair]] = []
    seen: Counter[int] = Counter()
    for pair in sorted(unit, key=lambda pair: (pair.frame, pair.index)):
        take = seen[pair.frame] if pair.frame >= 0 else 0
        seen[pair.frame] += 1
        if take == len(takes):
            takes.append([])
        takes[take].append(pair)
    return [
        (pair, Moment(take[0].index, (pair.frame if pair.frame >= 0 else place) / frame_rate))
        for take in takes
        for place, pair in enumerate(take)
    ]
