"""ID retrieval: is the nearest face of the source gallery the right person's?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .base import IDENTITY, Metric, MetricSpec
from .sample import Sample

_DEFINITION = (
    "Share of swapped faces whose {k} gallery face{s} by cosine include{v} one of the right source identity; the gallery is "
    "every distinct source image of the run. A failed swap, and a swapped image without a face, is a miss."
)
_SOURCE = "FaceShifter (Li et al. 2019), section 4.1; protocol on FaceForensics++"
TOP1 = Metric(
    MetricSpec(
        key="id_top1",
        label="ID top-1",
        unit="%",
        higher_is_better=True,
        worst=0.0,
        judge_kind="recogniser",
        definition=_DEFINITION.format(k="nearest", s="", v="s"),
        source=_SOURCE,
        scale=100.0,
        needs_people=True,
        is_rate=True,
        decimals=1,
    ),
    lambda sample: top_k(sample.once(source_rank), 1),
    needs=IDENTITY,
)
TOP5 = Metric(
    MetricSpec(
        key="id_top5",
        label="ID top-5",
        unit="%",
        higher_is_better=True,
        worst=0.0,
        judge_kind="recogniser",
        definition=_DEFINITION.format(k="five nearest", s="s", v=""),
        source=_SOURCE,
        scale=100.0,
        needs_people=True,
        is_rate=True,
        decimals=1,
    ),
    lambda sample: top_k(sample.once(source_rank), 5),
    needs=IDENTITY,
)


def retrieval_rank(embedding: NDArray[np.floating], gallery: NDArray[np.floating], is_right: NDArray[np.bool_]) -> int:
    """Rank, from 1, of the best gallery face of the right identity.

    Args:
        embedding: ``(D,)`` of the swapped face; any length but zero.
        gallery: ``(G, D)`` unit rows.
        is_right: ``(G,)`` true where the gallery face shows the right source identity.

    Returns:
        1 when the nearest face is right. A wrong face as near as the right one ranks before it, so ties never flatter.

    Raises:
        OptionError: for shapes that do not fit, or a gallery without the right identity.

    >>> gallery = np.eye(3)  # three people, one face each
    >>> rank = retrieval_rank(np.array([0.1, 0.8, 0.3]), gallery, np.array([False, False, True]))
    >>> rank, top_k(rank, 1), top_k(rank, 5)  # the second person is nearer
    (2, 0.0, 1.0)
    """
    if gallery.ndim != 2 or embedding.shape != gallery.shape[1:] or is_right.shape != gallery.shape[:1]:
        raise OptionError(
            f"Shapes do not fit: embedding {embedding.shape}, gallery {gallery.shape}, labels {is_right.shape}; wanted (D,), "
            "(G, D), (G,)."
        )
    if not is_right.any():
        raise OptionError("The gallery does not hold the right identity; build it from the run's own sources.")
    similarity = gallery @ embedding
    best = similarity[is_right].max()
    return 1 + int((similarity[~is_right] >= best).sum())


def source_rank(sample: Sample) -> int:
    """Rank of the pair's source identity in the gallery, by the judge of this column."""
    lineup = sample.lineup
    return retrieval_rank(sample.swapped_vector, lineup.faces, lineup.is_right)


def top_k(rank: int | None, k: int) -> float:
    """1.0 when the right identity is among the ``k`` nearest, else 0.0; ``None`` (no face) is a miss."""
    return 1.0 if rank is not None and rank <= k else 0.0


def chance_top_k(gallery_counts: Sequence[int], asked: Sequence[int], k: int) -> float:
    """Expected top-k rate of a recogniser that orders the gallery at random.

    Args:
        gallery_counts: gallery faces of each identity.
        asked: for each pair, the index of its source identity in ``gallery_counts``.
        k: ranks counted; measured as the number of wrong faces before the first right one, plus one.

    Returns:
        Mean over pairs of ``1 - C(G - c, k) / C(G, k)``.

    >>> round(chance_top_k([1] * 40, asked=[0], k=5), 6)  # forty people, one face each
    0.125
    """
    total = int(sum(gallery_counts))
    if total == 0 or len(asked) == 0:
        raise OptionError("Chance level needs a gallery and at least one pair.")
    rates = []
    for count in gallery_counts:
        wrong = total - count
        miss = 1.0
        for step in range(min(k, total)):
            miss *= max(wrong - step, 0) / (total - step)
        rates.append(1.0 - miss)
    return float(np.mean([rates[i] for i in asked]))
