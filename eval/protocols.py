"""Protocols that make a run's targets out of those of any data set: things drawn over faces, low resolution, or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mobilefaceswap_core.errors import OptionError

from .datasets import Dataset
from .options import RunOptions
from .run_files import made_folder, made_folder_of


@dataclass(frozen=True, slots=True)
class MadeTargets:
    """What was made.

    Attributes:
        drawn: targets that something was drawn on.
        lowered: targets of low resolution.
        notes: for the foot of the table.
        without: a sentence for each target that was left as it is.
    """

    drawn: int = 0
    lowered: int = 0
    notes: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)


def make_targets(run: Path, dataset: Dataset, options: RunOptions, say: Callable[[str], None]) -> MadeTargets:
    """Make the targets that the options ask for.

    Raises:
        OptionError: not one target could be made.
    """
    folder = made_folder(run, occluders=options.occluders, low_resolution=options.low_resolution)
    if folder is None:
        return MadeTargets()
    from mobilefaceswap_core.detect import load_detector

    from .low_resolution import JPEG_QUALITY, lower_targets
    from .occluders import draw_occluders

    detector = load_detector(options.judge_detector, device=options.device)
    drawn, lowered, notes, without = 0, 0, [], []
    if options.occluders is not None:
        drawn, problems = draw_occluders(
            folder, dataset, options.occluders, detector=detector, say=say, follow_links=options.follow_links
        )
        _refuse_none("--occluders: nothing could be drawn on any target", drawn, problems)
        notes.append(f"occluders of seed {options.occluders} on {drawn} targets")
        without += problems
    if options.low_resolution is not None:
        lowered, problems = lower_targets(
            folder, dataset, options.low_resolution, detector=detector, say=say, drawn=drawn > 0,
            follow_links=options.follow_links,
        )  # fmt: skip
        _refuse_none("--low-resolution: no target could be lowered", lowered, problems)
        notes.append(f"{lowered} targets lowered to faces of {options.low_resolution} px, JPEG {JPEG_QUALITY}")
        without += problems
    for problem in without:
        say(f"data: {problem}")
    return MadeTargets(drawn, lowered, notes, without)


def _refuse_none(said: str, count: int, problems: list[str]) -> None:
    if not count:
        raise OptionError(f"{said} ({problems[0]}). Leave it out, or check --root.")


def check_made(run: Path, wanted: int) -> None:
    """A made target that was lost would be read as the data set has it, and count as a method's merit.

    Raises:
        OptionError: the run's folder holds another number of them than it began with.
    """
    from .made_targets import count_made

    folder = made_folder_of(run)
    found = 0 if folder is None else count_made(folder)
    if found != wanted:
        raise OptionError(
            f"{folder or run} holds {found} made targets, the run began with {wanted}; start a new --out."
        )
