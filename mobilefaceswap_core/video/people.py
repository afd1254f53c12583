"""Who appears in a clip, and which person each tracked face is."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..detect import Detector
from ..detect.detector import Close
from ..detect.few import LargestFaces
from ..errors import Cancelled
from ..faces.geometry import align_face
from ..runtime.budget import Budget, Spending
from ..types import Face, Image
from .reader import open_clip
from .tracking import TrackedFace

if TYPE_CHECKING:
    from ..identity.encoder import IdentityEncoder

# Cosine similarities of the shipped encoder: photos of one person lie above 0.35 as a rule, strangers below.
SAME_PERSON = 0.35
_KNOWN_PERSON = 0.25  # for a face of a clip whose people are known: it need only be clearly nearest to one of them
_RARE_LOOKS, _RARE_SAME = 2, 0.15  # someone seen on so few looks is more often a known face half hidden than a stranger
_SWITCH_MARGIN = 0.1  # by which another person must be nearer before a track changes hands
_MEMORY = 0.8  # weight of what was seen before in a track's running embedding
_LOOKS_PER_SECOND = 4
_FEWEST_LOOKS = 40  # short clips are looked at more often
_CLOSE_LOOKS = 20  # one in so many looks, the first of them, finds small faces too; it costs what twenty others do
_USUAL_SIMILARITY = 0.8  # of one more view of a person to those before, so that the first view has no advantage
_VERIFY_FRAMES = 15  # how often an undisturbed track is checked
_AFTER_ENCOUNTER = 6  # frames a track stays under watch after another face was near
_MIN_FACE_PX = 24.0  # smaller faces say little about who they are


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Someone in a clip.

    Attributes:
        index: from 0, the one seen most first; what a mapping of sources refers to.
        thumbnail: ``(224, 224, 3)`` RGB, the largest and most frontal view.
        first_frame: first frame that was looked at and showed them.
        share: part of the frames looked at that show them, [0, 1].
        embedding: ``(512,)`` unit embedding.
    """

    index: int
    thumbnail: Image
    first_frame: int
    share: float
    embedding: NDArray[np.float32]


@dataclass(slots=True)
class _Cluster:
    total: NDArray[np.float32]
    first_frame: int
    frames: set[int]
    best: float
    thumbnail: Image

    @property
    def embedding(self) -> NDArray[np.float32]:
        return self.total / max(float(np.linalg.norm(self.total)), 1e-9)  # type: ignore[no-any-return]


