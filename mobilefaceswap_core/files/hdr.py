"""HDR clips: what their codes mean as light, as the picture that networks know, and back.

A clip in PQ or HLG stores light up to many times that of white paper. Networks, the hidden mark and the finish know sRGB.
So a frame is shown to them as a screen of ordinary brightness would show it: light below three quarters of white stays
what it is, what is brighter is rolled off towards white. A swapped face goes back through the inverse of the same map, so
that a level of error in the face, or of the mark, is as visible as in an ordinary clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Image

_WHITE_NITS = 203.0  # of graphics white and so of a well lit page; ITU-R BT.2408, table 1
_KNEE = 0.75  # of white; below it light is kept, above it is rolled off
_STEPS = 65535
# Between primaries of BT.2020 and BT.709, both with white D65. Source: ITU-R BT.2087, the inverse of its matrix.
_709_FROM_2020 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
_2020_FROM_709 = np.linalg.inv(_709_FROM_2020)


@dataclass(frozen=True, slots=True)
class Curve:
    """A transfer function of an HDR clip.

    Attributes:
        name: ``PQ`` or ``HLG``.
        code: its number in ITU-T H.273, table 3.
    """

    name: str
    code: int

    def light(self, codes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Light on a screen, as a multiple of white, of codes in [0, 1]."""
        codes = np.clip(np.asarray(codes, np.float64), 0, 1)
        return _pq_light(codes) if self.name == "PQ" else _hlg_light(codes)

    def codes(self, light: NDArray[np.floating]) -> NDArray[np.float64]:
        """The inverse of :meth:`light`."""
        light = np.maximum(np.asarray(light, np.float64), 0)
        return _pq_codes(light) if self.name == "PQ" else _hlg_codes(light)

    def shown(self, codes: NDArray[np.uint16]) -> Image:
        """The picture of a frame for networks and detectors.

        Args:
            codes: ``(H, W, 3)`` RGB, 16 bits, in the primaries of BT.2020.

        Returns:
            ``(H, W, 3)`` sRGB uint8.
        """
        light = cv2.transform(_light_table(self)[codes], _709_FROM_2020.astype(np.float32))
        steps = np.clip(light, 0, _MOST_LIGHT) * (_STEPS / _MOST_LIGHT)
        return _shown_table()[steps.astype(np.uint16)]

    def codes_of_shown(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What stands in the clip for pixels of :meth:`shown`.

        Args:
            pixels: ``(H, W, 3)`` sRGB uint8.

        Returns:
            ``(H, W, 3)`` RGB codes in [0, 255] in the primaries of BT.2020.
        """
        light = cv2.transform(_linear_table()[pixels], _2020_FROM_709.astype(np.float32))
        steps = np.clip(light, 0, _MOST_LIGHT) * (_STEPS / _MOST_LIGHT)
        return _code_table(self)[steps.astype(np.uint16)]


PQ, HLG = Curve("PQ", 16), Curve("HLG", 18)
CURVES = {curve.code: curve for curve in (PQ, HLG)}
_MOST_LIGHT = 4.0  # of white: what is brighter differs by less than a level once it is rolled off


def _pq_light(codes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Source: SMPTE ST 2084, equation 4.1."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = codes ** (1 / m2)
    return (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) * (10_000 / _WHITE_NITS)


def _pq_codes(light: NDArray[np.floating]) -> NDArray[np.float64]:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.minimum(light * (_WHITE_NITS / 10_000), 1.0) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073  # ITU-R BT.2100, table 5
_HLG_GAMMA, _HLG_PEAK_NITS = 1.2, 1000.0  # of the screen that BT.2100 names; applied to each channel


def _hlg_light(codes: NDArray[np.floating]) -> NDArray[np.float64]:
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _HLG_C) / _HLG_A) + _HLG_B) / 12)
    return scene**_HLG_GAMMA * (_HLG_PEAK_NITS / _WHITE_NITS)


def _hlg_codes(light: NDArray[np.floating]) -> NDArray[np.float64]:
    scene = np.minimum(light * (_WHITE_NITS / _HLG_PEAK_NITS), 1.0) ** (1 / _HLG_GAMMA)
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), _HLG_A * np.log(np.maximum(12 * scene - _HLG_B, 1e-9)) + _HLG_C
    )


def _rolled(light: NDArray[np.floating]) -> NDArray[np.float64]:
    """Light of any strength in [0, 1], without a kink at the knee."""
    room = 1 - _KNEE
    return np.where(light <= _KNEE, light, _KNEE + room * (1 - np.exp(-(np.maximum(light, _KNEE) - _KNEE) / room)))


def _unrolled(light: NDArray[np.floating]) -> NDArray[np.float64]:
    room = 1 - _KNEE
    above = _KNEE - room * np.log(np.maximum(1 - (light - _KNEE) / room, 1e-9))
    return np.where(light <= _KNEE, light, np.minimum(above, _MOST_LIGHT))


def _srgb_codes(light: NDArray[np.floating]) -> NDArray[np.float64]:
    """Source: IEC 61966-2-1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def _srgb_light(codes: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=4)
def _light_table(curve: Curve) -> NDArray[np.float32]:
    return curve.light(np.arange(_STEPS + 1) / _STEPS).astype(np.float32)


@lru_cache(maxsize=1)
def _shown_table() -> NDArray[np.uint8]:
    light = np.arange(_STEPS + 1) * (_MOST_LIGHT / _STEPS)
    return np.rint(255 * np.clip(_srgb_codes(_rolled(light)), 0, 1)).astype(np.uint8)


@lru_cache(maxsize=1)
def _linear_table() -> NDArray[np.float32]:
    return _unrolled(_srgb_light(np.arange(256) / 255)).astype(np.float32)


@lru_cache(maxsize=4)
def _code_table(curve: Curve) -> NDArray[np.float32]:
    light = (np.arange(_STEPS + 1) + 0.5) * (_MOST_LIGHT / _STEPS)
    return (255 * curve.codes(light)).astype(np.float32)
