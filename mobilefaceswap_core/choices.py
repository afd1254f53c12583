"""What a person or a program may choose about every swap, in one table.

The command line makes its options from the table; the endpoints check what they are given by it. A new choice is a
line here and a line in :func:`~mobilefaceswap_core.options.swap_options`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .types import REGIONS

Kind = Literal["parts", "box", "number", "switch", "name"]

# Who does a step of the finish: ours, or a published network (`blend/stage_contracts.toml`). Written out, since every command's
# --help reads them; a test compares them with that table.
OWN, NONE = "own", "none"
_BISENETS = ("bisenet_resnet_18", "bisenet_resnet_34")
MARKS = "marks"  # option of a swap that no door offers: whether it is marked
OCCLUDERS = (OWN, "xseg_1", "xseg_2", "xseg_3", *_BISENETS)
PARSERS = (OWN, *_BISENETS)
ENHANCERS = (
    NONE, "gfpgan_1.2", "gfpgan_1.3", "gfpgan_1.4", "codeformer", "gpen_bfr_256", "gpen_bfr_512", "gpen_bfr_1024"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a person or a program may choose about every swap.

    Attributes:
        name: in Python, in the endpoints and, with dashes, on the command line.
        kind: ``parts`` of the face by name, four margins of a ``box``, a ``number``, a ``switch``, or a ``name`` of several.
        help: one plain sentence.
        default: what holds when nobody chooses.
        low: smallest number.
        high: largest number.
        metavar: how the command line names the value.
        photos: what a number without a default comes to in photos when nobody chooses.
        clips: the same in clips and live pictures.
        names: of a ``name``, the default first; the others are published networks, which must have been fetched.
        of: the choice that this one is a detail of; without effect while that is at its default.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    low: float = 0.0
    high: float = 1.0
    metavar: str | None = None
    photos: float | None = None
    clips: float | None = None
    names: tuple[str, ...] = ()
    of: str = ""


_PARTS = "|".join(REGIONS)
CHOICES: tuple[Choice, ...] = (
    Choice("occlusion", "switch", "Keep what hides the face: glasses, hands, hair, microphones.", True),
    Choice("folds", "switch", "Soften folds about the mouth that the target does not have: those of a source that smiles.", True),
    Choice("brows", "switch", "Move the swapped brows to where the target's are, as it raises them.", True),
    Choice(
        "gaze", "number", "Where the target's eyes look, by their light and shade. 1 for clips, 0 for photos unless given: there "
        "it costs likeness.", None, 0, 1, photos=0, clips=1,
    ),
    Choice("lids", "switch", "Let the swapped eyes close when the target's do.", True),
    Choice(
        "mouth", "number", "The target's own mouth as it opens: 0.5 its teeth, 1 its lips as well, which costs likeness. 1 for clips, "
        "0.5 for photos unless given.", None, 0, 1, photos=0.5, clips=1,
    ),
    Choice(
        "sharpen", "number", "Eyes, brows, lips and edges of large faces as crisp as the target's. 1 for photos, 0 for clips unless "
        "given.", None, 0, 1, photos=1, clips=0,
    ),
    Choice(
        "texture", "number", "Skin texture of the target on large faces: pores, stubble, grain. 1 for photos, 0 for clips "
        "unless given.", None, 0, 1, photos=1, clips=0,
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
    Choice(
        "occluder", "name", "Who sees what hides the face: our network, or a fetched one.", OWN, metavar="|".join(OCCLUDERS),
        names=OCCLUDERS,
    ),
    Choice(
        "parser", "name", "Who sees the parts of the face: our landmarks, or a fetched network.", OWN, metavar="|".join(PARSERS),
        names=PARSERS,
    ),
    Choice(
        "enhancer", "name", "Fetched network that draws the swapped face anew, sharper; it costs likeness.", NONE,
        metavar="|".join(ENHANCERS), names=ENHANCERS,
    ),
    Choice("enhancement", "number", "How far the enhancer's face shows.", 0.8, 0, 1, of="enhancer"),
    Choice(
        "fidelity", "number", "How close CodeFormer stays to the face that it is given; 0 looks best, 1 stays closest.", 0.5, 0, 1,
        of="enhancer",
    ),
    Choice("source_glasses", "switch", "Keep the source's glasses, of which a swap draws half, instead of leaving them out.", False),
    Choice("beard", "switch", "Keep the target's beard, as its hair is kept.", True),
    Choice(
        "pupils", "number", "Pupils of the target's eyes, and what mirrors in them. 1 unless given; a gaze of 1, as clips have, brings "
        "them too.", None, 0, 1, photos=1, clips=1,
    ),
)  # fmt: skip


def stages_off() -> dict[str, bool | float]:
    """The choices that are each a stage of the finish of its own, with the value that leaves it out."""
    stages = (choice for choice in CHOICES if choice.default is True or choice.photos is not None)
    return {choice.name: False if choice.kind == "switch" else 0.0 for choice in stages}


def unless_chosen(name: str, chosen: float | None, *, moving: bool) -> float:
    """What a number comes to that may be left to us.

    Args:
        name: of a choice with a value for photos and one for clips.
        chosen: by somebody, or ``None``.
        moving: in a clip or a live picture.
    """
    if chosen is not None:
        return chosen
    choice = next(choice for choice in CHOICES if choice.name == name)
    usual = choice.clips if moving else choice.photos
    if usual is None:
        raise LookupError(f"{name} is never left to us")
    return usual
