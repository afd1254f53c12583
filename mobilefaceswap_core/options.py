"""What was chosen about a swap, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .blend.finishing import FinishOptions
from .blend.limits import MaskLimits
from .choices import CHOICES, OWN, Choice
from .errors import OptionError
from .faces.head_pose import head_pose
from .marking.mark import MarkOptions
from .types import REGIONS, Face
from .weights.fetch import check_here
from .weights.published import PUBLISHED, find

MIN_FACE_PX = 16.0  # below this a 224 crop is more than ten times enlarged and shows nothing of a face


@dataclass(frozen=True, slots=True)
class SwapOptions(FinishOptions):
    """Choices of a swap; the defaults are what every door uses: the command line, the page, the endpoints and Python.

    Attributes:
        min_face_px: faces smaller than this stay as they are.
        max_yaw_deg: faces turned further to a side than this stay as they are; needs 68 landmarks.
        source_glasses: keep a source's glasses; counts where the source is prepared.
        marks: what says that the result was swapped; all but the badge by default. Evaluation asks for
            :data:`~mobilefaceswap_core.marking.UNMARKED` pixels, as it must judge the swap alone.
    """

    min_face_px: float = MIN_FACE_PX
    max_yaw_deg: float | None = None
    source_glasses: bool = False
    marks: MarkOptions = field(default_factory=MarkOptions)

    @property
    def needs_landmarks(self) -> bool:
        """Whether faces of five points alone must be given 68 first."""
        return (
            (self.limits.needs_landmarks and self.parser == OWN)
            or self.max_yaw_deg is not None
            or self.pupils != 0
            or self.gaze != 0
            or self.lids
            or self.beard
            or self.folds
            or self.brows
            or self.mouth != 0
            or self.texture != 0
        )


def swap_options(chosen: Mapping[str, Any]) -> SwapOptions:
    """Options from values by the names of :data:`CHOICES`; what is missing or ``None`` keeps its default.

    Raises:
        OptionError: an unknown name, or a value of another kind or out of its range.
        WeightsError: a chosen network is not on this machine; the message has the command that brings it.
    """
    known = {choice.name: choice for choice in CHOICES}
    if unknown := [name for name in chosen if name not in known]:
        raise OptionError(f"Unknown option {unknown[0]!r}; wanted one of {', '.join(known)}.")
    values = {
        name: choice.default if chosen.get(name) is None else _checked(choice, chosen[name])
        for name, choice in known.items()
    }
    for choice in CHOICES:
        if choice.kind == "name" and values[choice.name] != choice.default:
            check_here(PUBLISHED[values[choice.name]])
    limits = MaskLimits(values["region"], values["keep"], values["box"], values["feather"])
    return SwapOptions(
        limits=limits,
        beard=values["beard"],
        folds=values["folds"],
        brows=values["brows"],
        pupils=values["pupils"],
        gaze=values["gaze"],
        lids=values["lids"],
        mouth=values["mouth"],
        occlusion=values["occlusion"],
        occluder=values["occluder"],
        parser=values["parser"],
        enhancer=values["enhancer"],
        enhancement=values["enhancement"],
        fidelity=values["fidelity"],
        sharpen=values["sharpen"],
        texture=values["texture"],
        strength=values["strength"],
        max_yaw_deg=values["max_yaw"],
        source_glasses=values["source_glasses"],
        marks=MarkOptions(badge=values["badge"]),
    )


def offered(choice: Choice) -> tuple[str, ...]:
    """Of the names of a choice those that can be chosen here: the default, and the networks that are on this machine."""
    return tuple(name for name in choice.names if name == choice.default or find(PUBLISHED[name]) is not None)


def _checked(choice: Choice, value: Any) -> Any:
    wanted = {
        "parts": f"names out of {', '.join(REGIONS)}",
        "box": "four fractions such as 0.1",
        "switch": "true or false",
        "number": f"a number from {choice.low} to {choice.high}",
        "name": f"one of {', '.join(choice.names)}",
    }[choice.kind]
    refusal = OptionError(f"{choice.name}: got {str(value)[:80]!r}, wanted {wanted}.")
    if choice.kind == "switch":
        if not isinstance(value, bool):
            raise refusal
        return value
    if choice.kind == "name":
        if value not in choice.names:
            raise refusal
        return value
    if choice.kind == "parts":
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)) or not all(name in REGIONS for name in names):
            raise refusal
        return tuple(names)
    numbers = list(value) if choice.kind == "box" and isinstance(value, (list, tuple)) else [value]
    if len(numbers) != (4 if choice.kind == "box" else 1):
        raise refusal
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not choice.low <= number <= choice.high:
            raise refusal
    return tuple(float(n) for n in numbers) if choice.kind == "box" else float(value)


def unusable(face: Face, options: SwapOptions) -> str | None:
    """Why a face is left alone, or ``None``."""
    if not np.isfinite(face.five).all():
        return "no alignment points"
    if face.size_px < options.min_face_px:
        return f"smaller than {options.min_face_px:.0f} px"
    limit = options.max_yaw_deg
    if limit is not None and face.landmarks is not None and abs(head_pose(face.landmarks).yaw_deg) > limit:
        return f"turned by more than {limit:.0f} degrees"
    return None
