"""The gallery: every distinct source image of a run, measured once. Held as a float64 array: 10,000 x 512 are 40 MB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .judges import JudgeInfo
from .metrics.verification import FALSE_ACCEPT_RATE, impostor_threshold
from .records import read_records

_SOURCE: dict[str, type] = {"source": str, "status": str, "identity": str}


class Gallery:
    """Source faces in order of their reference, with one array per judge.

    Args:
        records: gallery records by source reference.
        judges: whose vectors to hold.
    """

    def __init__(self, records: Mapping[str, dict[str, Any]], judges: Sequence[JudgeInfo]) -> None:
        ordered = [records[k] for k in sorted(records)]
        self._missing = {r["source"]: r["status"] for r in ordered if r["status"] != "ok"}
        usable = [r for r in ordered if r["status"] == "ok"]
        self._row = {r["source"]: i for i, r in enumerate(usable)}
        self._identity = np.array([r["identity"] for r in usable], dtype=str)
        self._judges = [j for j in judges if j.kind in ("recogniser", "shape")]
        self._arrays = {j.name: np.array([r["vectors"][j.name] for r in usable], np.float64) for j in self._judges}
        self._thresholds = {
            j.name: impostor_threshold(self._arrays[j.name], self._identity)
            for j in self._judges
            if j.kind == "recogniser" and len(usable)
        }

    def vectors(self, source: str) -> dict[str, NDArray[np.float64]]:
        """What each judge said of a source; empty when it shows no face."""
        row = self._row.get(source)
        return {} if row is None else {name: array[row] for name, array in self._arrays.items()}

    def why_without(self, source: str) -> str | None:
        """Why a source has no vectors, whatever the method; ``None`` for one that has them."""
        if source in self._row:
            return None
        return "the source shows no face" if self._missing.get(source) == "no face" else "the source cannot be read"

    def matrix(self, judge: str) -> NDArray[np.float64]:
        """``(G, D)`` unit rows."""
        return self._arrays[judge]

    def is_right(self, identity: str) -> NDArray[np.bool_]:
        """``(G,)`` true where the face shows ``identity``."""
        return self._identity == identity

    def threshold(self, judge: str) -> float:
        """Verification threshold of a recogniser on this gallery."""
        return self._thresholds[judge][0]

    def summary(self) -> dict[str, Any]:
        """Size, identities, what is missing, and the thresholds with what they rest on."""
        return {
            "images": len(self._row),
            "identities": len(set(self._identity.tolist())),
            "without_face": list(self._missing),
            "false_accept_rate": FALSE_ACCEPT_RATE,
            "thresholds": {k: {"cosine": v[0], "impostor_pairs": v[1]} for k, v in self._thresholds.items()},
        }


def load_gallery(run: Path, judges: Sequence[JudgeInfo]) -> Gallery:
    """Read ``gallery.jsonl``.

    Raises:
        OptionError: a record that lacks what these judges said, or says it in another length.
    """
    path = run / "gallery.jsonl"
    required = {"source": str, "identity": str, "status": str, "vectors": dict}
    try:
        return Gallery({r["source"]: r for r in read_records(path, required=required)}, judges)
    except (KeyError, TypeError, ValueError) as error:
        raise OptionError(
            f"{path.name} does not hold what these judges measured ({error}); remove it and resume."
        ) from error


def gallery_counts(run: Path, asked: Iterable[str]) -> tuple[list[int], list[int]]:
    """Gallery faces of each identity in order of their names, and the places of the identities asked for among them.

    Args:
        run: with a ``gallery.jsonl``.
        asked: identities; those without a face in the gallery are left out.
    """
    counts: dict[str, int] = {}
    for source, record in {r["source"]: r for r in read_records(run / "gallery.jsonl", required=_SOURCE)}.items():
        if record["status"] == "ok" and source:
            counts[record["identity"]] = counts.get(record["identity"], 0) + 1
    place = {name: i for i, name in enumerate(sorted(counts))}
    return [counts[name] for name in place], [place[name] for name in asked if name in place]
