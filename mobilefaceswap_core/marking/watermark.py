"""Hiding the mark in a swapped face: a pattern of a few grey levels inside the paste mask, and nowhere else.

The mark lives in the aligned crop, so any detector that aligns the face again undoes crops and resizes before reading
(:mod:`mobilefaceswap_core.marking.reading`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from ..blend.memory import KeptMark
from ..errors import ImageError
from ..faces.geometry import compose, invert, scale_of, side_in_frame, transform_points, warp_to_crop
from ..types import Image, Mask, Matrix
from .carriers import (
    BLUE,
    COARSE,
    FINE,
    GRID_PX,
    LUMA_OF_BLUE,
    MARK_CROP,
    Floats,
    MarkFormat,
    band_filters,
    carriers,
    codeword,
    format_of_version,
    grid_of,
    residual,
    support,
    window,
)


@dataclass(frozen=True, slots=True)
class Loudness:
    """How strong a format's pattern is, in grey levels, root mean square on smooth skin. Measured: docs/marking.md.

    Attributes:
        weakest: what the search for a still begins with, and what the page in the browser has, in faces that are no larger than most.
        strongest: where it ends.
        moving: without a search: for clips, so that neighbouring frames get the same pattern, and the page in the browser.
        textured: textured skin, brows and beards hide more; the pattern grows there up to so many times.
    """

    weakest: float
    strongest: float
    moving: float
    textured: float


LOUDNESS = {
    COARSE: Loudness(1.1, 2.2, 1.6, 1.8),
    FINE: Loudness(0.5, 2.0, 1.5, 1.3),
    BLUE: Loudness(2.5, 4.5, 3.5, 1.2),
}
# Side of the face's 224 crop in the frame from which the blue pattern survives what the coarse one does.
BLUE_FROM_PX = 260.0
# The same of the fine pattern, in photos; in clips codecs take it from faces of any size.
FINE_FROM_PX = 120.0
_LEAVE_SHARE = 0.85  # of that: a face of a clip keeps its pattern until it is so much smaller, else it would flicker
# A small face loses much of the pattern where the crop is scaled down into the frame, and the codec takes the rest: up to
# half as much again. Measured on clips of 100 and 130 px crops: docs/marking.md.
_FULL_PX, _LOUDER = 224.0, 1.5
# Stop raising the strength when the reader's score before any attack reaches this; a large face loses less on its way.
_WANTED_SCORE, _WANTED_LARGE, _LARGE_PX = 0.90, 0.84, 320.0
# Averaged over a large face's many pixels less is read as well, and at its full size the blue pattern shows as stains: yellow and violet ones
# of fifty pixels. From this side on it is the weaker the larger the face, down to a share that outlives half the size with JPEG 75.
_QUIETER_FROM_PX, _QUIETEST = 448.0, 0.5
_LEVELS = 5  # of strength that a still is tried with
_ROUNDS, _STEP, _BAND_FLOOR = 2, 0.5, 0.7  # of taking the face's own noise off the carriers
_PEAK = 2.5  # of the pattern, in its own deviations
# A face of a clip keeps its pattern for so many frames while what carries it changes by no more levels in the mean: the score of one frame is
# .01 lower at most, and a face has a new pattern in 13 to 83 % of the frames, by how much it moves (docs/marking.md).
_KEPT_FRAMES, _KEPT_LEVELS = 8, 2.0
_MASKING, _SMOOTH = 0.1, 3.0  # how it grows: by so much for each grey level of local deviation above that


def format_for(side_px: float, *, moving: bool = False, before: MarkFormat | None = None) -> MarkFormat:
    """The format for a face.

    Args:
        side_px: of the face's 224 crop in the frame.
        moving: the frame is one of a clip.
        before: what the same face had in the frame before, in a clip.
    """
    if side_px >= BLUE_FROM_PX * (_LEAVE_SHARE if before is BLUE else 1):
        return BLUE
    return FINE if side_px >= FINE_FROM_PX and not moving else COARSE


def payload_for(model: str, form: MarkFormat = COARSE) -> int:
    """The 14 bits hidden in a face: 2 bits of format version, 12 bits of the model name's SHA-256."""
    digest = int.from_bytes(hashlib.sha256(model.encode()).digest()[:2], "big")
    return form.version << 12 | digest & 0xFFF


def video_strength(side_px: float, form: MarkFormat = COARSE) -> float:
    """Strength of the mark in a clip, in grey levels on smooth skin.

    Args:
        side_px: of the face's 224 crop in the frame. The strength changes slowly with it, so it does not flicker.
        form: of the mark.
    """
    return LOUDNESS[form].moving * float(np.clip(np.sqrt(_FULL_PX / max(side_px, 1.0)), 1.0, _LOUDER))


