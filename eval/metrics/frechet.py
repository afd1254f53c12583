"""Frechet distance between the features of swapped and of real images. With Inception features it is the FID."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.types import Image

from .base import Metric, MetricSpec

FRECHET = Metric(
    MetricSpec(
        key="frechet",
        label="Frechet",
        higher_is_better=False,
        worst=float("nan"),
        definition=(
            "Frechet distance of two normal distributions fitted to the features of swapped images and of target images. Images "
            "that were not made are left out here and counted as failures."
        ),
        source="Heusel et al. 2017; resizing as in Parmar et al. 2022 (clean-fid)",
        decimals=4,  # of unit embeddings, where methods differ by hundredths
        headline=False,
    ),
    None,  # of the whole run: eval.columns
)

_CROPS = (
    " Here of the crop at the target's face (the 112 template) in both pictures, which background and hair do not water down; "
    "only where --fid-features names a network."
)


def of_faces(spec: MetricSpec) -> Metric:
    """The same distance between features of faces' crops."""
    return Metric(
        replace(spec, key=f"{spec.key}_faces", label=f"{spec.label}, faces", definition=spec.definition + _CROPS), None
    )


FRECHET_FACES = of_faces(FRECHET.spec)


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Distance of two samples of features.

    Args:
        first: ``(N, D)``, at least two rows.
        second: ``(M, D)``, at least two rows.

    Returns:
        ``|m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2))``, float64, never negative. With fewer rows than dimensions the
        covariances are singular and the value is biased upwards; :func:`small_sample_warning` says so.

    Raises:
        OptionError: for shapes that do not fit or values that are not finite.
    """
    a, b = checked_features(first, second)
    mean_gap = float(((a.mean(0) - b.mean(0)) ** 2).sum())
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # tr sqrt(C1 C2) = sum of singular values of sqrt(C1) sqrt(C2): real and stable for singular covariances too.
    cross = float(np.linalg.svd(_root(cov_a) @ _root(cov_b), compute_uv=False).sum())
    return max(0.0, mean_gap + float(np.trace(cov_a) + np.trace(cov_b)) - 2.0 * cross)


def checked_features(
    first: NDArray[np.floating], second: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two samples of features in float64, ``(N, D)`` and ``(M, D)``.

    Raises:
        OptionError: for shapes that do not fit or values that are not finite.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise OptionError(f"Features have shapes {a.shape} and {b.shape}; wanted (N, D) and (M, D) with N, M >= 2.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise OptionError("Some features are not finite; check the feature network.")
    return a, b


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def small_sample_warning(count: int, dimensions: int) -> str | None:
    """A sentence when too few images make the distance unreliable, else ``None``.

    The field uses 10,000 or more images for 2048 features; below the number of dimensions a covariance is singular.
    """
    if count <= dimensions:
        return (
            f"{count} images for {dimensions} features: covariance singular, value biased upwards; do not compare runs"
        )
    if count < 10_000:
        return f"{count} images; the field uses 10,000 or more: compare only rows of this run"
    return None


def clean_resize(image: Image, size_px: int) -> NDArray[np.float32]:
    """Resize as clean-fid does: float32 per channel, bicubic with antialiasing, not rounded back to 8 bits.

    Returns:
        ``(size, size, 3)`` float32 in [0, 255].
    """
    from PIL import Image as PillowImage

    channels = []
    for channel in range(3):
        plane = PillowImage.fromarray(image[..., channel].astype(np.float32))
        channels.append(np.asarray(plane.resize((size_px, size_px), PillowImage.Resampling.BICUBIC)))
    return np.clip(np.stack(channels, 2), 0, 255)
