"""From records to numbers: one row per method, one column per metric and judge, with intervals and significance.

This is the only stage that holds a number of every record: eight bytes per pair, method and column (10,000 pairs of 5 methods
and 25 columns are 10 MB).
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .clips import (
    OVER_CLIPS,
    add_clip_values,
    clip_notes,
    clip_numbers,
    count_clips,
    notes_of_swapping,
    opening_columns,
    opening_values,
)  # fmt: skip
from .columns import OF_FEATURES, Column, columns_of, flattered
from .estimates import Estimate, estimate
from .features import REAL, feature_file, read_features
from .gallery import gallery_counts
from .metrics import MetricSpec
from .metrics.frechet import small_sample_warning
from .metrics.id_retrieval import chance_top_k
from .metrics.id_similarity import TO_SOURCE, TO_TARGET
from .pairs import count_pairs
from .records import OUTCOME, read_records
from .run_files import options_begun_with, read_card, read_gallery_summary, read_judges, read_run
from .statistics import holm, paired_significance

_RECORD = {**OUTCOME, "source_identity": str, "target_identity": str, "values": dict, "worst": list}


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that tables, plots and the report print.

    Attributes:
        columns: in order of printing.
        cells: one row per method and column, see :class:`eval.estimates.Estimate`.
        methods: card of each method, in the order asked for.
        significance: pairwise tests on the headline columns.
        chance: top-1 and top-5 of a random ordering of the gallery.
        gallery: gallery faces of each identity, and for each pair the index of its source identity among them.
        meta: judges, gallery, data set, options, notes.
        pairs: the joined per-pair values, for plots.
        unmoved: compared methods whose faces stayed the target's; they are not ranked (:func:`unmoved_methods`).
    """

    columns: tuple[Column, ...]
    cells: pd.DataFrame
    methods: dict[str, dict[str, Any]]
    significance: pd.DataFrame
    chance: dict[str, float]
    gallery: tuple[list[int], list[int]]
    meta: dict[str, Any]
    pairs: pd.DataFrame
    unmoved: frozenset[str] = frozenset()

    def cell(self, method: str, key: str) -> pd.Series:
        """Mean, interval and counts of one cell."""
        return self.cells.loc[(method, key)]


def load_pairs(run: Path, columns: tuple[Column, ...], methods: list[str], limit: int | None) -> pd.DataFrame:
    """One row per method and pair, sorted, with worst values filled in and ``NaN`` where there is no reference.

    Columns are arrays from the start, eight bytes per number: a dictionary per record would take fifty times that.
    """
    total = min(_pairs_of(run), limit or np.inf)
    place = {name: i * int(total) for i, name in enumerate(methods)}
    size = len(methods) * int(total)
    frames = opening_columns() if any(c.key in OVER_CLIPS for c in columns) else []
    numbers = {key: np.full(size, np.nan) for key in (*(c.key for c in columns), "target_yaw", *frames)}
    texts = {key: np.full(size, None, object) for key in ("source_identity", "target_identity", "status")}
    left_out = np.full(size, "", object)
    flags: dict[str, NDArray[np.bool_]] = {}
    seen = np.zeros(size, np.bool_)
    worst = {c.key: c.spec.worst for c in columns}
    for record in read_records(run / "records.jsonl", required=_RECORD):
        if record["method"] not in place or record["pair"] >= total:
            continue
        at = place[record["method"]] + record["pair"]
        seen[at] = True
        for key, array in texts.items():
            array[at] = sys.intern(record[key])
        left_out[at] = sys.intern(str(record.get("left_out") or ""))
        # A pair measured again replaces what was there, missing values included.
        for array in numbers.values():
            array[at] = np.nan
        yaw = {"target_yaw": record.get("target_yaw")}
        for key, value in (yaw | opening_values(record) | record["values"]).items():
            if key in numbers and value is not None:
                numbers[key][at] = _number(key, value)
        for key, value in record.items():
            if key.startswith("rank@"):
                if key not in numbers:
                    numbers[key] = np.full(size, np.nan)
                numbers[key][at] = _number(key, value)
        for key in record["worst"]:
            if isinstance(key, str) and key in worst:
                numbers[key][at] = worst[key]
                if f"worst:{key}" not in flags:
                    flags[f"worst:{key}"] = np.zeros(size, np.bool_)
                flags[f"worst:{key}"][at] = True
    if not seen.any():
        raise OptionError(f"No record in {run / 'records.jsonl'}; run python -m eval judge first.")
    index = pd.MultiIndex.from_product([methods, range(int(total))], names=["method", "pair"])
    return pd.DataFrame({**texts, "left_out": left_out, **numbers, **flags}, index=index)[seen]


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise OptionError(f"records.jsonl holds {key} = {type(value).__name__}; wanted a number. Measure again.")
    return float(value)


