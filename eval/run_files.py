"""The JSON files of a run's folder, checked as they are read: a folder may be copied, edited or damaged between stages."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import OptionError

from .methods import is_label
from .metrics import MetricSpec

MAX_JSON_BYTES = 64 << 20  # the largest, run.json, lists what was left out of a data set, one line per file
_NUMBER = (int, float)

# Keys that a file must have, with the kind of each value, a tuple of kinds, or the keys of an object in it.
RUN: Mapping[str, Any] = {
    "dataset": str, "dataset_note": str, "root": str, "aligned": (dict, type(None)), "problems": list, "pairs": int,
    "pairs_sha256": str, "seed": int, "versions": dict, "methods": list, "limit": (int, type(None)), "used_pairs": int,
    "options": dict,
}  # fmt: skip
JUDGES: Mapping[str, Any] = {
    "judges": list, "lpips": str, "frechet_features": str, "detector": {"name": str, "title": str, "files": dict},
}  # fmt: skip
JUDGE: Mapping[str, Any] = {
    "name": str, "kind": str, "title": str, "version": str, "files": dict, "used_in_training": bool,
}  # fmt: skip
METRIC: Mapping[str, Any] = {
    "key": str, "label": str, "unit": str, "worst": _NUMBER, "judge_kind": str, "definition": str, "source": str,
    "scale": _NUMBER, "decimals": int, "headline": bool, "higher_is_better": (bool, type(None)),
}  # fmt: skip
GALLERY: Mapping[str, Any] = {
    "images": int, "identities": int, "without_face": list, "false_accept_rate": _NUMBER, "thresholds": dict,
}  # fmt: skip
THRESHOLD: Mapping[str, Any] = {"cosine": _NUMBER, "impostor_pairs": int}
CARD: Mapping[str, Any] = {"name": str, "title": str, "reference": bool, "details": dict}


def read_json(path: Path) -> Any:
    """A JSON file of the run.

    Raises:
        OptionError: when the stage that writes it has not run, or it is damaged.
    """
    if not path.is_file():
        raise OptionError(
            f"{path.name} is not in {path.parent}; run the stage that writes it first (python -m eval --help)."
        )
    if path.stat().st_size > MAX_JSON_BYTES:
        raise OptionError(f"{path.name} has {path.stat().st_size} bytes; wanted at most {MAX_JSON_BYTES}.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise OptionError(f"{path.name} of {path.parent} cannot be read ({error}); start a new --out.") from error


def read_run(run: Path) -> dict[str, Any]:
    """``run.json``: data set, options and methods.

    Raises:
        OptionError: missing, damaged, or no such file.
    """
    meta = read_object(run / "run.json", RUN)
    for label in meta["methods"]:
        if not isinstance(label, str) or not is_label(label):
            raise OptionError(f"run.json names a method {label!r}; wanted letters, digits, dots and dashes.")
    for key in ("pairs", "used_pairs", "seed"):
        if meta[key] < 0:
            raise OptionError(f"run.json says {key} = {meta[key]}; wanted 0 or more. Start a new --out.")
    crop = meta["aligned"]
    if crop is not None and (set(crop) != {"size_px", "template", "fit"} or not _is(crop["size_px"], int)):
        raise OptionError(f"run.json says aligned = {crop!r}; wanted size_px, template and fit. Start a new --out.")
    return meta


def read_judges(run: Path) -> dict[str, Any]:
    """``judges.json``: who judged."""
    judges = read_object(run / "judges.json", JUDGES)
    for judge in judges["judges"]:
        require(judge, JUDGE, "judges.json: a judge")
    metrics = judges.get("metrics", [])
    known = {field.name for field in fields(MetricSpec)}
    for card in metrics if isinstance(metrics, list) else [metrics]:
        if set(require(card, METRIC, "judges.json: a metric")) - known:
            raise OptionError(f"judges.json: a metric has other keys than {', '.join(sorted(known))}. Measure again.")
    return judges


def read_gallery_summary(run: Path) -> dict[str, Any]:
    """``gallery.json``: sizes and thresholds."""
    gallery = read_object(run / "gallery.json", GALLERY)
    for name, value in gallery["thresholds"].items():
        require(value, THRESHOLD, f"gallery.json: the threshold of {name}")
    return gallery


def read_card(run: Path, label: str) -> dict[str, Any]:
    """The card of a method; ``label`` is one of ``run.json``'s."""
    return read_object(run / "methods" / f"{label}.json", CARD)


def read_object(path: Path, keys: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with at least these keys.

    Raises:
        OptionError: missing, damaged, or something else.
    """
    return require(read_json(path), keys, path.name)


def require(value: Any, keys: Mapping[str, Any], what: str) -> dict[str, Any]:
    """An object with at least these keys, each of its kind.

    Raises:
        OptionError: naming the key.
    """
    if not isinstance(value, dict):
        raise OptionError(
            f"{what} holds a {type(value).__name__}; wanted an object. Run the stage that writes it again."
        )
    for key, kind in keys.items():
        if isinstance(kind, Mapping):
            require(value.get(key), kind, f"{what}: {key}")
        elif not _is(value.get(key), kind):
            raise OptionError(
                f"{what} has no {key} that can be used (got {type(value.get(key)).__name__}). Run the stage that writes it "
                "again, or start a new --out."
            )
    return value


def _is(value: Any, kind: Any) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool) and bool not in kinds:
        return False  # to Python a bool is an int
    return isinstance(value, kinds) and not (isinstance(value, float) and not math.isfinite(value))
