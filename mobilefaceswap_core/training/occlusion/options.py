"""Options of the program ``occlusion``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..data.options import DataOptions
from ..loop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class OcclusionConfig:
    """Program ``occlusion``: where a face is visible, learnt from faces with occluders drawn over them.

    Attributes:
        loop: how long and how.
        data: the faces.
        start: ``shipped``, ``scratch``, or a file of this program.
        cutouts: an ``.npz`` of RGBA pictures of things that hide faces (see ``occluders.read_cutouts``); empty: only drawn
            ones.
        hidden_share: a crop whose face without beard and moustache looks hidden to the network of the start over more than
            this share is not trained on: real glasses and hands would be labelled as face. 1 keeps all. Without effect
            from scratch.
        dice: weight of the Dice loss beside the cross entropy.
        occluder_weight: how much more a pixel of an occluder counts than one of the face.
    """

    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(batch=16, learning_rate=1e-3, ema=0.998, clip_norm=5.0, steps=20_000)
    )
    data: DataOptions = field(default_factory=DataOptions)
    start: str = "shipped"
    cutouts: str = ""
    hidden_share: float = 0.025
    dice: float = 0.5
    occluder_weight: float = 2.0