def find_people(
    path: str | Path,
    *,
    detector: Detector,
    encoder: IdentityEncoder,
    stop: threading.Event | None = None,
    budget: Budget = Budget(),
) -> list[Person]:
    """Look through a clip and group its faces by identity.

    Args:
        path: anything :func:`~mobilefaceswap_core.video.reader.open_clip` opens.
        detector: finds the faces.
        encoder: tells people apart.
        stop: set from another thread to give up.
        budget: what looking may take; in each picture as many faces are looked at as it has, the largest.

    Returns:
        People, the one seen most often first; the same clip gives the same list. Four frames a second are looked at, at
        least 40 of the clip where it has them. Someone visible for less than that may be missing.

    Raises:
        VideoError: the clip cannot be read.
        Cancelled: ``stop`` was set.
        BudgetError: the clip holds more pictures or seconds than the budget has, or looking takes too long.
    """
    steps = look_for_people(path, detector=detector, encoder=encoder, spent=budget.begin())
    while True:
        if stop is not None and stop.is_set():
            steps.close()
            raise Cancelled("Stopped while looking for people; nothing was written.")
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def look_for_people(
    path: str | Path, *, detector: Detector, encoder: IdentityEncoder, spent: Spending
) -> Generator[tuple[int, int | None], None, list[Person]]:
    """The same as a generator of (frames read, frames of the clip); it returns the people."""
    if spent.budget.faces is not None:
        detector = LargestFaces(detector, spent.budget.faces)
    clip = open_clip(path, spent=spent)
    clusters: list[_Cluster] = []
    looks = 0
    try:
        frames = clip.info.frames
        every = max(1, round(float(clip.info.frame_rate) / _LOOKS_PER_SECOND))
        every = max(1, min(every, frames // _FEWEST_LOOKS)) if frames else every
        for picture in clip.pictures():
            index = picture.stamp.index
            if index % every == 0:
                image = picture.rgb()
                if looks % _CLOSE_LOOKS == 0 and isinstance(detector, Close):
                    found = detector.detect_closely(image)
                else:
                    found = detector.detect(image)
                faces = [face for face in found if face.size_px >= _MIN_FACE_PX]
                looks += 1
                _add(clusters, image, faces, index, encoder)
            yield index + 1, frames
    finally:
        clip.close()
    merged = sorted(_merge(clusters, spent), key=lambda c: (-len(c.frames), c.first_frame))
    return [
        Person(index, c.thumbnail, c.first_frame, len(c.frames) / looks, c.embedding) for index, c in enumerate(merged)
    ]


def _add(clusters: list[_Cluster], image: Image, faces: Sequence[Face], index: int, encoder: IdentityEncoder) -> None:
    if not faces:
        return
    crops = [align_face(image, face, encoder.contract.crop).image for face in faces]
    embeddings = encoder.embed(crops)
    known = np.stack([c.embedding for c in clusters]) if clusters else np.zeros((0, embeddings.shape[1]), np.float32)
    owners = assign(embeddings @ known.T, SAME_PERSON)
    for face, crop, embedding, owner in zip(faces, crops, embeddings, owners, strict=True):
        quality = face.size_px * _frontality(face)
        if owner is None:
            clusters.append(_Cluster(embedding.copy(), index, {index}, quality, crop))
            continue
        cluster = clusters[owner]
        # A half hidden face is less like the person than a free one of the same size.
        quality *= max(float(embedding @ cluster.embedding), 0.1) / _USUAL_SIMILARITY
        cluster.total = cluster.total + embedding
        cluster.frames.add(index)
        if quality > cluster.best:
            cluster.best, cluster.thumbnail = quality, crop


def _merge(clusters: Sequence[_Cluster], spent: Spending) -> list[_Cluster]:
    """Join groups that turned out to be one person, nearest first; two that share a frame are two people."""
    left = list(clusters)
    while True:
        best: tuple[float, int, int] | None = None
        for i, a in enumerate(left):
            spent.check()
            for j in range(i + 1, len(left)):
                b = left[j]
                similarity = float(a.embedding @ b.embedding)
                is_rare = min(len(a.frames), len(b.frames)) <= _RARE_LOOKS < max(len(a.frames), len(b.frames))
                is_same = similarity > (_RARE_SAME if is_rare else SAME_PERSON) and not a.frames & b.frames
                if is_same and (best is None or similarity > best[0]):
                    best = similarity, i, j
        if best is None:
            return left
        a, b = left[best[1]], left.pop(best[2])
        if b.best > a.best:
            a.best, a.thumbnail = b.best, b.thumbnail
        a.total, a.frames, a.first_frame = a.total + b.total, a.frames | b.frames, min(a.first_frame, b.first_frame)


def assign(similarities: NDArray[np.floating], threshold: float) -> list[int | None]:
    """One column at most for each row and one row for each column, highest similarity first.

    Args:
        similarities: ``(rows, columns)``.
        threshold: pairs below stay apart.
    """
    owners: list[int | None] = [None] * similarities.shape[0]
    taken: set[int] = set()
    for flat in np.argsort(-similarities, axis=None, kind="stable"):
        row, column = divmod(int(flat), similarities.shape[1])
        if similarities[row, column] < threshold:
            break
        if owners[row] is None and column not in taken:
            owners[row] = column
            taken.add(column)
    return owners


def _frontality(face: Face) -> float:
    """1 for a face from the front, towards 0 in profile: how central the nose lies between the eyes."""
    left, right, nose = face.five[:3]
    across = right - left
    place = float((nose - left) @ across / max(float(across @ across), 1e-9))
    return max(0.0, 1.0 - 2.0 * abs(place - 0.5))


class PersonFinder:
    """Says which known person each tracked face is; one object per clip, for one thread.

    A face is looked at when its track begins, from time to time after that, and on every frame while another face is
    near and shortly after, so that two people who cross keep their own sources.
    """

    def __init__(self, people: Sequence[Person], encoder: IdentityEncoder) -> None:
        self._known = np.stack([p.embedding for p in people]) if people else np.zeros((0, 512), np.float32)
        self._indices = [p.index for p in people]
        self._encoder = encoder
        self._running: dict[int, NDArray[np.float32]] = {}
        self._owner: dict[int, int | None] = {}
        self._watch: dict[int, int] = {}
        self._age: dict[int, int] = {}
        self.looks = 0

    def update(self, image: Image, faces: Sequence[TrackedFace]) -> Mapping[int, int | None]:
        """Person by track number; ``None`` for someone who is not among the known people."""
        chosen = [face for face in faces if self._must_look(face)]
        if chosen:
            self.looks += len(chosen)
            crops = [align_face(image, face.face, self._encoder.contract.crop).image for face in chosen]
            for face, embedding in zip(chosen, self._encoder.embed(crops), strict=True):
                before = self._running.get(face.track)
                # Near another face the present look counts most: the track may just have jumped.
                memory = 0.0 if before is None else 0.4 if self._watch.get(face.track, 0) else _MEMORY
                self._running[face.track] = embedding if before is None else memory * before + (1 - memory) * embedding
            self._decide([face.track for face in faces])
        return {face.track: self._owner.get(face.track) for face in faces}

    def _must_look(self, face: TrackedFace) -> bool:
        age = self._age[face.track] = self._age.get(face.track, -1) + 1
        watch = self._watch[face.track] = (
            _AFTER_ENCOUNTER if face.near_other else max(0, self._watch.get(face.track, 0) - 1)
        )
        return age < 2 or watch > 0 or age % _VERIFY_FRAMES == 0

    def _decide(self, tracks: Sequence[int]) -> None:
        if not len(self._known):
            return
        rows = [track for track in tracks if track in self._running]
        vectors = np.stack([self._running[t] / max(float(np.linalg.norm(self._running[t])), 1e-9) for t in rows])
        similarities = vectors @ self._known.T
        for row, track in enumerate(rows):
            owner = self._owner.get(track)
            if owner is not None:
                similarities[row, self._indices.index(owner)] += _SWITCH_MARGIN
        for track, column in zip(rows, assign(similarities, _KNOWN_PERSON), strict=True):
            self._owner[track] = None if column is None else self._indices[column]
