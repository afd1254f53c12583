"""Kernel distance between the features of swapped and of real images; with Inception features it is the KID."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import Metric, MetricSpec
from .frechet import checked_features, of_faces

KERNEL = Metric(
    MetricSpec(
        key="kernel",
        label="kernel distance",
        unit="1e-3",
        higher_is_better=False,
        worst=float("nan"),
        definition=(
            "Unbiased squared maximum mean discrepancy, with the kernel (x y / D + 1)^3, of the features of swapped images and of "
            "target images, in thousandths. Unlike the Frechet distance its value does not depend on how many images there are; it may "
            "be a little below 0. Images that were not made are left out here and counted as failures."
        ),
        source="KID (Binkowski et al. 2018)",
        scale=1000.0,
        decimals=3,
        headline=False,
    ),
    None,  # of the whole run: eval.columns
)
KERNEL_FACES = of_faces(KERNEL.spec)


def kernel_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Squared discrepancy of two samples of features.

    Args:
        first: ``(N, D)``, at least two rows.
        second: ``(M, D)``, at least two rows.

    Returns:
        The unbiased estimate; 0 on the mean for samples of one distribution.

    Raises:
        OptionError: for shapes that do not fit or values that are not finite.
    """
    a, b = checked_features(first, second)
    within = sum(_sum(x, x, diagonal=False) / (len(x) * (len(x) - 1)) for x in (a, b))
    return float(within - 2.0 * _sum(a, b, diagonal=True) / (len(a) * len(b)))


def _sum(a: NDArray[np.float64], b: NDArray[np.float64], *, diagonal: bool) -> float:
    """Sum of the kernel over all pairs of rows, a thousand rows at a time: 10,000 against 10,000 need no 800 MB."""
    total = 0.0
    for start in range(0, len(a), 1000):
        block = (a[start : start + 1000] @ b.T / a.shape[1] + 1.0) ** 3
        total += float(block.sum())
        if not diagonal:
            total -= float(np.trace(block, offset=start))
    return total
