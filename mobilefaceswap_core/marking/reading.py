"""Finding the mark again: align each face, search small errors of the alignment, decode, and say how sure it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import align_face
from ..types import Face, Image, Matrix
from .carriers import (
    BITS,
    CARRIERS,
    FORMATS,
    GRID_PX,
    MARK_CROP,
    Floats,
    MarkFormat,
    carriers,
    decode,
    grid_of,
    mark_centre,
    residual,
    support,
)

# A swapped face's landmarks are not the target's, and detectors differ. With one detector 90 % stay within 2.3 px of 224,
# 2 degrees and 4.4 % of size (docs/marking.md); the search reaches 8 px, 4 degrees and 8 %.
_SCALES = (1.0, 0.98, 1.02, 0.96, 1.04, 0.94, 1.06, 0.92, 1.08)
_TURNS = (0.0, -2.0, 2.0, -4.0, 4.0)
_REACH_PX = 4  # grid pixels, whole steps
_REFINE_STEPS = (1.0, 0.5)
_REFINE_BEST = 2
_REFINE_TRIALS = _REFINE_BEST * len(_REFINE_STEPS) * 8
# Alignments looked at for one face, mirrored ones included, in every format, times codewords: what a chance match has to
# choose from. For a clip the frames' sum takes the place of the mirrored search.
TRIALS = len(FORMATS) * 2 * (len(_SCALES) * len(_TURNS) * (2 * _REACH_PX + 1) ** 2 + _REFINE_TRIALS) * 2**BITS
FALSE_POSITIVE = 1e-6  # wanted bound per face


def chance_of(score: float, trials: int = TRIALS) -> float:
    """Upper bound on the probability that an unmarked face reaches a score.

    A carrier response of an unmarked face points anywhere with equal probability (the key is random), and the cap of
    half angle ``t`` covers at most ``sin(t) ** (n - 1) / 2`` of the unit sphere in n dimensions. The bound is that
    times the number of directions tried.
    """
    if score <= 0:
        return 1.0
    return float(min(1.0, trials * 0.5 * max(0.0, 1 - score * score) ** ((CARRIERS - 1) / 2)))


def score_for(chance: float, trials: int = TRIALS) -> float:
    """The score whose bound is ``chance``; the inverse of :func:`chance_of`."""
    return float(np.sqrt(1 - (2 * chance / trials) ** (2 / (CARRIERS - 1))))


THRESHOLD = score_for(FALSE_POSITIVE)  # 0.635


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What one face says.

    Attributes:
        score: cosine with the best codeword; marked above :data:`THRESHOLD`.
        payload: the most likely 14 bits, meaningful only when marked.
        responses: ``(128,)`` unit-norm carrier responses at the best alignment.
        form: the format that was looked for.
    """

    score: float
    payload: int
    responses: NDArray[np.float32]
    form: MarkFormat

    @property
    def marked(self) -> bool:
        """Whether the face carries a mark of the format that was looked for."""
        return self.score >= THRESHOLD and self.payload >> 12 == self.form.version

    @property
    def chance(self) -> float:
        """Bound on the probability of such a score without a mark."""
        return chance_of(self.score)

    def bit_accuracy(self, expected: Floats) -> float:
        """Share of the 128 carriers whose sign is that of a codeword, before error correction."""
        return float((np.sign(self.responses) == np.sign(expected)).mean())


def read_crop(crop: Image) -> Reading:
    """Look for a mark in an aligned crop of :data:`~.carriers.MARK_CROP`, in each format; mirrored too when it is not found
    upright.
    """
    readings: list[Reading] = []
    for seen in (crop, np.ascontiguousarray(crop[:, ::-1])):
        for form in FORMATS:
            readings.append(_read_grid(grid_of(seen, form), form))
            if readings[-1].marked:
                return readings[-1]
    return surest(readings)


def read_faces(image: Image, faces: Sequence[Face]) -> list[Reading]:
    """One reading per face, in the faces' order."""
    return [read_crop(align_face(image, face, MARK_CROP).image) for face in faces]


def vote(readings: Iterable[Reading]) -> Reading | None:
    """Frames of one clip together: responses add up where a mark is, and cancel where it is chance.

    Args:
        readings: the best reading of each frame.

    Returns:
        The combined reading, of the frames of one format, or the best single one if that is surer; ``None`` without frames.
    """
    frames = list(readings)
    if not frames:
        return None
    summed = []
    for form in FORMATS:
        of_form = [frame.responses for frame in frames if frame.form == form]
        if of_form:
            summed.append(_reading(np.asarray(np.sum(of_form, axis=0), np.float32), form))
    return surest([*summed, *frames])


def read_together(crops: Sequence[Image]) -> Reading | None:
    """Aligned crops of one face from several frames, searched together.

    Each alignment's responses are added over the frames before the best alignment is chosen, so that a clip is found in
    which no single frame shows its mark. Mirrored clips are not looked for.
    """
    if not crops:
        return None
    searches = [_Together(form) for form in FORMATS]
    for crop in crops:
        for search in searches:
            search.add(crop)
            found = vote(search.frames)
            if found is not None and found.marked:
                return found
    return surest([reading for search in searches for reading in (search.summed(), *search.frames)])


