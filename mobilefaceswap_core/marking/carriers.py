"""The hidden mark's signal: a square grid over the aligned face, 128 carriers on it, and the code that spells 14 bits.

The grid is a plane of the aligned crop of :data:`MARK_CROP`, its luminance or how blue it is, averaged down to 112 x 112. What a
reader correlates with is not the plane but its *residual*: two octave-like bands, each divided by its local deviation, so that eyes, beards and jpeg
blocks do not outshout smooth skin. Bands, window and strength were chosen by measurement; see ``docs/marking.md``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import CropSpec

Floats = NDArray[np.float32]

MARK_CROP = CropSpec(224, "arcface", "similarity")
GRID_PX = 112
BITS = 14
CARRIERS = 128
_WORDS = CARRIERS // 64  # each 64-carrier word is a row of a Hadamard matrix or its negative: 7 bits

Bands = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class MarkFormat:
    """One way to spell a payload.

    Attributes:
        version: two bits of the payload.
        bands: limits in cycles per crop side.
        plane: what carries them: ``luma``, or ``blue``, blue less luma, in which eyes see little.
    """

    version: int
    bands: Bands
    plane: Literal["luma", "blue"] = "luma"

    @property
    def key(self) -> bytes:
        """What the carriers are drawn from. It is public on purpose. Anyone may look for the mark, and so may attack it."""
        return f"mobilefaceswap watermark {self.version}".encode()


# For the smallest faces, and small ones in clips. Below 15 cycles the face itself is too strong, above 33 a small face that was
# halved has nothing left.
COARSE = MarkFormat(1, ((15.0, 22.0), (22.0, 33.0)))
# For faces of middling size in photos: 1.6 levels of change for 2.7, and as fine as skin is, where the coarse one shows as freckles.
FINE = MarkFormat(2, ((20.0, 29.0), (29.0, 42.0)))
# Large faces keep colours through JPEG's and video's halved chroma. The grey levels that a reader needs show as stains on smooth skin;
# twice as many levels of blue do not (docs/marking.md).
BLUE = MarkFormat(3, ((12.0, 18.0), (18.0, 27.0)), "blue")
FORMATS = (COARSE, FINE, BLUE)
_SLOPE = 12  # of the band edges, as an exponent: steep enough to separate bands, without ringing over the window
_FLOOR = 0.7  # grey levels; a band flatter than this is rounding noise and must not be blown up
_SPREAD_PX = 11  # side of the square that local deviations are taken over
_CLIP = 3.0  # local deviations; one specular highlight must not decide a carrier
# The part of the crop that is swapped for nearly every face: centre and radii as fractions of the crop's side.
_CENTRE, _RADII, _SOFT = (0.5, 0.625), (0.295, 0.34), 0.15


LUMA_OF_BLUE = 0.114  # ITU-R BT.601, as JPEG has it
BLUE_LESS_LUMA = np.array([[-0.299, -0.587, 1 - LUMA_OF_BLUE]], np.float32)


def mark_centre() -> tuple[float, float]:
    """Centre of the marked ellipse in grid pixels, ``(x, y)``."""
    return _CENTRE[0] * GRID_PX - 0.5, _CENTRE[1] * GRID_PX - 0.5


def _frozen(array: NDArray[np.generic]) -> Floats:
    result = np.ascontiguousarray(array, np.float32)
    result.flags.writeable = False
    return result


@lru_cache(maxsize=1)
def window() -> Floats:
    """``(112, 112)`` weight in [0, 1]: a soft ellipse over brows to chin."""
    y, x = (np.mgrid[0:GRID_PX, 0:GRID_PX] + 0.5) / GRID_PX
    radius = np.hypot((x - _CENTRE[0]) / _RADII[0], (y - _CENTRE[1]) / _RADII[1])
    return _frozen(np.clip((1 + _SOFT - radius) / (2 * _SOFT), 0, 1))


@lru_cache(maxsize=1)
def support() -> NDArray[np.intp]:
    """Flat indices of the grid pixels that carry anything."""
    indices = np.flatnonzero(window().ravel() > 0.02)
    indices.flags.writeable = False
    return indices


def format_of_version(version: int) -> MarkFormat:
    """The format whose version a payload's first two bits give.

    Raises:
        ValueError: none has it.
    """
    for form in FORMATS:
        if form.version == version:
            return form
    raise ValueError(
        f"No format of the hidden mark has version {version}; wanted one of {[f.version for f in FORMATS]}."
    )


@lru_cache(maxsize=len(FORMATS))
def band_filters(form: MarkFormat) -> tuple[Floats, ...]:
    """One real transfer function per band, laid out as ``numpy.fft.rfft2`` lays out a grid."""
    cycles_y = np.fft.fftfreq(GRID_PX)[:, None] * GRID_PX
    cycles_x = np.fft.rfftfreq(GRID_PX)[None] * GRID_PX
    cycles = np.hypot(cycles_y, cycles_x)

    def below(limit: float) -> NDArray[np.float64]:
        return np.exp(-np.log(2) * (cycles / limit) ** _SLOPE)

    return tuple(_frozen(below(high) * (1 - below(low))) for low, high in form.bands)


@lru_cache(maxsize=len(FORMATS))
def _packed_filters(form: MarkFormat) -> tuple[Floats, ...]:
    """:func:`band_filters` as OpenCV packs the spectrum of a real picture into as many real numbers.

    Real and imaginary parts of a frequency lie side by side along x; in the first and the last column, whose frequencies
    along y are conjugate in pairs, one below the other.
    """
    pairs = (np.arange(GRID_PX) + 1) // 2
    packed = []
    for band_filter in band_filters(form):
        columns = [
            band_filter[pairs, 0][:, None],
            np.repeat(band_filter[:, 1:-1], 2, axis=1),
            band_filter[pairs, -1][:, None],
        ]
        packed.append(_frozen(np.hstack(columns)))
    return tuple(packed)


@lru_cache(maxsize=len(FORMATS))
def carriers(form: MarkFormat) -> Floats:
    """``(128, P)`` orthonormal carriers on the support; the same on every machine.

    SHAKE-256 gives the noise, because NumPy promises no stable stream of normal numbers. Symmetric orthonormalisation
    has no order and no sign to choose, so a different LAPACK gives the same carriers.
    """
    noise = np.frombuffer(hashlib.shake_256(form.key).digest(CARRIERS * GRID_PX**2), np.uint8)
    both = np.sum(_packed_filters(form), axis=0, dtype=np.float64)
    weight, flat = window().ravel()[support()], np.empty((CARRIERS, support().size))
    # One by one they stay in the processor's cache: all in one transform took 50 to 270 ms of a first swap, these 30.
    for carrier, own in zip(flat, noise.reshape(CARRIERS, GRID_PX, GRID_PX), strict=True):
        shaped = cv2.idft(cv2.dft(own - 127.5) * both, flags=cv2.DFT_SCALE)
        np.multiply(shaped.ravel()[support()], weight, out=carrier)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    return _frozen((vectors / np.sqrt(values)) @ vectors.T @ flat)


def residual(luma: Floats, form: MarkFormat) -> tuple[Floats, Floats]:
    """What the reader correlates with.

    Args:
        luma: ``(112, 112)`` in grey levels.
        form: whose bands it looks at.

    Returns:
        The normalised residual, and the local deviation of both bands together in grey levels.
    """
    spectrum = cv2.dft(luma)  # in half the time of NumPy's transform, which a clip takes ten times a frame
    total, variance = np.zeros_like(luma), np.zeros_like(luma)
    for band_filter in _packed_filters(form):
        band = np.asarray(cv2.idft(spectrum * band_filter, flags=cv2.DFT_SCALE), np.float32)
        local = cv2.blur(band * band, (_SPREAD_PX, _SPREAD_PX))
        variance += local
        band /= np.sqrt(local) + np.float32(_FLOOR)
        total += np.clip(band, -_CLIP, _CLIP, out=band)
    return total, np.sqrt(variance)


def grid_of(crop: NDArray[np.uint8], form: MarkFormat) -> Floats:
    """``(112, 112)`` of a square RGB crop, in levels: the plane that carries a format."""
    if form.plane == "luma":
        return luma_grid(crop)
    small = _averaged(crop).astype(np.float32)
    return cv2.transform(small, BLUE_LESS_LUMA)  # type: ignore[return-value]


def luma_grid(crop: NDArray[np.uint8]) -> Floats:
    """``(112, 112)`` luminance of a square RGB crop."""
    return _averaged(np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)).astype(np.float32)


def _averaged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    way = cv2.INTER_AREA if len(picture) >= GRID_PX else cv2.INTER_LINEAR
    return cv2.resize(picture, (GRID_PX, GRID_PX), interpolation=way)  # type: ignore[return-value]


@lru_cache(maxsize=1)
def _hadamard() -> Floats:
    matrix = np.ones((1, 1))
    while len(matrix) < 64:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return _frozen(matrix)


def codeword(payload: int) -> Floats:
    """``(128,)`` unit vector that spells a payload of 14 bits."""
    if not 0 <= payload < 1 << BITS:
        raise ValueError(f"A payload has {BITS} bits: got {payload}, wanted 0 to {(1 << BITS) - 1}.")
    words = []
    for shift in range(BITS - 7, -1, -7):
        sign, row = divmod(payload >> shift & 127, 64)
        words.append(_hadamard()[row] * (1 - 2 * sign))
    return np.asarray(np.concatenate(words) / np.sqrt(CARRIERS), np.float32)


def decode(responses: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The most likely payload of each row and how well it fits.

    Args:
        responses: ``(N, 128)`` carrier responses.

    Returns:
        ``(N,)`` cosine between responses and the best of the 2**14 codewords, and ``(N,)`` payloads. Exact maximum
        likelihood: the code is a product of two biorthogonal codes, so each half is decided alone.
    """
    words = responses.reshape(len(responses), _WORDS, 64) @ _hadamard()
    row = np.abs(words).argmax(-1)
    best = np.take_along_axis(words, row[..., None], -1)[..., 0]
    norm = np.maximum(np.linalg.norm(responses, axis=1), 1e-6)
    score = np.abs(best).sum(1) / (np.sqrt(CARRIERS) * norm)
    payload = np.zeros(len(responses), np.int64)
    for word in range(_WORDS):
        payload = payload << 7 | (best[:, word] < 0) << 6 | row[:, word]
    return score.astype(np.float32), payload
