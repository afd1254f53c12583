"""The face of a clip as the video pipeline follows it, looked at once for all methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.types import Face, Image

from .units import Moment

if TYPE_CHECKING:
    from mobilefaceswap_core.blend.memory import FaceMemory


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """The largest face of a frame.

    Attributes:
        face: with landmarks; ``None`` where none is found.
        track: of that face.
        tracks: of all faces in view; what is remembered of others can be forgotten.
        walk: tracks of another one are other faces, whatever their numbers.
    """

    face: Face | None
    track: int
    tracks: frozenset[int]
    walk: int


class FollowedClips:
    """Follows the largest face through one clip after the other, as a video job does: tracked, and calmed over time.

    Frames more than half a second apart are followed anew, as after a cut. The last frame is remembered, for the next method.

    Args:
        load: makes the detector when the first clip comes; one that is fast.
    """

    def __init__(self, load: Callable[[], Detector]) -> None:
        self._load = load
        self._last: tuple[Moment, Followed] | None = None
        self._largest: int | None = None
        self._walk = 0

    @cached_property
    def _detector(self) -> Detector:
        return self._load()

    def at(self, image: Image, moment: Moment) -> Followed:
        """The face of the next frame, or again that of the last one.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            moment: when it is shown; later than the frame before, or in another clip.
        """
        from mobilefaceswap_core.video.tracking import Tracker, follow_largest  # with all that reads clips

        if self._last is not None and self._last[0] == moment:
            return self._last[1]
        if self._last is None or not moment.soon_after(self._last[0]):
            self._tracker, self._largest = Tracker(self._detector), None
            self._walk += 1
        faces = self._tracker.update(image, time_s=moment.time_s)
        self._largest = follow_largest(faces, self._largest)
        found = next((face.face for face in faces if face.track == self._largest), None)
        track = -1 if self._largest is None else self._largest
        followed = Followed(found, track, frozenset(face.track for face in faces), self._walk)
        self._last = moment, followed
        return followed


class ClipMemory:
    """What the finish of one method keeps of the faces of a clip; it is forgotten with the clip."""

    def __init__(self) -> None:
        from mobilefaceswap_core.blend.memory import FaceMemories

        self._walk = 0
        self._memories = FaceMemories()

    def of(self, followed: Followed) -> FaceMemory:
        """The memory of the face of a frame; the frames of a clip come in order."""
        if followed.walk != self._walk:
            self._walk, self._memories = followed.walk, type(self._memories)()
        self._memories.keep(followed.tracks)
        return self._memories.of(followed.track)
