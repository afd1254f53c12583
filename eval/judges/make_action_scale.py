"""Measure the spread of landmark actions within people: the numbers of ``expression.ACTION_SPREAD``.

``python -m eval.judges.make_action_scale LANDMARKS.npz`` with ``lm`` ``(n, 68, 2)`` and ``ids`` ``(n,)``. Left and right are
pooled.
"""

from __future__ import annotations

import sys

import numpy as np

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.npz import read_npz

from .expression import ACTIONS, landmark_actions


def main(path: str) -> None:
    """Print one number per action."""
    data = read_npz(path, error=OptionError, what="table of landmarks")
    actions = np.stack([landmark_actions(points) for points in data["lm"].astype(np.float64)])
    within = np.concatenate(
        [actions[data["ids"] == p] - actions[data["ids"] == p].mean(0) for p in np.unique(data["ids"])]
    )
    variance = within.var(0)
    for first, second in ((0, 1), (4, 5), (6, 7)):
        variance[[first, second]] = variance[[first, second]].mean()
    for name, value in zip(ACTIONS, np.sqrt(variance), strict=True):
        print(f"{value:.4f}  {name}")


if __name__ == "__main__":
    main(sys.argv[1])
