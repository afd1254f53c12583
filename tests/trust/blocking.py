"""Where the block list's threshold comes from: cosines of same and different people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.rules.blocklist import THRESHOLD

from .photos import crop_224

_PEOPLE = 400


def block_rates(photos: Sequence[Path]) -> list[dict[str, Any]]:
    """False acceptance and rejection at several thresholds; photos of one person share a folder."""
    people: dict[str, list[Path]] = {}
    for path in photos:
        people.setdefault(path.parent.name, []).append(path)
    chosen = [p[:4] for p in people.values() if len(p) >= 2][:_PEOPLE]
    encoder = load_identity_encoder()
    vectors = encoder.embed([crop_224(path) for person in chosen for path in person])
    labels = np.repeat(np.arange(len(chosen)), [len(p) for p in chosen])
    cosines = vectors @ vectors.T
    upper = np.triu(np.ones_like(cosines, bool), 1)
    same = cosines[(labels[:, None] == labels) & upper]
    different = cosines[(labels[:, None] != labels) & upper]
    return [
        {
            "threshold": float(t),
            "shipped": bool(np.isclose(t, THRESHOLD)),
            "people": len(chosen),
            "same_pairs": len(same),
            "different_pairs": len(different),
            "protected_missed": float((same < t).mean()),
            "others_refused": float((different >= t).mean()),
        }
        for t in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
    ]
