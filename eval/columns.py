"""The columns of a table: each metric as each judge of its kind gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .clips import OVER_CLIPS
from .features import FACES, WHOLE
from .judges import JudgeInfo
from .metrics import METRICS, MetricSpec
from .metrics.frechet import FRECHET, FRECHET_FACES, frechet_distance
from .metrics.kernel import KERNEL, KERNEL_FACES, kernel_distance

# Numbers of all features of a method at once, with the folder of the features; no single pair has them.
OF_FEATURES: dict[str, tuple[Callable[[NDArray[np.floating], NDArray[np.floating]], float], str]] = {
    FRECHET.spec.key: (frechet_distance, WHOLE),
    KERNEL.spec.key: (kernel_distance, WHOLE),
    FRECHET_FACES.spec.key: (frechet_distance, FACES),
    KERNEL_FACES.spec.key: (kernel_distance, FACES),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A metric as one judge gives it.

    Attributes:
        key: ``metric`` or ``metric@judge``.
        spec: the metric.
        judge: the judge's name, or empty.
        trained: whether that judge was used in training, or gives a method of the run its identity.
        selected: whether weights were chosen by that judge on this data set.
    """

    key: str
    spec: MetricSpec
    judge: str = ""
    trained: bool = False
    selected: bool = False

    @property
    def arrow(self) -> str:
        """The better direction, with a space before it; empty where neither end is good by itself."""
        return {True: " ↑", False: " ↓", None: ""}[self.spec.higher_is_better]

    @property
    def marked_judge(self) -> str:
        """``[judge]`` with its mark, or empty."""
        mark = "†" if self.trained else "‡" if self.selected else ""
        return f"[{self.judge}{mark}]" if self.judge else ""

    @property
    def head(self) -> str:
        """Name, unit, judge and an arrow for the better direction, as printed above the column."""
        unit = f" ({self.spec.unit})" if self.spec.unit else ""
        judge = f" {self.marked_judge}" if self.judge else ""
        return f"{self.spec.label}{unit}{judge}{self.arrow}"


def flattered(judge: dict[str, Any], cards: Mapping[str, dict[str, Any]]) -> list[str]:
    """Methods, by the names of their rows, that take their identity from a judge of ``judges.json``."""
    info = JudgeInfo(**judge)
    return [name for name, card in cards.items() if info.flatters(card["details"])]


def columns_of(
    judges: dict[str, Any],
    *,
    consecutive: bool,
    clips: bool = False,
    occluders: bool = False,
    people: bool = True,
    dataset: str = "",
    cards: Mapping[str, dict[str, Any]] | None = None,
) -> tuple[Column, ...]:
    """The columns that these judges give.

    Args:
        judges: of ``judges.json``.
        consecutive: whether the data has consecutive frames.
        clips: whether it has clips.
        occluders: whether targets were drawn on.
        people: whether the pair list says who is who.
        dataset: its name; a judge by which weights were chosen on it is marked.
        cards: of the run's methods; a judge that gives one of them its identity is marked.
    """
    columns, kinds = [], {"none", *(info["kind"] for info in judges["judges"])}
    for spec in (*(metric.spec for metric in METRICS), *(MetricSpec(**card) for card in judges.get("metrics", ()))):
        over_clip = OVER_CLIPS[spec.key].over_clip if spec.key in OVER_CLIPS else None
        if (spec.clips_only and not consecutive) or (over_clip and not (clips and over_clip.judge_kind in kinds)):
            continue
        if (spec.occluders_only and not occluders) or (spec.needs_people and not people):
            continue
        if spec.key in OF_FEATURES and OF_FEATURES[spec.key][1] == FACES and not judges.get("face_features"):
            continue
        if spec.judge_kind == "none":
            columns.append(Column(spec.key, spec))
            continue
        for info in judges["judges"]:
            if info["kind"] == spec.judge_kind:
                name, selected = info["name"], dataset in info.get("selected_on", {})
                trained = info["used_in_training"] or bool(flattered(info, cards or {}))
                columns.append(Column(f"{spec.key}@{name}", spec, name, trained, selected))
    return tuple(columns)
