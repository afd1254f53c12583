"""What a metric is given: one swapped image with everything it may be compared with.

A sample may lack parts. Asking for one that is not there raises, and the kind of error says how the pair counts: without a
reference nobody can be measured, without a result the method has failed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import ImageError, NoFaceError, SwapError
from mobilefaceswap_core.types import Face, Image, Mask

from ..face_region import face_region

Vector = NDArray[np.float64]
Value = TypeVar("Value")


class NoReferenceError(SwapError):
    """The pair has nothing to compare with, whatever the method did; it counts for nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """The source gallery as one recogniser sees it, for one pair.

    Attributes:
        faces: ``(G, D)`` unit embeddings of all sources.
        is_right: ``(G,)`` true where a face shows the pair's source identity.
        threshold: smallest cosine that counts as the same person.
    """

    faces: Vector
    is_right: NDArray[np.bool_]
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What one judge said of a pair's faces; ``None`` where it saw none.

    Attributes:
        judge: its name.
        target: vector of the target.
        swapped: of the swapped face.
        source: of the source photo; recognisers and judges of shape only.
        before: of the swapped face one frame earlier, measured when it is asked for.
        lineup: the gallery, recognisers only.
    """

    judge: str
    target: Vector | None
    swapped: Vector | None
    source: Vector | None = None
    before: Callable[[], Vector | None] = lambda: None
    lineup: Callable[[], Lineup] | None = None


class Sample:
    """One swapped image, as a metric sees it.

    Args:
        target: ``(H, W, 3)`` RGB uint8, or ``None`` if it cannot be read.
        target_face: the target's largest face, with 68 landmarks.
        swapped: the method's image, or ``None`` if it made none.
        swapped_face: the face at the target face's place in it, with 68 landmarks.
        source: reads the photo that gave the identity; called at most once, when it is asked for.
        before: reads swapped image and target one frame earlier, either may be missing.
        faces_before: the faces of both, with 68 landmarks; either may be missing.
        occluder: reads what was drawn over the target, ``None`` where nothing was.
        said: what the judge of this column said; metrics without a judge have none.
    """

    def __init__(
        self,
        *,
        target: Image | None,
        target_face: Face | None,
        swapped: Image | None,
        swapped_face: Face | None,
        source: Callable[[], Image] | None = None,
        before: Callable[[], tuple[Image | None, Image]] | None = None,
        faces_before: Callable[[], tuple[Face | None, Face | None]] | None = None,
        occluder: Callable[[], Mask | None] | None = None,
        said: Said | None = None,
    ) -> None:
        self._target, self._target_face = target, target_face
        self._swapped, self._swapped_face = swapped, swapped_face
        self._read_source, self._read_before = source, before
        self._find_faces_before = faces_before
        self._read_occluder = occluder
        self._said = said
        self._computed: dict[Callable[[Sample], object], object] = {}

    def seen_by(self, said: Said) -> Sample:
        """The same sample with the words of one judge."""
        seen = copy.copy(self)
        seen._said, seen._computed = said, {}
        return seen

    def once(self, compute: Callable[[Sample], Value]) -> Value:
        """``compute(self)``, computed by the first metric that asks and kept for the others of this sample."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        return self._computed[compute]  # type: ignore[return-value]  # the key is what made the value

    @property
    def target(self) -> Image:
        """``(H, W, 3)`` RGB uint8."""
        return _reference(self._target, "the target cannot be read")

    @property
    def target_face(self) -> Face:
        """The target's largest face, with 68 landmarks."""
        return _reference(self._target_face, "the target shows no face")

    @property
    def region(self) -> Mask:
        """``(H, W)`` float32 in [0, 1], the target's face region; the same for every method."""
        return self.once(_region)

    @property
    def outside(self) -> Mask:
        """``(H, W)`` float32, 1 where the face region is 0."""
        outside = 1.0 - self.region
        return _reference(outside if outside.any() else None, "the face region fills the frame")

    @property
    def status(self) -> Literal["ok", "failed", "no face"]:
        """What became of the swap; an image whose target shows no face cannot be judged and is no failure."""
        if self._swapped is None:
            return "failed"
        return "no face" if self._swapped_face is None and self._target_face is not None else "ok"

    @cached_property
    def source(self) -> Image:
        """``(H, W, 3)`` RGB uint8, the photo that gave the identity."""
        try:
            return _reference(self._read_source, "there is no source photo")()
        except SwapError as error:
            raise NoReferenceError(f"the source cannot be read ({error})") from error

    @property
    def swapped(self) -> Image:
        """As large as the target."""
        image = _result(self._swapped, "no image was made")
        if image.shape != self.target.shape:
            raise ImageError(f"the swapped image is {image.shape}, its target {self.target.shape}; sizes must agree")
        return image

    @property
    def swapped_face(self) -> Face:
        """The face at its place in the swapped image, with 68 landmarks."""
        return _result(self._swapped_face, "the swapped image shows no face")

    @cached_property
    def occluder(self) -> Mask:
        """``(H, W)`` float32 in [0, 1]: how far each pixel of the target's face is hidden by what was drawn over it."""
        return _reference(
            _reference(self._read_occluder, "nothing is drawn over targets")(), "nothing hides this target"
        )

    @cached_property
    def _before(self) -> tuple[Image | None, Image]:
        return _reference(self._read_before, "there is no frame before")()

    @property
    def swapped_before(self) -> Image:
        """The swapped frame before this one; clips only."""
        return _result(self._before[0], "no image was made of the frame before")

    @property
    def target_before(self) -> Image:
        """The target frame before this one; clips only."""
        return self._before[1]

    @cached_property
    def _faces_before(self) -> tuple[Face | None, Face | None]:
        return _reference(self._find_faces_before, "there is no frame before")()

    @property
    def swapped_face_before(self) -> Face:
        """The face in the swapped frame before this one; clips only."""
        return _result(self._faces_before[0], "the swapped frame before shows no face")

    @property
    def target_face_before(self) -> Face:
        """The target's face in the frame before this one; clips only."""
        return _reference(self._faces_before[1], "the target frame before shows no face")

    @property
    def said(self) -> Said:
        """What the judge of this column said, parts that are missing included."""
        return _reference(self._said, "no judge measures this metric")

    @property
    def source_vector(self) -> Vector:
        """The judge's vector of the source."""
        return _reference(self.said.source, "the judge sees no face in the source")

    @property
    def target_vector(self) -> Vector:
        """The judge's vector of the target."""
        return _reference(self.said.target, "the judge sees no face in the target")

    @property
    def swapped_vector(self) -> Vector:
        """The judge's vector of the swapped face."""
        return _result(self.said.swapped, "the judge sees no face in the swapped image")

    @property
    def vector_before(self) -> Vector:
        """The judge's vector of the swapped face one frame earlier; clips only."""
        return _result(self.said.before(), "the judge sees no face in the frame before")

    @property
    def lineup(self) -> Lineup:
        """The source gallery; recognisers only."""
        return _reference(self.said.lineup, "only recognisers have a gallery")()


def landmarks_of(face: Face) -> NDArray[np.float64]:
    """The 68 landmarks that every face of a sample has."""
    return _reference(face.landmarks, "the detector of the judges gives no landmarks")


def _region(sample: Sample) -> Mask:
    return face_region(landmarks_of(sample.target_face), *sample.target.shape[:2])


def _reference(part: Value | None, missing: str) -> Value:
    if part is None:
        raise NoReferenceError(missing)
    return part


def _result(part: Value | None, missing: str) -> Value:
    if part is None:
        raise NoFaceError(missing)
    return part
