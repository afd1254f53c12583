"""Verification: would a face lock set to a stated false accept rate take the swapped face for the source?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .base import IDENTITY, Metric, MetricSpec
from .id_similarity import cosine

FALSE_ACCEPT_RATE = 0.01

VERIFIED = Metric(
    MetricSpec(
        key="verified",
        label="verified",
        unit="%",
        higher_is_better=True,
        worst=0.0,
        judge_kind="recogniser",
        definition=f"Share of swapped faces whose cosine to the source passes the threshold that accepts {FALSE_ACCEPT_RATE:.0%} of pairs of "
        "different people in the source gallery. Without a face: not verified.",
        source="LFW / NIST FRVT practice: true accept rate at a fixed false accept rate",
        scale=100.0,
        needs_people=True,
        is_rate=True,
        decimals=1,
        headline=False,
    ),
    lambda sample: is_verified(cosine(sample.swapped_vector, sample.source_vector), sample.lineup.threshold),
    needs=IDENTITY,
)

# Gallery pairs looked at; more do not move a 1 % quantile by more than its own error.
_MOST_PAIRS = 200_000


def impostor_threshold(
    gallery: NDArray[np.floating],
    identities: NDArray[np.str_],
    *,
    false_accept_rate: float = FALSE_ACCEPT_RATE,
    seed: int = 0,
) -> tuple[float, int]:
    """Smallest cosine that at most the stated share of impostor pairs reaches.

    Args:
        gallery: ``(G, D)`` unit rows.
        identities: ``(G,)`` labels.
        false_accept_rate: in (0, 1).
        seed: of the sample drawn when there are more than 200,000 pairs.

    Returns:
        Threshold and the number of impostor pairs it rests on. With fewer pairs than ``1 / false_accept_rate`` it is just
        above the most similar pair. Without any impostor pair the threshold is 1.

    Raises:
        OptionError: for a rate outside (0, 1) or shapes that do not fit.
    """
    if not 0 < false_accept_rate < 1:
        raise OptionError(f"The false accept rate is {false_accept_rate}; wanted a number between 0 and 1.")
    if gallery.ndim != 2 or len(gallery) != len(identities):
        raise OptionError(f"Gallery {gallery.shape} and {len(identities)} labels do not fit.")
    first, second = np.triu_indices(len(gallery), 1) if len(gallery) <= 640 else _sample(len(gallery), seed)
    impostor = identities[first] != identities[second]
    first, second = first[impostor], second[impostor]
    if len(first) == 0:
        return 1.0, 0
    scores = np.sort(np.einsum("nd,nd->n", gallery[first].astype(np.float64), gallery[second].astype(np.float64)))
    allowed = int(np.floor(false_accept_rate * len(scores)))
    return float(np.nextafter(scores[len(scores) - 1 - allowed], np.inf)), len(scores)


def _sample(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    return random.integers(count, size=_MOST_PAIRS), random.integers(count, size=_MOST_PAIRS)


def is_verified(cosine_to_source: float, threshold: float) -> float:
    """1.0 when the cosine reaches the threshold."""
    return 1.0 if cosine_to_source >= threshold else 0.0
