"""Faces over time: detect on key frames, follow landmarks in between, look again when a face is lost or the scene cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..detect import Detector
from ..detect.detector import CONFIRMED, Again, Close
from ..faces.geometry import (
    between_eyes,
    five_from_68,
    grey_crop,
    scale_of,
    similarity_from_points,
    transform_points,
)
from ..types import Face, Image, Points
from .smoothing import OneEuroFilter

# Detection costs two to five times what following one face costs, so at every fourth frame no more than following does.
KEY_INTERVAL = 4
# While detections find the very faces that are followed. A face that came in since the last one is followed back to where it did.
# Twice as far apart saved 2.4 ms of a 720p frame.
CALM_INTERVAL = 8
_PATCH_PX = 32  # a face as the loss test sees it
# Eyes a third from above, mouth a quarter from below: the parts that tell a face from a wall or a hand.
_PATCH_POINTS = np.array([[0.28, 0.32], [0.72, 0.32], [0.5, 0.55], [0.33, 0.78], [0.67, 0.78]]) * _PATCH_PX
_PATCH_SIMILARITY = 0.5  # below, what is under the landmarks is no longer the face of the frame before
_SHAPE_CHANGE = 0.18  # residual of a similarity from one frame to the next, in eye distances; a wide yawn makes 0.10
_SIZE_CHANGE = 1.3  # between neighbouring frames
_ANEW = 3  # one in so many detections looks for all landmarks anew, should those that are followed have drifted
_SAME_PLACE = 0.5  # mean distance of the five points, in eye distances
_DISAGREEMENT = 0.12  # from here a fresh detection replaces the followed landmarks, in eye distances
_MISSES = 2  # key frames a face may go undetected while its landmarks still look like a face
_SEARCH_FRAMES = 12  # after a loss every frame is searched: a face behind another one comes back within half a second
# A close look finds faces that a quick one is too coarse for, at the price of up to twenty; see docs/detectors.md. One in so
# many frames is 1.5 % of a 1080p clip's processor time, and 0.5 % of a 720p clip's.
_CLOSE_INTERVAL = 120
_CLOSE_SOON = 24  # frames after a close look until a cut, or a small face that was lost, may have another one
_FEW = 6  # small faces that are looked at one by one; for more of them a close look costs less
_LEAST_INSIDE = 0.4  # of the landmarks; a face of which less is in the picture is found on few frames only
_CUT_SIZE = (32, 18)
_CUT_LEVELS = 28.0  # mean change of the shrunk frame, of 255; a hand passing the camera stays below
_VELOCITY_SHARE = 0.7  # of the last step that is expected again


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """A face of one frame and the track it belongs to.

    Attributes:
        track: number of the track, counted from 0 over the clip.
        face: where it is, smoothed when asked for.
        raw: landmarks before smoothing.
        near_other: another face is close enough for the two to be mixed up.
        is_new: the track was not there on the frame before.
    """

    track: int
    face: Face
    raw: Points
    near_other: bool = False
    is_new: bool = False


@dataclass(slots=True)
class _Track:
    number: int
    face: Face
    patch: NDArray[np.float32]
    smoother: OneEuroFilter | None
    step: Points = field(default_factory=lambda: np.zeros(2))
    misses: int = 0
    frames: int = 0
    is_lost: bool = False
    is_small: bool = False  # only close looks have seen it


class Tracker:
    """Follows faces through the frames of one clip; one object per clip, for one thread.

    Args:
        detector: gives faces and re-estimates landmarks.
        key_interval: frames from one detection to the next; 1 detects on every frame. :data:`KEY_INTERVAL` if not given, and
            :data:`CALM_INTERVAL` after a detection that found the followed faces and no others.
        smooth: filter the landmarks over time.
        look_closely: now and then look for small faces too, if the detector can: on the first frame, at cuts, and rarely
            else. Live frames have no time for it.

    Attributes:
        detections: whole frames searched so far.
        close_looks: how many of them closely.
        cuts: scene cuts so far.
        cuts_now: whether the last frame began a scene.
        detected_now: whether the last frame was searched.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        key_interval: int | None = None,
        smooth: bool = True,
        look_closely: bool = True,
    ) -> None:
        self._detector, self._smooth = detector, smooth
        self._key_interval = KEY_INTERVAL if key_interval is None else max(1, key_interval)
        self._calm_interval = CALM_INTERVAL if key_interval is None else self._key_interval
        self._is_calm = False
        self._close = detector if look_closely and isinstance(detector, Close) else None
        self._since_close, self._close_soon = _CLOSE_INTERVAL, False
        self._tracks: list[_Track] = []
        self._next_number = 0
        self._since_detection = self._key_interval
        self._search_left = 0
        self._small: NDArray[np.float32] | None = None
        self.detections = self.close_looks = 0
        self.cuts = 0
        self.cuts_now = False
        self.detected_now = False

    @property
    def most_between(self) -> int:
        """Frames from one detection to the next, at most."""
        return max(self._key_interval, self._calm_interval)

    def update(self, image: Image, *, time_s: float, may_detect: bool = True) -> list[TrackedFace]:
        """Faces of the next frame.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            time_s: when the frame is shown.
            may_detect: ``False`` puts a due detection off while every known face is still followed, for a live frame
                that is late. A face that was lost is searched for all the same: late is better than unswapped.

        Returns:
            Faces in the order of their tracks' numbers.
        """
        self.cuts_now = self._is_cut(image)
        if self.cuts_now:
            self.cuts += 1
            self._tracks, self._close_soon = [], True
        for track in self._tracks:
            self._follow(track, image)
        self._part_ways(image)
        self._since_detection += 1
        self._since_close += 1
        has_lost = any(track.is_lost for track in self._tracks)
        if has_lost:
            self._search_left = _SEARCH_FRAMES
            self._close_soon |= any(track.is_lost and track.is_small for track in self._tracks)
        is_urgent = has_lost or not self._tracks
        interval = self._calm_interval if self._is_calm else self._key_interval
        is_due = self._since_detection >= interval or self._search_left > 0
        self.detected_now = is_urgent or (may_detect and is_due)
        if self.detected_now:
            self._search_left -= 1
            self._detect(image)
        self._tracks = [track for track in self._tracks if not track.is_lost]
        return [self._report(track, time_s) for track in self._tracks]

    def trace_back(self, new: TrackedFace, images: Sequence[Image]) -> list[TrackedFace]:
        """Where a face that was just found had been before.

        Args:
            new: a face of the last frame whose track is new.
            images: the frames before it, newest first.

        Returns:
            The face in these frames, newest first, up to where it can no longer be followed.
        """
        found: list[TrackedFace] = []
        patch = next(track.patch for track in self._tracks if track.number == new.track)
        track = _Track(new.track, new.face, patch, None)
        for image in images:
            self._follow(track, image)
            if track.is_lost:
                break
            found.append(TrackedFace(new.track, track.face, _points(track.face), new.near_other, True))
        return found

    def _is_cut(self, image: Image) -> bool:
        # Picking pixels first costs a tenth of averaging the whole frame and tells cuts as well.
        picked = cv2.resize(image, (4 * _CUT_SIZE[0], 4 * _CUT_SIZE[1]), interpolation=cv2.INTER_NEAREST)
        small = cv2.resize(picked, _CUT_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._small = self._small, small  # type: ignore[assignment]
        return before is not None and float(np.abs(small - before).mean()) > _CUT_LEVELS

    def _follow(self, track: _Track, image: Image) -> None:
        """Move a track to the next frame, or mark it as lost."""
        before = _points(track.face)
        expected = before + _VELOCITY_SHARE * track.step
        points = self._detector.landmarks(image, _moved(track.face, expected))
        if not np.isfinite(points).all():
            track.is_lost = True
            return
        eyes = eye_distance(before)
        similarity = similarity_from_points(before, points)
        size = scale_of(similarity)
        residual = _mean_distance(transform_points(similarity, before), points) / max(eyes, 1e-6)
        patch = face_patch(image, points)
        is_same = float((patch * track.patch).mean()) > _PATCH_SIMILARITY
        inside = _share_inside(points, image.shape)
        is_like_before = residual < _SHAPE_CHANGE and 1 / _SIZE_CHANGE < size < _SIZE_CHANGE
        track.is_lost = not (is_same and is_like_before and inside > _LEAST_INSIDE)
        track.step = points.mean(0) - before.mean(0)
        if not track.is_lost:
            track.face, track.patch = _moved(track.face, points), patch

    def _part_ways(self, image: Image) -> None:
        """Of two tracks on one face, the one that came from further off is lost."""
        for i, a in enumerate(self._tracks):
            for b in self._tracks[i + 1 :]:
                if not (a.is_lost or b.is_lost) and _distance(a.face, b.face) < _SAME_PLACE:
                    worse = a if a.frames < b.frames or np.linalg.norm(a.step) > np.linalg.norm(b.step) else b
                    worse.is_lost = True

    def _detect(self, image: Image) -> None:
        self._since_detection = 0
        is_close = self._close is not None and self._since_close >= (
            _CLOSE_SOON if self._close_soon else _CLOSE_INTERVAL
        )
        self._match(image, self._look(image, closely=is_close), is_close=is_close)
        self._is_calm = not any(track.is_lost or track.misses or track.frames == 0 for track in self._tracks)
        overdue = [track for track in self._tracks if not track.is_lost and track.misses > _MISSES]
        if self._close is None or is_close or not overdue:
            for track in overdue:
                track.is_lost = True
        elif len(overdue) > _FEW:
            self._match(image, self._look(image, closely=True), is_close=True)
            for track in overdue:
                track.is_lost |= track.misses > _MISSES
        else:
            for track in overdue:
                track.is_lost = self._close.confirm(image, _points(track.face)) < CONFIRMED
                track.misses = 0
        self._close_soon |= any(track.is_lost and track.is_small for track in overdue)

    def _look(self, image: Image, *, closely: bool) -> list[Face]:
        self.detections += 1
        if closely and self._close is not None:
            self.close_looks += 1
            self._since_close, self._close_soon = 0, False
            faces = self._close.detect_closely(image)
        elif isinstance(self._detector, Again) and self.detections % _ANEW:
            faces = self._detector.detect_again(image, [track.face for track in self._tracks if not track.is_lost])
        else:
            faces = self._detector.detect(image)
        return [self._with_landmarks(image, face) for face in faces]

    def _match(self, image: Image, found: Sequence[Face], *, is_close: bool) -> None:
        """Bring the tracks up to date with faces that were found: matched, missed, or new."""
        pairs = sorted(
            (
                (_distance(track.face, face), t, f)
                for t, track in enumerate(self._tracks)
                for f, face in enumerate(found)
            ),
            key=lambda pair: pair[0],
        )
        matched_tracks: set[int] = set()
        matched_faces: set[int] = set()
        for distance, t, f in pairs:
            track = self._tracks[t]
            if distance > 2 * _SAME_PLACE or t in matched_tracks or f in matched_faces:
                continue
            if track.is_lost and distance > _SAME_PLACE:
                continue
            matched_tracks.add(t)
            matched_faces.add(f)
            if track.is_lost or distance > _DISAGREEMENT:
                track.face, track.patch = found[f], face_patch(image, _points(found[f]))
            track.face = replace(track.face, score=found[f].score)
            track.is_lost, track.misses = False, 0
            track.is_small &= is_close
        for t, track in enumerate(self._tracks):
            if t not in matched_tracks:
                track.misses += 1
        for f, face in enumerate(found):
            if f not in matched_faces and not any(
                _distance(t.face, face) < _SAME_PLACE for t in self._tracks if not t.is_lost
            ):
                self._tracks.append(self._start(image, face, is_small=is_close))

    def _start(self, image: Image, face: Face, *, is_small: bool) -> _Track:
        smoother = OneEuroFilter() if self._smooth else None
        patch = face_patch(image, _points(face))
        track = _Track(self._next_number, face, patch, smoother, is_small=is_small)
        self._next_number += 1
        return track

    def _with_landmarks(self, image: Image, face: Face) -> Face:
        return face if face.landmarks is not None else replace(face, landmarks=self._detector.landmarks(image, face))

    def _report(self, track: _Track, time_s: float) -> TrackedFace:
        raw = _points(track.face)
        points = raw
        if track.smoother is not None:
            points = track.smoother(raw, time_s=time_s, scale_px=eye_distance(raw))
        track.frames += 1
        near = any(other is not track and boxes_touch(other.face, track.face) for other in self._tracks)
        face = track.face if points is raw else _moved(track.face, points, box=track.face.box)
        return TrackedFace(track.number, face, raw, near, track.frames == 1)


def eye_distance(landmarks: Points) -> float:
    """Distance of the eye centres in pixels."""
    return float(np.linalg.norm(between_eyes(landmarks)))


def boxes_touch(a: Face, b: Face) -> bool:
    """Whether two boxes share an area or nearly do (a tenth of the smaller face)."""
    margin = 0.1 * min(a.size_px, b.size_px)
    return bool((np.minimum(a.box[2:], b.box[2:]) - np.maximum(a.box[:2], b.box[:2]) > -margin).all())


def face_patch(image: Image, landmarks: Points) -> NDArray[np.float32]:
    """The face as a small upright grey picture of zero mean and unit deviation, ``(32, 32)``."""
    patch = grey_crop(image, similarity_from_points(five_from_68(landmarks), _PATCH_POINTS), _PATCH_PX)
    mean, deviation = cv2.meanStdDev(patch)
    return (patch - np.float32(mean.item())) / np.float32(max(deviation.item(), 1.0))  # type: ignore[no-any-return]


def same_place(a: Face, b: Face) -> bool:
    """Whether two faces lie so close together that they are one."""
    return _distance(a, b) < _SAME_PLACE


def follow_largest(faces: Sequence[TrackedFace], current: int | None) -> int | None:
    """The track to stay with when one face is wanted: another one must be half as large again to take over."""
    if not faces:
        return None
    sizes = {face.track: face.face.size_px for face in faces}
    largest = max(sizes, key=lambda track: sizes[track])
    return current if current in sizes and sizes[largest] < 1.5 * sizes[current] else largest


def _points(face: Face) -> Points:
    if face.landmarks is None:
        raise ValueError("a tracked face has 68 landmarks")
    return face.landmarks


def _moved(face: Face, points: Points, *, box: NDArray[np.float64] | None = None) -> Face:
    """The face at new landmarks; its box moves and grows with them."""
    if box is None:
        (low, high), (new_low, new_high) = ((of.min(0), of.max(0)) for of in (_points(face), points))
        growth = (new_high - new_low) / np.maximum(high - low, 1e-6)
        box = ((face.box.reshape(2, 2) - (low + high) / 2) * growth + (new_low + new_high) / 2).reshape(4)
    return Face(box, face.score, five_from_68(points), points)


def _distance(a: Face, b: Face) -> float:
    """Mean distance of the five points by the larger eye distance."""
    eyes = max(eye_distance(_points(a)), eye_distance(_points(b)), 1e-6)
    return _mean_distance(a.five, b.five) / eyes


def _mean_distance(a: Points, b: Points) -> float:
    return float(np.hypot(*(a - b).T).mean())


def _share_inside(points: Points, shape: tuple[int, ...]) -> float:
    return float(((points >= 0) & (points < [shape[1], shape[0]])).all(1).mean())
