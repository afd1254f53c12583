"""What a face is on its way into the frame, and what was chosen about that way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..choices import ENHANCERS, NONE, OCCLUDERS, OWN, PARSERS
from ..errors import OptionError
from ..swapper import SwapperInfo
from ..types import AlignedFace, Image, Mask, Matrix
from .limits import MaskLimits
from .mask import MaskOptions
from .memory import FaceMemory
from .occlusion import OcclusionModel
from .sharpen import SharpenModel
from .stage_network import StageNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Finishing:
    """A swapped crop on its way into the frame.

    Attributes:
        pixels: ``(S, S, 3)`` RGB uint8, what will be pasted.
        weight: ``(S, S)`` float32 in [0, 1]; the swapper's own mask at first.
        target: the face it was made for, cut out as the swapper wants it.
        crop_from_frame: ``(2, 3)``, the frame to ``pixels``.
        frame: ``(H, W, 3)`` RGB uint8 the target was cut out of; ``None`` where only the crop is there, and then nothing is
            drawn finer than the crop.
        memory: of this face, in a clip.
        time_s: when the frame is shown; matters together with ``memory``.
        native: ``(S, S, 3)`` RGB uint8, the target at the side of ``pixels``, once that is larger than the crop's.
        blue_eyes: how surely the source's are, in [0, 1].
    """

    pixels: Image
    weight: Mask
    target: AlignedFace
    crop_from_frame: Matrix
    frame: Image | None = None
    memory: FaceMemory | None = None
    time_s: float = 0.0
    native: Image | None = None
    blue_eyes: float = 1.0


Run = Callable[[Finishing], Finishing]


class Stage(NamedTuple):
    """One step: its name, as reports say it, and its function."""

    name: str
    run: Run


@dataclass(frozen=True, slots=True)
class FinishOptions:
    """What happens between a swapped crop and the frame.

    Attributes:
        match_colours: bring the swapped face to the target's colours; ``None`` leaves it to the swapper, but for a target of one tone,
            which gives its tone to any face; ``False`` leaves the network's own in every case.
        match_detail: strengthen its fine detail to the target's; ``None`` leaves it to the swapper.
        beard: keep the target's beard, see :func:`~.beard.beard_weight`.
        folds: soften folds about the mouth that the target does not have.
        brows: move the swapped brows to where the target's are.
        pupils: strength of the fine light and shade of the target's eyes, where the gaze does not bring all of it; ``None`` is 1.
        gaze: strength of the light and shade of the target's eyes; ``None`` is 1 for clips, 0 for photos.
        lids: bring the target's lids back as its eyes close.
        mouth: how much of the target's mouth comes as it opens, see :func:`~.mouth.mouth_weight`; ``None`` is 1 for clips, 0.5 for
            photos.
        mask: how a network's mask becomes a weight.
        limits: where a swap may show besides that.
        occlusion: keep what hides the face: glasses, hands, hair.
        occluder: who sees that: ``own``, or a published network.
        parser: who sees the parts of the face: ``own``, or a published network.
        enhancer: published network that draws the swapped face anew, or ``none``.
        enhancement: how far what the enhancer drew shows; 1 is whole.
        fidelity: of an enhancer that takes one; 1 stays closest to the face that it is given.
        sharpen: how far eyes, brows, lips and edges of faces larger than the crop become as crisp as the target's; ``None`` is
            1 for stills, 0 for clips and after an enhancer, which drew them crisp.
        texture: strength of the target's skin texture on faces larger than the crop; ``None`` is 1 for stills, 0 for clips.
        strength: how far the swapped face shows at all; 1 is whole.
    """

    match_colours: bool | None = None
    match_detail: bool | None = None
    beard: bool = True
    folds: bool = True
    brows: bool = True
    pupils: float | None = None
    gaze: float | None = None
    lids: bool = True
    mouth: float | None = None
    mask: MaskOptions = field(default_factory=MaskOptions)
    limits: MaskLimits = field(default_factory=MaskLimits)
    occlusion: bool = True
    occluder: str = OWN
    parser: str = OWN
    enhancer: str = NONE
    enhancement: float = 0.8
    fidelity: float = 0.5
    sharpen: float | None = None
    texture: float | None = None
    strength: float = 1.0

    @property
    def networks(self) -> tuple[str, ...]:
        """The published networks that take part, each once."""
        parser = self.parser if self.limits.needs_landmarks else OWN
        occluder = self.occluder if self.occlusion else OWN
        enhancer = self.enhancer if self.enhancement else NONE
        return tuple(dict.fromkeys(name for name in (occluder, parser, enhancer) if name not in (OWN, NONE)))

    def __post_init__(self) -> None:
        for name in ("pupils", "gaze", "mouth", "sharpen", "texture", "strength", "enhancement", "fidelity"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise OptionError(f"Got a {name} of {value}; wanted 0 to 1.")
        for name, known in (("occluder", OCCLUDERS), ("parser", PARSERS), ("enhancer", ENHANCERS)):
            if getattr(self, name) not in known:
                raise OptionError(f"Got the {name} {getattr(self, name)!r}; wanted one of {', '.join(known)}.")


@dataclass(frozen=True, slots=True)
class Setting:
    """What stages are made for.

    Attributes:
        info: of the swapper whose crops are finished.
        options: what was chosen.
        moving: the frames are those of a clip or of a live picture, where time is short.
        occlusion: loads the network that sees what hides a face; called when a stage needs it.
        network: loads a published network by its name; likewise.
        sharpening: loads the network that says how far the target's detail fits; likewise.
    """

    info: SwapperInfo
    options: FinishOptions
    moving: bool = False
    occlusion: Callable[[], OcclusionModel] | None = None
    network: Callable[[str], StageNetwork] | None = None
    sharpening: Callable[[], SharpenModel] | None = None
