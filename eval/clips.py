"""Numbers of whole clips, from the frames' records: one for each method and clip, standing at the clip's first pair.

There they are averaged, given intervals and compared like the numbers of pairs, with one clip as one pair.
"""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .metrics import METRICS, Metric, NoReferenceError
from .metrics.motion import OF_LANDMARKS, READINGS, reason_without
from .pairs import iterate_pairs

OVER_CLIPS: dict[str, Metric] = {metric.spec.key: metric for metric in METRICS if metric.over_clip is not None}
_SIDES = ("target", "swapped")


def opening_columns() -> list[str]:
    """Names of the per-frame columns that clips are made of."""
    return [f"{reading}:{side}" for reading in READINGS for side in _SIDES]


def opening_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says for those columns; records of photos say nothing, and nobody need have looked at the lids.

    Raises:
        OptionError: it says something that is no pair of openings for each reading.
    """
    openings = record.get("openings")
    if openings is None:
        return {}
    try:
        given = {*OF_LANDMARKS, *openings}
        return {
            f"{one}:{side}": openings[one][at] for one in READINGS if one in given for at, side in enumerate(_SIDES)
        }
    except (KeyError, IndexError, TypeError) as error:
        raise OptionError(
            f"records.jsonl holds openings = {reprlib.repr(openings)}; wanted two numbers for each of {', '.join(OF_LANDMARKS)}. "
            "Measure again."
        ) from error


def clip_numbers(run: Path, total: int) -> NDArray[np.int64]:
    """``(pairs,)``: which clip each pair belongs to, -1 for photos. A clip with another source is another clip."""
    known: dict[tuple[str, str], int] = {}
    numbers = np.full(total, -1, np.int64)
    for pair in iterate_pairs(run / "pairs.csv", limit=total):
        if pair.clip_key is not None:
            numbers[pair.index] = known.setdefault(pair.clip_key, len(known))
    return numbers


def add_clip_values(frame: pd.DataFrame, clips: NDArray[np.int64], methods: Sequence[str], keys: Sequence[str]) -> None:
    """Put each clip's numbers at its first pair, in place; ``worst:KEY`` where a frame of it has no swapped face.

    Args:
        frame: rows of method and pair with :func:`opening_columns`.
        clips: of :func:`clip_numbers`.
        methods: rows to fill.
        keys: of :data:`OVER_CLIPS`.
    """
    for key in keys:
        frame[f"worst:{key}"] = False
    for method in methods:
        part = frame.loc[method]
        for pairs in _clips_of(part, clips):
            for key in keys:
                over = OVER_CLIPS[key].over_clip
                assert over is not None  # that is what puts a metric into the table
                target, swapped = (part.loc[pairs, f"{over.reading}:{side}"].to_numpy() for side in _SIDES)
                seen = np.isfinite(target)
                try:
                    value = over.reduce(target[seen], swapped[seen])
                except NoReferenceError:
                    continue
                frame.loc[(method, pairs[0]), key] = value
                frame.loc[(method, pairs[0]), f"worst:{key}"] = bool(np.isnan(swapped[seen]).any())


def count_clips(part: pd.DataFrame, clips: NDArray[np.int64]) -> int:
    """Clips that a method's rows hold."""
    return len(_clips_of(part, clips))


def clip_notes(frame: pd.DataFrame, clips: NDArray[np.int64], keys: Sequence[str]) -> list[str]:
    """For each reading of the keys: how many clips give a number, and why others do not; the same for all methods."""
    first = frame.loc[frame.index.get_level_values(0)[0]]
    notes = []
    for reading in dict.fromkeys(OVER_CLIPS[key].over_clip.reading for key in keys):  # type: ignore[union-attr]
        reasons: Counter[str] = Counter()
        groups = _clips_of(first, clips)
        for pairs in groups:
            target = first.loc[pairs, f"{reading}:target"].to_numpy()
            if reason := reason_without(target[np.isfinite(target)]):
                reasons[reason] += 1
        left_out = "; ".join(f"of {count} the target {reason}" for reason, count in sorted(reasons.items()))
        used = len(groups) - reasons.total()
        notes.append(
            f"Motion of the {reading}: n = {used} of {len(groups)} clips" + (f" ({left_out})." if left_out else ".")
        )
    return notes


def notes_of_swapping(options: Mapping[str, Any], cards: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How the methods that swap by the pipeline took the frames of clips, for a run that has clips.

    Args:
        options: that the run was begun with.
        cards: of the methods.
    """
    if not (ours := [name for name, card in cards.items() if "options" in card["details"]]):
        return []
    if options["clips"] == "frames":
        return [f"Each frame of a clip was swapped by itself, as a photo: {', '.join(ours)}."]
    return [
        f"Clips were swapped as clips, frame after frame at {options['frame_rate']:g} a second, with what a swap remembers of a "
        f"face and the options of clips: {', '.join(ours)}."
    ]


def _clips_of(part: pd.DataFrame, clips: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Pairs of each clip that a method's rows hold, in order."""
    index = part.index.to_numpy()
    numbers = clips[index]
    return [index[numbers == number] for number in np.unique(numbers[numbers >= 0])]