def embed_crop(
    crop: Image,
    mask: Mask | None = None,
    *,
    payload: int,
    strength: float | None = None,
    side_px: float = MARK_CROP.size_px,
) -> Image:
    """Hide a payload in a swapped crop before it is pasted back.

    Args:
        crop: ``(S, S, 3)`` RGB uint8, aligned by a similarity to the ``arcface`` template.
        mask: ``(S, S)`` in [0, 1]: the weight the crop will be pasted with. The pattern adapts to it; it does not scale
            the pattern, pasting does.
        payload: see :func:`payload_for`; its version says in which format it is spelt.
        strength: in grey levels on smooth skin; ``None`` searches the weakest that can be read safely. For video see
            :func:`video_strength`.
        side_px: of the crop in the frame, which says how safely it must be read before it is handled.

    Returns:
        A new crop. The change is the same in all three channels, or in blue alone.
    """
    _check_square(crop)
    form = format_of_version(payload >> 12)
    weight = None if mask is None else _on_grid(mask)
    pattern = _pattern(grid_of(crop, form), weight, payload, strength, side_px)
    return add_to_channels(crop, _at_side(pattern, len(crop)), form)


def embed_again(
    crop: Image, mask: Mask, before: KeptMark | None, *, payload: int, strength: float
) -> tuple[Image, KeptMark]:
    """:func:`embed_crop` in a face of a clip: by the pattern of the frame before, where the face looks as it did there.

    Args:
        crop: as there.
        mask: as there.
        before: what this function gave for the face in the frame before, if there was one.
        payload: as there.
        strength: see :func:`video_strength`.

    Returns:
        A new crop, and what to give for the next frame.
    """
    _check_square(crop)
    form = format_of_version(payload >> 12)
    plane = grid_of(crop, form)
    if before is not None and len(before.pattern) == len(crop) and _still_fits(before, plane, payload):
        kept = replace(before, frames=before.frames + 1)
    else:
        pattern = _pattern(plane, _on_grid(mask), payload, strength, MARK_CROP.size_px)
        kept = KeptMark(payload, plane, _at_side(pattern, len(crop)))
    return add_to_channels(crop, kept.pattern, form), kept


def _still_fits(before: KeptMark, plane: Floats, payload: int) -> bool:
    if before.payload != payload or before.frames >= _KEPT_FRAMES:
        return False
    return float(cv2.absdiff(plane, before.plane).ravel()[support()].mean()) <= _KEPT_LEVELS


def _at_side(pattern: Floats, side_px: int) -> Floats:
    """A pattern of the grid for a crop of any side."""
    if side_px == GRID_PX:
        return pattern
    return np.asarray(cv2.resize(pattern, (side_px, side_px), interpolation=cv2.INTER_CUBIC), np.float32)


def embed_frame(
    frame: Image, crop_from_frame: Matrix, *, payload: int, mask: Mask | None = None, strength: float | None = None
) -> Image:
    """Hide a payload in a face of a finished frame.

    Args:
        frame: ``(H, W, 3)`` RGB uint8; not changed.
        crop_from_frame: ``(2, 3)``, to a 224 crop of the ``arcface`` template.
        mask: ``(224, 224)`` in [0, 1]: where the face was swapped; ``None`` for the whole face.

    Returns:
        A new frame; pixels outside the face's ellipse, and where the mask is 0, keep their values bit for bit.
    """
    crop = warp_to_crop(frame, crop_from_frame, MARK_CROP.size_px)
    weight = None if mask is None else _on_grid(mask)
    form = format_of_version(payload >> 12)
    side_px = side_in_frame(crop_from_frame, MARK_CROP.size_px)
    pattern = _pattern(grid_of(crop, form), weight, payload, strength, side_px)
    if weight is not None:
        pattern = pattern * weight
    ratio = MARK_CROP.size_px / GRID_PX
    crop_from_grid = np.array([[ratio, 0, (ratio - 1) / 2], [0, ratio, (ratio - 1) / 2]])
    grid_from_frame = compose(invert(crop_from_grid), crop_from_frame)
    corners = np.array([[0, 0], [GRID_PX, 0], [GRID_PX, GRID_PX], [0, GRID_PX]], np.float64)
    in_frame = transform_points(invert(grid_from_frame), corners)
    height, width = frame.shape[:2]
    left, top = np.clip(np.floor(in_frame.min(0)), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(in_frame.max(0)) + 1, [left, top], [width, height]).astype(int)
    result = frame.copy()
    if right <= left or bottom <= top:
        return result
    region_from_frame = np.array([[1, 0, -left], [0, 1, -top]], np.float64)
    region_from_grid = compose(region_from_frame, invert(grid_from_frame))
    size = (int(right - left), int(bottom - top))
    shrink = 1 / scale_of(region_from_grid)
    if shrink > 1.5:  # average what will be skipped, else high frequencies fold into low ones
        pattern = np.asarray(cv2.GaussianBlur(pattern, (0, 0), 0.35 * shrink), np.float32)
    spread = cv2.warpAffine(pattern, region_from_grid, size, flags=cv2.INTER_CUBIC, borderValue=0.0)
    region = frame[top:bottom, left:right]
    result[top:bottom, left:right] = add_to_channels(region, np.asarray(spread, np.float32), form)
    return result


