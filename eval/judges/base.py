"""What a judge is: one face in, one vector out, and a card that says who judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.types import Face, Image

Kind = Literal["recogniser", "pose", "expression", "shape", "gaze"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Where the shipped weights were chosen by figures of dlib's recogniser and of dlib's landmarks, which the judges of pose,
# expression and shape read (docs/explanation/training_log.md, "Runs" and "Judged otherwise").
SELECTED_ON = {
    "builtin": "the student's weights (the workbench judged which rows of the training log ship)",
    "builtin-clips": "the student's weights (the same people)",
    "pack": "the student's weights, where the pack holds the 41 CelebA people of the training log",
}


@dataclass(frozen=True, slots=True)
class JudgeInfo:
    """The card of a judge.

    Attributes:
        name: short identifier used in record keys.
        kind: which metrics it feeds.
        title: one line for people.
        version: of the package or file that provides it.
        files: SHA-256 by file name.
        used_in_training: whether a method of this project was trained against it; such a judge flatters and is marked.
        selected_on: data sets on which weights of this project were chosen by it, each with what was chosen; on those it
            flatters them a little, and is marked too.
        identity_of: models that swap in the identity which it measures; it flatters those, and is marked beside them.
        licence: of its weights.
        source: paper or package.
    """

    name: str
    kind: Kind
    title: str
    version: str
    files: dict[str, str] = field(default_factory=dict)
    used_in_training: bool = False
    selected_on: dict[str, str] = field(default_factory=dict)
    identity_of: list[str] = field(default_factory=list)
    licence: str = ""
    source: str = ""

    def flatters(self, card: Mapping[str, Any]) -> bool:
        """Whether a method takes its identity from this judge: by its model, or by a file that both have.

        Args:
            card: details of the method's card.
        """
        shared = set(self.files.values()) & set((card.get("weights_sha256") or {}).values())
        return card.get("model") in self.identity_of or bool(shared)


@runtime_checkable
class Judge(Protocol):
    """Measures one face. The same image and face give the same vector."""

    @property
    def info(self) -> JudgeInfo: ...

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Embedding ``(D,)``, pose ``(3,)`` in degrees, coefficients ``(E,)``, or two numbers an eye in widths of the eye.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            face: with 68 landmarks.
        """
        ...


def require_landmarks(face: Face, judge: str) -> NDArray[np.float64]:
    """The face's 68 landmarks.

    Raises:
        OptionError: when it has none.
    """
    from mobilefaceswap_core.errors import OptionError

    if face.landmarks is None:
        raise OptionError(f"The judge {judge} needs a face with 68 landmarks; this one has five points only.")
    return face.landmarks
