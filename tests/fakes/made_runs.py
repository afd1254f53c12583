"""Judged runs written by hand: every number is known, and nothing has to be swapped or judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eval.images import write_png
from eval.metrics import DEFINITIONS
from eval.options import RunOptions, saved_values
from eval.pairs import Pair, write_pairs
from eval.records import RecordWriter, write_json

JUDGES = [
    {"name": "dlib", "kind": "recogniser", "title": "a recogniser", "version": "1", "licence": "CC0", "files": {}},
    {"name": "pnp", "kind": "pose", "title": "a judge of pose", "version": "1", "licence": "MIT", "files": {}},
]
REFERENCES = ("target",)
PEOPLE = 6


def made_run(
    folder: Path, methods: dict[str, dict[str, np.ndarray]], *, failed: dict[str, tuple[int, ...]] | None = None,
    yaw: np.ndarray | None = None, images: bool = False, dataset: str = "folders", clip: bool = False,
) -> Path:  # fmt: skip
    """Write a run of 24 pairs of six people, or of as many pairs as the values have.

    Args:
        folder: to write into.
        methods: values by method and key (``pose_error@pnp``); cosines that say "moved" are added where they are missing.
        failed: pairs of each method that made no image.
        yaw: of the targets, in degrees.
        images: also write small pictures of sources, targets and results.
        dataset: its name.
        clip: whether targets are frames of one clip.
    """
    count = len(next(iter(next(iter(methods.values())).values())))
    pairs = [
        Pair(
            i, f"{i % PEOPLE}/s{i}.png", f"{(i + 1 + i // PEOPLE) % PEOPLE}/t{i}.png", str(i % PEOPLE),
            str((i + 1 + i // PEOPLE) % PEOPLE), "c" if clip else "", i if clip else -1,
        )
        for i in range(count)
    ]  # fmt: skip
    sha = write_pairs(folder / "pairs.csv", pairs)
    options = saved_values(RunOptions(dataset=dataset, methods=tuple(methods)))
    write_json(folder / "run.json", {
        "dataset": dataset, "dataset_note": "made", "drawn": 0, "root": str(folder / "in"), "aligned": None, "problems": [],
        "pairs": count, "pairs_sha256": sha, "has_clips": False, "people": "listed", "seed": 0, "versions": {"python": "3"},
        "methods": list(methods), "limit": None, "used_pairs": count, "options": options,
    })  # fmt: skip
    write_json(folder / "judges.json", {
        "definitions": DEFINITIONS, "judges": [{"used_in_training": False, "source": "", **judge} for judge in JUDGES],
        "detector": {"name": "d", "title": "detector", "files": {}}, "lpips": "not measured", "metrics": [],
        "frechet_features": "embeddings of dlib",
    })  # fmt: skip
    write_json(folder / "gallery.json", {
        "images": count, "identities": PEOPLE, "without_face": [], "false_accept_rate": 0.01, "thresholds": {},
    })  # fmt: skip
    with RecordWriter(folder / "gallery.jsonl") as writer:
        for pair in pairs:
            writer.write({"source": pair.source, "identity": pair.source_identity, "status": "ok", "vectors": {}})
    for name, values in methods.items():
        _write_method(folder, name, values, pairs, (failed or {}).get(name, ()), yaw)
    if images:
        _write_images(folder, list(methods), pairs)
    return folder


def _write_method(folder, name, values, pairs, failed, yaw) -> None:
    write_json(
        folder / "methods" / f"{name}.json",
        {"name": name, "title": f"method {name}", "reference": name in REFERENCES, "details": {}},
    )
    given = {"cosine_source@dlib": np.full(len(pairs), 0.9), "cosine_target@dlib": np.full(len(pairs), 0.5), **values}
    keys = list(given)
    with RecordWriter(folder / "manifest.jsonl") as manifest, RecordWriter(folder / "records.jsonl") as records:
        for pair in pairs:
            lost = pair.index in failed
            base = {"method": name, "pair": pair.index, "status": "failed" if lost else "ok"}
            manifest.write({**base, **({"reason": "made to fail", "error": "NoFaceError"} if lost else {})})
            records.write({
                **base, "source_identity": pair.source_identity, "target_identity": pair.target_identity,
                "values": {"failed": float(lost), **({} if lost else {k: float(given[k][pair.index]) for k in keys})},
                "worst": keys if lost else [], "no_reference": [],
                "target_yaw": None if yaw is None else float(yaw[pair.index]),
            })  # fmt: skip


def _write_images(folder, methods, pairs) -> None:
    random = np.random.default_rng(0)
    for pair in pairs:
        for reference in (pair.source, pair.target):
            write_png(folder / "in" / reference, random.integers(0, 256, (40, 30, 3), np.uint8))
        for name in methods:
            write_png(folder / "swapped" / name / f"{pair.name}.png", random.integers(0, 256, (40, 30, 3), np.uint8))