def add_to_channels(image: Image, pattern: Floats, form: MarkFormat = COARSE) -> Image:
    """Add a pattern to what carries its format and round; zero changes nothing.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        pattern: ``(H, W)`` in levels of the format's plane.
        form: luma changes in all three channels, blue less luma in blue alone.
    """
    if form.plane == "luma":
        return cv2.add(image, cv2.merge([pattern] * 3), dtype=cv2.CV_8U)  # type: ignore[return-value]
    out = image.copy()
    more = pattern * np.float32(1 / (1 - LUMA_OF_BLUE))
    out[..., 2] = cv2.add(image[..., 2], more, dtype=cv2.CV_8U)
    return out


@lru_cache(maxsize=64)
def _unit_pattern(payload: int) -> Floats:
    """The codeword drawn on the grid with a root mean square of one grey level inside the window."""
    flat = np.zeros(GRID_PX**2, np.float32)
    form = format_of_version(payload >> 12)
    flat[support()] = codeword(payload) @ carriers(form)
    spectrum = np.fft.rfft2(flat.reshape(GRID_PX, GRID_PX))
    drawn = np.fft.irfft2(spectrum * sum(band_filters(form)), s=(GRID_PX, GRID_PX)) * np.sqrt(window())
    drawn /= np.sqrt((drawn**2 * window()).sum() / window().sum())
    unit = np.clip(drawn, -_PEAK, _PEAK).astype(np.float32)
    unit.flags.writeable = False
    return unit


def quietness(side_px: float) -> float:
    """What the strength of a still's mark is multiplied by for its face's size.

    Args:
        side_px: of the face's 224 crop in the frame.
    """
    return max(_QUIETEST, min(1.0, _QUIETER_FROM_PX / max(side_px, 1.0)))


def _wanted_score(side_px: float) -> float:
    return float(np.interp(side_px, (BLUE_FROM_PX, _LARGE_PX), (_WANTED_SCORE, _WANTED_LARGE)))


def _pattern(plane: Floats, weight: Floats | None, payload: int, strength: float | None, side_px: float) -> Floats:
    """``(112, 112)`` change in grey levels before the paste mask scales it."""
    form, wanted = format_of_version(payload >> 12), _wanted_score(side_px)
    loud = LOUDNESS[form]
    _, deviation = residual(plane, form)
    more = np.clip(1 + _MASKING * (deviation - _SMOOTH), 1, loud.textured)

    def drawn(level: float) -> Floats:
        return _informed(plane, weight, payload, level * more, deviation)

    def is_read(pattern: Floats) -> bool:
        response = _responses(plane, pattern, weight, form)
        return float(codeword(payload) @ response) >= wanted * max(float(np.linalg.norm(response)), 1e-6)

    if strength is not None:
        return drawn(strength)
    # The weakest of these that can be read, by halves; the strongest is taken unread.
    levels = np.linspace(loud.weakest * quietness(side_px), loud.strongest, _LEVELS)
    low, high, pattern = 0, _LEVELS - 1, None
    while low < high:
        middle = (low + high) // 2
        trial = drawn(float(levels[middle]))
        if is_read(trial):
            high, pattern = middle, trial
        else:
            low = middle + 1
    return drawn(loud.strongest) if pattern is None else pattern


def _informed(plane: Floats, weight: Floats | None, payload: int, strength: Floats, deviation: Floats) -> Floats:
    """The codeword's pattern, plus what takes the face's own noise off the other carriers.

    The writer knows the picture the reader will see. A cosine is raised more cheaply by lowering what is not the
    codeword than by adding to the codeword alone: 0.80 became 0.88 with 1.5 dB less change (docs/marking.md).
    """
    form = format_of_version(payload >> 12)
    word, matrix = codeword(payload), carriers(form)
    pattern = strength * _unit_pattern(payload)
    limit = _PEAK * strength * np.sqrt(window())
    for _ in range(_ROUNDS):
        response = _responses(plane, pattern, weight, form)
        unwanted = response - (word @ response) * word
        drawn = np.zeros(GRID_PX**2, np.float32)
        drawn[support()] = np.einsum("i,ij->j", unwanted, matrix)
        # Responses are in local deviations of a band; the mean over both bands brings them back to grey levels.
        pattern = pattern - _STEP * (deviation / 2 + _BAND_FLOOR) * drawn.reshape(GRID_PX, GRID_PX)
        pattern = np.clip(pattern, -limit, limit).astype(np.float32)
    return pattern


def _responses(plane: Floats, pattern: Floats, weight: Floats | None, form: MarkFormat) -> Floats:
    """What the reader's carriers say of the picture with a pattern."""
    seen = plane + (pattern if weight is None else pattern * weight)
    # Neither here nor above @: for products as small as these BLAS wakes its threads, which then spin and took half of all the
    # processor time of a clip. Row by row it does not, in a third of the time that einsum takes.
    return np.vecdot(carriers(form), residual(seen, form)[0].ravel()[support()])  # type: ignore[no-any-return]


def _on_grid(mask: Mask) -> Floats:
    return np.asarray(cv2.resize(mask, (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA), np.float32)


def _check_square(crop: Image) -> None:
    if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3 or crop.shape[0] != crop.shape[1]:
        raise ImageError(
            f"A watermark is hidden in a square RGB uint8 crop; got {crop.dtype} of shape {crop.shape}. "
            "Align the face first with geometry.align_face()."
        )