def _pairs_of(run: Path) -> int:
    """Rows of the pair list, which ``run.json`` must agree with: arrays are made as large as it says."""
    said, found = read_run(run)["pairs"], count_pairs(run / "pairs.csv")
    if said != found:
        raise OptionError(f"run.json says {said} pairs, pairs.csv holds {found}; start a new --out.")
    return found


def summarise(run: Path, *, seed: int = 0, limit: int | None = None) -> Summary:
    """Read a judged run and reduce it."""
    meta, judges, gallery = read_run(run), read_judges(run), read_gallery_summary(run)
    limit = meta.get("limit") if limit is None else limit
    names = list(meta["methods"])
    cards = {name: read_card(run, name) for name in names}
    clips = clip_numbers(run, _pairs_of(run))
    columns = columns_of(
        judges,
        consecutive=bool(meta.get("has_clips")),
        clips=bool((clips >= 0).any()),
        occluders=meta["options"].get("occluders") is not None,
        people=meta["people"] != "photos",
        dataset=meta["dataset"],
        cards=cards,
    )
    frame = load_pairs(run, columns, names, limit)
    names = [n for n in names if n in frame.index.get_level_values(0)]
    moving = [c.key for c in columns if c.key in OVER_CLIPS]
    add_clip_values(frame, clips, names, moving)
    cells = []
    for name in names:
        part = frame.loc[name]
        for column in columns:
            if column.key in OF_FEATURES:
                cell = _of_features(run, name, part.index.to_numpy(), column.spec)
            else:
                over_clip = column.key in OVER_CLIPS
                cell = estimate(part, column.key, column.spec, seed=seed, imputed=not over_clip)
                if over_clip:
                    cell = replace(cell, no_reference=count_clips(part, clips) - cell.n)
            cells.append({"method": name, "key": column.key, **cell.as_dict()})
    first = frame.loc[frame.index.get_level_values(0)[0]]
    counts = gallery_counts(run, first["source_identity"])
    table = pd.DataFrame(cells).set_index(["method", "key"])
    compared = [name for name in names if not cards[name]["reference"]]
    notes = _notes(run, table, judges, gallery, columns, frame, meta["people"])
    if (clips >= 0).any():
        notes += [*clip_notes(frame, clips, moving), *notes_of_swapping(options_begun_with(run), cards)]
    for judge in judges["judges"]:
        if takers := flattered(judge, cards):
            notes.append(
                f"† {', '.join(takers)}: what is swapped in is what {judge['name']} measures; it flatters them."
            )
    meta = {**meta, "judges": judges, "gallery": gallery, "notes": notes}
    return Summary(
        columns=columns,
        cells=table,
        methods={n: cards[n] for n in names},
        significance=_significance(frame, columns, compared, seed),
        chance=_chance(*counts),
        gallery=counts,
        meta=meta,
        pairs=frame,
        unmoved=unmoved_methods(table, columns, compared),
    )


def unmoved_methods(cells: pd.DataFrame, columns: tuple[Column, ...], methods: list[str]) -> frozenset[str]:
    """Methods whose swapped faces are, on the mean, no nearer to their source than to their target.

    By the first recogniser, over the pairs without failures. Who changes nothing keeps pose and expression perfectly, so such
    a method is shown and not ranked.
    """
    pairs = [
        next((c.key for c in columns if c.spec.key == key), None) for key in (TO_SOURCE.spec.key, TO_TARGET.spec.key)
    ]
    if None in pairs:
        return frozenset()
    near, far = (cells.xs(key, level="key")["mean_found"] for key in pairs)
    return frozenset(name for name in methods if not near[name] > far[name])


def _of_features(run: Path, method: str, index: np.ndarray, spec: MetricSpec) -> Estimate:
    """A distance between all features of a method's images and of the targets."""
    distance, folder = OF_FEATURES[spec.key]
    total = _pairs_of(run)
    mine, real = (read_features(feature_file(run, name, folder), total, index) for name in (method, REAL))
    if mine is None or real is None:
        return Estimate(no_reference=len(index))
    value = distance(mine, real) * spec.scale if min(len(mine), len(real)) >= 2 else np.nan
    return Estimate(value, mean_found=value, n=len(mine))