def surest(readings: Sequence[Reading]) -> Reading:
    """What is marked goes before a higher score of another format's chance."""
    return max(readings, key=lambda reading: (reading.marked, reading.score))


class _Together:
    """The frames of a clip, searched for one format."""

    def __init__(self, form: MarkFormat) -> None:
        self._form, self._places = form, list(product(_SCALES, _TURNS))
        self._total: Floats = np.zeros((len(self._places) * len(_shifted_support()), CARRIERS), np.float32)
        self.frames: list[Reading] = []

    def add(self, crop: Image) -> None:
        """Search one more frame's crop."""
        matrix, form = carriers(self._form), self._form
        plane = grid_of(crop, form)
        table = np.concatenate(
            [_shifted_responses(plane, scale, turn, form) @ matrix.T for scale, turn in self._places]
        )
        scores, _ = decode(table)
        best = int(scores.argmax())
        place = _place(best, self._places)
        self.frames.append(_refine(plane, float(scores[best]), place, table[best], form))
        self._total += table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-6)

    def summed(self) -> Reading:
        """What all frames say together at the alignment that is best for all."""
        return _reading(self._total[int(decode(self._total)[0].argmax())], self._form)


def _place(index: int, places: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Size, turn and shift of a row of the table of responses."""
    place, shift = divmod(index, (2 * _REACH_PX + 1) ** 2)
    dy, dx = divmod(shift, 2 * _REACH_PX + 1)
    return (*places[place], float(dx - _REACH_PX), float(dy - _REACH_PX))


def _shifted_responses(plane: Floats, scale: float, turn_deg: float, form: MarkFormat) -> Floats:
    """``(81, P)`` residual on the support, for every shift."""
    padded = np.pad(_residual_at(plane, _alignment(scale, turn_deg), form), _REACH_PX)
    return np.take(padded.ravel(), _shifted_support())


def _reading(responses: Floats, form: MarkFormat) -> Reading:
    score, payload = decode(responses[None])
    unit = responses / max(float(np.linalg.norm(responses)), 1e-6)
    return Reading(float(score[0]), int(payload[0]), unit.astype(np.float32), form)


@lru_cache(maxsize=1)
def _shifted_support() -> NDArray[np.intp]:
    """``(81, P)`` flat indices of the support in a padded grid, for every shift."""
    row, column = np.divmod(support(), GRID_PX)
    side = GRID_PX + 2 * _REACH_PX
    steps = range(2 * _REACH_PX + 1)
    return np.stack([(row + dy) * side + column + dx for dy, dx in product(steps, steps)])


def _read_grid(plane: Floats, form: MarkFormat) -> Reading:
    """Coarse search over size, turn and shift, nearest alignments first; then refinement of the best."""
    matrix, shifts = carriers(form), list(product(range(-_REACH_PX, _REACH_PX + 1), repeat=2))
    found: list[tuple[float, tuple[float, float, float, float], Floats]] = []
    near = [(s, t) for s in _SCALES[:3] for t in _TURNS[:3]]
    far = [(s, t) for s in _SCALES for t in _TURNS if (s, t) not in near]
    for group in (near, far):
        for scale, turn in group:
            responses = _shifted_responses(plane, scale, turn, form) @ matrix.T
            scores, _ = decode(responses)
            best = int(scores.argmax())
            dy, dx = shifts[best]
            found.append((float(scores[best]), (scale, turn, float(dx), float(dy)), responses[best]))
        found.sort(key=lambda item: -item[0])
        refined = [_refine(plane, *item, form) for item in found[:_REFINE_BEST]]
        top = max(refined, key=lambda reading: reading.score)
        if top.marked:
            break
    return top


def _refine(
    plane: Floats, score: float, place: tuple[float, float, float, float], responses: Floats, form: MarkFormat
) -> Reading:
    """Coordinate steps of half a coarse step, then a quarter."""
    matrix = carriers(form)
    best, best_responses = score, responses
    for step in _REFINE_STEPS:
        for axis, size in enumerate((0.01, 1.0, 0.5, 0.5)):
            for sign in (-step, step):
                trial = list(place)
                trial[axis] += sign * size
                response = matrix @ _residual_at(plane, _alignment(*trial), form).ravel()[support()]
                trial_score = float(decode(response[None])[0][0])
                if trial_score > best:
                    best, best_responses, place = trial_score, response, (trial[0], trial[1], trial[2], trial[3])
    return _reading(best_responses, form)


def _alignment(scale: float, turn_deg: float, dx: float = 0.0, dy: float = 0.0) -> Matrix:
    """``grid_from_trial``: where a pixel of a trial alignment is in the detected one."""
    cos, sin = np.cos(np.radians(turn_deg)) * scale, np.sin(np.radians(turn_deg)) * scale
    linear, centre = np.array([[cos, -sin], [sin, cos]]), np.array(mark_centre())
    return np.hstack([linear, (centre + linear @ (np.array([dx, dy]) - centre))[:, None]])


def _residual_at(plane: Floats, grid_from_trial: Matrix, form: MarkFormat) -> Floats:
    moved = cv2.warpAffine(
        plane,
        grid_from_trial,
        (GRID_PX, GRID_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return residual(moved, form)[0]  # type: ignore[arg-type]
