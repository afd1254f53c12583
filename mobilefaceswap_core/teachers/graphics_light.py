"""Skin, occlusion, colour and light for the graphics baseline. RGB float32 in [0, 255] unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Mask

Float = NDArray[np.float32]

# Low frequencies are computed on at most this many pixels a side: light has no finer structure, and a blur of a
# quarter of the pixels costs a sixteenth of the time.
LOW_SIDE_PX = 64
# Added to lightness (0 to 100) before ratios: below about this level 8-bit photos hold noise and JPEG blocks.
LIGHTNESS_OFFSET = 6.0
# Blur of the correction at the rim as a share of the one inside.
RIM_SHARE = 0.4
# Deviations below these (log lightness, chroma per lightness) are noise and not contrast.
STD_FLOOR = np.array([0.03, 0.02, 0.02], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class SkinModel:
    """Robust colour of a person's skin in one photo: CIE Lab of OpenCV's float conversion (L 0..100)."""

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    def likelihood(self, lab: Float) -> Float:
        """1 on skin in the light of the cheeks, falling to 0 on hair, cloth, shade and background.

        Args:
            lab: ``(H, W, 3)``.

        Returns:
            ``(H, W)``.
        """
        offset = self._offset(lab)
        # Brighter than the cheeks is a highlight, rarely an obstacle: half as suspicious as darker.
        light = np.where(offset[..., 0] > 0, 0.5 * offset[..., 0], offset[..., 0])
        return _falling(np.sqrt(light**2 + offset[..., 1] ** 2 + offset[..., 2] ** 2))

    def shaded_likelihood(self, lab: Float) -> Float:
        """The same for skin in any light: ``(H, W, 3)`` to ``(H, W)``.

        Shade is darker and more saturated, a highlight is brighter and paler; only what is darker and paler at once
        (beard, hair, cloth) differs in the skin and not in the light.
        """
        offset = self._offset(lab)
        stronger = np.hypot(lab[..., 1], lab[..., 2]) > np.hypot(*self.centre[1:])
        tolerance = np.where(stronger | (offset[..., 0] > 0), 3.0, 1.4)
        chroma = np.hypot(offset[..., 1], offset[..., 2]) / tolerance
        return _falling(np.hypot(offset[..., 0] / 3.0, chroma))

    def _offset(self, lab: Float) -> Float:
        return np.asarray((lab - self.centre) / self.spread, np.float32)


def _falling(distance: NDArray[np.floating]) -> Float:
    return np.clip((4.0 - distance) / 1.5, 0.0, 1.0).astype(np.float32)


def to_lab(image: NDArray[Any]) -> Float:
    return cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)  # type: ignore[return-value]


def skin_model(lab: Float, region: Mask) -> SkinModel:
    """Median and spread of the pixels in ``region`` (cheeks and nose); the spread has a floor of a few JPEG steps."""
    pixels = lab[region > 0.5]
    if len(pixels) < 16:
        pixels = lab.reshape(-1, 3)
    centre = np.median(pixels, axis=0).astype(np.float64)
    spread = 1.4826 * np.median(np.abs(pixels - centre), axis=0)
    return SkinModel(centre, np.maximum(spread, [7.0, 3.0, 3.5]))


def smoothness(lightness: Float, region: Mask, sigma_px: float) -> Float:
    """1 where the local texture is no rougher than in ``region``, falling to 0: fair hair has the colour of skin."""
    roughness = soften(np.abs(lightness - soften(lightness, sigma_px)), sigma_px)
    known = roughness[region > 0.5]
    usual = float(np.quantile(known, 0.9)) if len(known) else 1.0
    return np.clip((3.5 - roughness / max(usual, 0.5)) / 1.5, 0.0, 1.0).astype(np.float32)


def fill(points: NDArray[Any], shape: tuple[int, int]) -> Mask:
    """Anti-alias free polygon of ``(N, 2)`` points, 1 inside."""
    mask = np.zeros(shape, np.float32)
    limit = 8 * max(shape)
    cv2.fillPoly(mask, [np.round(np.clip(points, -limit, limit) * 16).astype(np.int32)], 1.0, shift=4)
    return mask


def soften(mask: NDArray[Any], sigma_px: float) -> Mask:
    return cv2.GaussianBlur(mask, (0, 0), max(sigma_px, 0.3))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, eq=False)
class WeightedMeans:
    """A weighted image at low resolution: what normalised convolution needs, ``(h, w, C)`` sums and ``(h, w, 1)`` weights.

    Being linear it can be scaled, shifted and corrected here instead of at full size.
    """

    sums: Float
    weights: Float

    @staticmethod
    def of(image: Float, weights: Mask) -> WeightedMeans:
        scale = min(1.0, LOW_SIDE_PX / max(weights.shape))
        size = (max(1, round(weights.shape[1] * scale)), max(1, round(weights.shape[0] * scale)))
        sums = cv2.resize(image * weights[..., None], size, interpolation=cv2.INTER_AREA)
        return WeightedMeans(sums, cv2.resize(weights, size, interpolation=cv2.INTER_AREA)[..., None])  # type: ignore

    def mean(self) -> Float:
        """Overall mean, ``(C,)``."""
        return self.sums.sum((0, 1)) / max(float(self.weights.sum()), 1e-6)  # type: ignore[no-any-return]

    def plus(self, correction: Float) -> WeightedMeans:
        """Of the image with a slowly varying ``(h, w, C)`` added."""
        return WeightedMeans(self.sums + correction * self.weights, self.weights)

    def local(self, sigma: float) -> Float:
        """Local means ``(h, w, C)`` at ``sigma`` low-resolution pixels; where no weight is near, the overall mean."""
        mean = self.mean()
        border = cv2.BORDER_CONSTANT
        top = cv2.GaussianBlur(self.sums - mean * self.weights, (0, 0), max(sigma, 0.3), borderType=border)
        bottom = cv2.GaussianBlur(self.weights, (0, 0), max(sigma, 0.3), borderType=border)
        return top / (bottom[..., None] + 1e-4) + mean  # type: ignore[no-any-return]


def relight(
    face: Float, target: Float, *, face_skin: Mask, target_skin: Mask, rim: Mask, sigma_px: float, strength: float
) -> Float:
    """Give ``face`` the colours and the light of ``target``.

    First mean and contrast of the skin, then the slow part of the difference, in CIE Lab. Light multiplies, so
    lightness is matched as a ratio, and chroma moves in proportion to lightness: one shift for all pixels would tint
    dark brows and eyes (a warm source on a neutral target: blue lids), one gain for each of R, G, B would amplify the
    noise of the channel a coloured light leaves dark.

    Args:
        face: warped source.
        target: what it is laid on.
        face_skin: ``(H, W)`` weights of pixels of ``face`` whose colour is skin under its own light.
        target_skin: the same for ``target``.
        rim: ``(H, W)`` 1 near the outline of the face, where even quicker differences must vanish: a seam is visible
            wherever the colours on its two sides differ, a slightly wrong light inside the face is not.
        sigma_px: what counts as slow.
        strength: share of the slow difference that is taken over, 0 to 1.
    """
    face, target = _light_and_chroma(face), _light_and_chroma(target)
    small_face, small_target = WeightedMeans.of(face, face_skin), WeightedMeans.of(target, target_skin)
    face_mean, target_mean = small_face.mean(), small_target.mean()
    face_std, target_std = _deviation(face, face_skin, face_mean), _deviation(target, target_skin, target_mean)
    contrast = np.clip((target_std + STD_FLOOR) / (face_std + STD_FLOOR), 0.7, 1.1)
    shift = np.asarray(target_mean - contrast * face_mean, np.float32)
    matched = WeightedMeans(small_face.sums * contrast, small_face.weights).plus(shift)

    sigma = sigma_px * len(small_face.sums) / len(face)
    slow = strength * (small_target.local(sigma) - matched.local(sigma))
    quick = small_target.local(RIM_SHARE * sigma) - matched.plus(slow).local(RIM_SHARE * sigma)
    size = face.shape[1::-1]
    inside = cv2.resize(slow + shift, size, interpolation=cv2.INTER_LINEAR)
    at_rim = cv2.resize(quick, size, interpolation=cv2.INTER_LINEAR)
    return _rgb(face * contrast + inside + rim[..., None] * at_rim)


def _light_and_chroma(rgb: Float) -> Float:
    """Log lightness, and a and b for each unit of lightness; undone by :func:`_rgb`."""
    lab = cv2.cvtColor(np.clip(rgb, 0, 255) / np.float32(255.0), cv2.COLOR_RGB2LAB)
    lightness = lab[..., :1] + LIGHTNESS_OFFSET
    return np.concatenate([np.log(lightness), lab[..., 1:] / lightness], axis=2)


def _rgb(light_and_chroma: Float) -> Float:
    lightness = np.exp(np.minimum(light_and_chroma[..., :1], np.log(100.0 + LIGHTNESS_OFFSET)))
    lab = np.concatenate([lightness - LIGHTNESS_OFFSET, light_and_chroma[..., 1:] * lightness], axis=2)
    return cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * np.float32(255.0)  # type: ignore[return-value]


def _deviation(image: Float, weights: Mask, mean: Float) -> Float:
    """Weighted standard deviation of each channel."""
    squares = np.einsum("ij,ijk->k", weights, image * image) / max(float(weights.sum()), 1e-6)
    return np.sqrt(np.maximum(squares - mean * mean, 0.0)).astype(np.float32)  # type: ignore[no-any-return]


def fine_detail(image: NDArray[Any], weights: Mask) -> float:
    """Mean absolute Laplacian of the brightness: how sharp (or noisy) a region is."""
    grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
    return float((np.abs(cv2.Laplacian(grey, cv2.CV_32F)) * weights).sum() / max(float(weights.sum()), 1e-6))


def match_sharpness(face: Float, target: Float, weights: Mask) -> Float:
    """Blur ``face`` until its skin is no sharper than the target's; a face sharper than its photo looks pasted in."""
    wanted = fine_detail(target, weights)
    if fine_detail(face, weights) <= 1.3 * wanted:
        return face
    for sigma_px in (0.5, 0.7, 0.9, 1.2, 1.6, 2.1):
        blurred = cv2.GaussianBlur(face, (0, 0), sigma_px)
        if fine_detail(blurred, weights) <= 1.3 * wanted:
            break
    return blurred  # type: ignore[return-value]