def _significance(frame: pd.DataFrame, columns: tuple[Column, ...], methods: list[str], seed: int) -> pd.DataFrame:
    """Sign-flip tests between all methods on the headline columns; Holm over the pairs of methods of one column."""
    rows = []
    for column in (c for c in columns if c.spec.headline and c.key not in (*OF_FEATURES, "failed")):
        found: list[dict[str, Any]] = []
        for a, b in combinations(methods, 2):
            both = frame.loc[a][[column.key, "source_identity"]].join(frame.loc[b][[column.key]], rsuffix=" b").dropna()
            if len(both) >= 2:
                first, second = both[column.key].to_numpy(), both[f"{column.key} b"].to_numpy()
                p = paired_significance(first, second, both["source_identity"].to_numpy(str), seed=seed)
                gap = float((first - second).mean()) * column.spec.scale
                found.append(
                    {"metric": column.key, "first": a, "second": b, "difference": gap, "pairs": len(both), "p": p}
                )
        for row, adjusted in zip(found, holm([r["p"] for r in found]) if found else [], strict=True):
            rows.append({**row, "p_holm": adjusted})
    return pd.DataFrame(rows, columns=["metric", "first", "second", "difference", "pairs", "p", "p_holm"])


def _chance(sizes: list[int], asked: list[int]) -> dict[str, float]:
    if not asked:
        return {"top1": float("nan"), "top5": float("nan")}
    return {"top1": 100 * chance_top_k(sizes, asked, 1), "top5": 100 * chance_top_k(sizes, asked, 5)}


def _notes(
    run: Path,
    table: pd.DataFrame,
    judges: dict[str, Any],
    gallery: dict[str, Any],
    columns: tuple[Column, ...],
    frame: pd.DataFrame,
    people: str,
) -> list[str]:
    """Sentences that must stand under every table."""
    names = list(dict.fromkeys(frame.index.get_level_values(0)))
    notes = [f"LPIPS: {judges['lpips']}"]
    feature = feature_file(run, names[0])
    total = _pairs_of(run)
    if feature.is_file():
        width = feature.stat().st_size // (4 * total)
        warning = small_sample_warning(int(table.loc[(names[0], "frechet"), "n"]), width)
        notes.append(f"Frechet distance on {judges['frechet_features']}" + (f": {warning}." if warning else "."))
        if "embeddings" in judges["frechet_features"]:
            notes.append("It is not the FID of papers, which needs Inception features: --fid-features FILE.onnx.")
    for name, value in gallery["thresholds"].items():
        text = f"Verified [{name}]: cosine of at least {value['cosine']:.4f}, from {value['impostor_pairs']} impostor pairs"
        few = value["impostor_pairs"] * gallery["false_accept_rate"] < 1
        notes.append(text + (" (too few for the stated rate: above the most similar pair)." if few else "."))
    if gallery["without_face"]:
        notes.append(
            f"{len(gallery['without_face'])} source images show the judges no face and are not in the gallery."
        )
    notes += _notes_on_pairs(table, columns, frame)
    if people == "photos":
        notes.append(
            "The data does not say who is who: each photo counts as a person of its own, so intervals are too narrow, and ID "
            "retrieval and verification are left out."
        )
    elif people == "folders":
        notes.append("Identities were taken from the folders of the photos.")
    if any(j["used_in_training"] for j in judges["judges"]):
        notes.append("† This judge was used in training a method of this table: it flatters that method.")
    if any(column.selected and not column.trained for column in columns):
        notes.append(
            "‡ This judge was not used in training, but weights were chosen by its figures on this data set: it flatters them a "
            "little."
        )
    return notes


def _notes_on_pairs(table: pd.DataFrame, columns: tuple[Column, ...], frame: pd.DataFrame) -> list[str]:
    """Which pairs count for nobody, and how many more single columns lack."""
    first = frame.loc[frame.index.get_level_values(0)[0]]
    reasons = Counter(reason for reason in first["left_out"] if reason)
    notes = []
    if reasons:
        said = ", ".join(f"in {count} {reason}" for reason, count in sorted(reasons.items()))
        notes.append(f"{reasons.total()} of {len(first)} pairs count for no method and in no column: {said}.")
    # LPIPS and what only clips and occluded targets have are empty for reasons of their own, stated elsewhere.
    own = {column.spec.key for column in columns if column.spec.clips_only or column.spec.occluders_only}
    apart = {*OF_FEATURES, "lpips"} | own | OVER_CLIPS.keys()
    keys = table.index.get_level_values("key").unique()
    rest = table.drop([key for key in keys if key.split("@")[0] in apart], level="key")
    more = int(rest["no_reference"].max()) - reasons.total()
    if more > 0:
        notes.append(f"In up to {more} more pairs a column has nothing to compare with; its n says so.")
    return notes
