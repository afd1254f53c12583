"""Shards: one run made by several machines, each with its share of the pairs or of the methods, and put together afterwards.

``--shard 2/4`` swaps and judges the second quarter of the pair list. Each shard measures the whole gallery, which retrieval and
verification need, so the records of shards are those of one run. The frames of a clip stay together.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .pairs import count_pairs, iterate_pairs


def parse_shard(text: str) -> tuple[int, int]:
    """``2/4`` -> the second of four.

    Raises:
        OptionError: anything else.
    """
    first, _, last = text.partition("/")
    if not (first.isdecimal() and last.isdecimal() and len(last) < 6 and 1 <= int(first) <= int(last)):
        raise OptionError(f"--shard {text}: wanted K/N with K from 1 to N, such as 2/4.")
    return int(first), int(last)


def pairs_of_shard(path: Path, shard: str | None, *, limit: int | None = None) -> NDArray[np.bool_]:
    """``(pairs,)`` true for the pairs of a shard; all of them without one.

    Args:
        path: of ``pairs.csv``.
        shard: ``K/N``.
        limit: only the first so many pairs.
    """
    total = count_pairs(path, limit=limit)
    if shard is None:
        return np.ones(total, np.bool_)
    number, count = parse_shard(shard)
    mine = np.zeros(total, np.bool_)
    first, after = total * (number - 1) // count, total * number // count
    begins: dict[tuple[str, str] | None, int] = {}
    for pair in iterate_pairs(path, limit=limit):
        begin = pair.index if pair.clip_key is None else begins.setdefault(pair.clip_key, pair.index)
        mine[pair.index] = first <= begin < after
    return mine
