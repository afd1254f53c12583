"""What a person or a program may choose about every swap, in one table.

The command line makes its options from the table; the endpoints check what they are given by it. A new choice is a
line here and a line in :func:`~mobilefaceswap_core.options.swap_options`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .types import REGIONS

Kind = Literal["parts", "box", "number", "switch"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a person or a program may choose about every swap.

    Attributes:
        name: in Python, in the endpoints and, with dashes, on the command line.
        kind: ``parts`` of the face by name, four margins of a ``box``, a ``number``, or a ``switch``.
        help: one plain sentence.
        default: what holds when nobody chooses.
        low: smallest number.
        high: largest number.
        metavar: how the command line names the value.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    low: float = 0.0
    high: float = 1.0
    metavar: str | None = None


_PARTS = "|".join(REGIONS)
CHOICES: tuple[Choice, ...] = (
    Choice("occlusion", "switch", "Keep what hides the face: glasses, hands, hair, microphones.", True),
    Choice("lids", "switch", "Let the swapped eyes close when the target's do.", True),
    Choice("mouth", "switch", "Let the swapped mouth open when the target's does.", True),
    Choice(
        "texture", "number", "Skin texture of the target on large faces: pores, stubble, grain. 1 for photos, 0 for clips "
        "unless given.", None, 0, 1,
    ),
    Choice("strength", "number", "How far the swapped face shows; below 1 the target's own shines through.", 1.0, 0, 1),
    Choice("region", "parts", "Swap only these parts of the face.", (), metavar=_PARTS),
    Choice("keep", "parts", "Leave these parts of the face as they are.", (), metavar=_PARTS),
    Choice(
        "box", "box", "Margins of the face's square that stay, as fractions such as 0.1: left, top, right, bottom.",
        (0.0, 0.0, 0.0, 0.0), 0, 0.99, "L T R B",
    ),
    Choice("feather", "number", "Softness of regions and box, as a fraction of the face's square.", 0.02, 0, 0.49),
    Choice("max_yaw", "number", "Leave faces turned further to a side as they are.", None, 1, 90, "DEGREES"),
    Choice("badge", "switch", "Also draw a small visible label on the result.", False),
)  # fmt: skip
