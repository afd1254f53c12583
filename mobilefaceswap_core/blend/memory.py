"""What the finish keeps of a face from frame to frame of a clip."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .beard import BEARD_HALF_LIFE_S, NO_BEARD, Bearded
from .brows import MIDDLE_OF
from .gaze import TONE_HALF_LIFE_S
from .hues import HueLimits
from .lids import SteadyLids
from .occlusion import SteadyOcclusion
from .steady import SteadyShares


@dataclass(frozen=True, slots=True, eq=False)
class KeptMark:
    """The hidden mark that a face of a clip had last; ``marking`` draws and reads it.

    Attributes:
        payload: that it spells.
        plane: ``(112, 112)``, what carries it as it was when the pattern was drawn.
        pattern: ``(S, S)``, what was added to it.
        frames: how many have had this pattern.
    """

    payload: int
    plane: NDArray[np.float32]
    pattern: NDArray[np.float32]
    frames: int = 1


@dataclass(slots=True, eq=False)
class FaceMemory:
    """What the stages keep of one face from frame to frame of a clip; its tracker makes one and forgets it with the face.

    Attributes:
        occlusion: what hides the face, averaged over time.
        gaze: tones of its eyes.
        lids: how far its eyes are closed and usually open.
        mouth: how far its mouth shows.
        brows: how far its brows are moved.
        coloured: for so many frames more nobody asks whether the target has one tone only.
        beard: how surely the face wears one, averaged over time.
        bearded: what was seen of that last.
        beard_frames: for so many frames more nobody looks at it again.
        hues: how green and how violet it may be; ``None`` while nothing in it was more.
        hues_frames: for so many frames more this holds.
        calm_eyes: so many frames in a row its eyes had nothing to be calmed; see :func:`~.irises.looked_at`.
        mark: hidden in it last.
    """

    occlusion: SteadyOcclusion = field(default_factory=SteadyOcclusion)
    gaze: SteadyShares = field(default_factory=lambda: SteadyShares(half_life_s=TONE_HALF_LIFE_S))
    lids: SteadyLids = field(default_factory=SteadyLids)
    mouth: SteadyShares = field(default_factory=SteadyShares)
    brows: SteadyShares = field(default_factory=lambda: SteadyShares(middle_of=MIDDLE_OF))
    coloured: int = 0
    beard: SteadyShares = field(default_factory=lambda: SteadyShares(half_life_s=BEARD_HALF_LIFE_S))
    bearded: Bearded = NO_BEARD
    beard_frames: int = 0
    hues: HueLimits | None = None
    hues_frames: int = 0
    calm_eyes: int = 0
    mark: KeptMark | None = None


class FaceMemories:
    """The memories of the faces of one clip, by number of their track. Used by one thread."""

    def __init__(self) -> None:
        self._by_track: dict[int, FaceMemory] = {}

    def of(self, track: int) -> FaceMemory:
        """The memory of a face; made when the face is new."""
        return self._by_track.setdefault(track, FaceMemory())

    def keep(self, tracks: Collection[int]) -> None:
        """Forget the faces that are in view no more."""
        for gone in self._by_track.keys() - set(tracks):
            del self._by_track[gone]
