"""FaceForensics++: its official layout or frames already extracted, its pair list, evenly spaced frames.

Layouts read, below ``--root``:

* videos: ``original_sequences/youtube/{raw,c23,c40}/videos/000.mp4``
* frames: ``original_sequences/youtube/{raw,c23,c40}/{images,frames}/000/*.png``, or simply ``000/*.png``
* pairs: ``manipulated_sequences/*/*/videos/TTT_SSS.mp4`` (or folders of that name): target TTT, source SSS; or JSON lists of
  two names (the official ``splits/{train,val,test}.json``), each used in both directions.

Source: FaceForensics++ (Roessler et al. 2019), `dataset/README.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.files.formats import CLIP_SUFFIXES

from ..images import ImageReader, video_length
from ..pairs import Pair
from ..published import MANIPULATED, QUALITIES, manipulated_clips, manipulations
from .base import Dataset, DatasetRequest, image_files, read_small_text, require_folder
from .source_frames import usable_frames

_TELL_EVERY = 50  # videos; about a quarter of a minute apart
_PAIR_NAME = re.compile(r"^(\d{3})_(\d{3})$")


def ffpp(request: DatasetRequest) -> Dataset:
    """Pairs of the official list; target frame k of ``frames`` evenly spaced ones takes the source's frame k.

    Where that frame shows no face, the source's most frontal frame is taken (:mod:`eval.datasets.source_frames`).

    A video that is missing or cannot be opened is reported and its pairs are left out of the list: without frames there
    is nothing to count. Everything that fails later is counted.
    """
    require_folder(request.root, "the folder that holds original_sequences")
    clips = _clips(request.root)
    if not clips:
        raise OptionError(
            f"No original videos or frames below {request.root}; wanted original_sequences/youtube/*/videos/000.mp4 or "
            "000/*.png."
        )
    names = list(dict.fromkeys(_video_pairs(request)))
    if not names:
        raise OptionError(
            f"No pair list below {request.root}; wanted manipulated_sequences/*/*/videos/TTT_SSS.mp4, splits/*.json, or "
            "--pair-file."
        )
    if request.identities is not None:
        names = [n for n in names if n[1] in set(request.identities)]
    problems: list[str] = []
    lengths = _published_lengths(request.root, {target for target, _ in names})
    frames: dict[str, list[tuple[str, int]]] = {}
    for name in sorted({n for pair in names for n in pair}):
        if name not in clips:
            problems.append(f"video {name}: in the pair list but not below the root; its pairs are left out")
            continue
        try:
            frames[name] = frames_of(clips[name], request.root, lengths.get(name), request)
        except ImageError as error:
            problems.append(f"video {name}: {error}; its pairs are left out")
            continue
        if len(frames[name]) < request.frames * request.consecutive:
            problems.append(f"video {name}: only {len(frames[name])} of {request.frames * request.consecutive} frames")
    pairs = _frame_pairs([n for n in names if frames.get(n[0]) and frames.get(n[1])], frames, request, problems)
    return Dataset(
        "ffpp",
        request.root,
        pairs,
        problems,
        None,
        f"FaceForensics++, {request.frames} frames per video"
        if request.consecutive == 1
        else f"FaceForensics++, {request.frames} runs of {request.consecutive} frames per video",
    )


def _frame_pairs(
    names: list[tuple[str, str]], frames: dict[str, list[tuple[str, int]]], request: DatasetRequest, problems: list[str]
) -> list[Pair]:
    """Target frame k with source frame k, or with the source's most frontal frame where frame k shows no face.

    All frames of a run take the source of its first, so that what changes from one to the next is the swapper's doing.
    """
    from mobilefaceswap_core.detect import load_detector

    detector = load_detector(request.detector, device=request.device)
    reader = ImageReader(request.root, follow_links=request.follow_links)
    served: dict[tuple[str, int], list[str]] = {}
    pairs: list[Pair] = []
    for done, (target, source) in enumerate(names, 1):
        count = len(frames[target])
        if (source, count) not in served:
            asked = [reference for reference, _ in frames[source]]
            served[source, count], replaced = usable_frames(asked, count, reader, detector)
            if replaced:
                problems.append(f"video {source}: {replaced}")
        before: Pair | None = None
        for (target_ref, number), source_ref in zip(frames[target], served[source, count], strict=True):
            pair = Pair(len(pairs), source_ref, target_ref, source, target, target, number)
            if request.consecutive > 1 and before is not None and before.frame == number - 1:
                pair = replace(pair, source=before.source, previous=before.index, previous_target=before.target)
            pairs.append(pair)
            before = pair
        if done % _TELL_EVERY == 0:
            request.say(f"source frames looked at: {done} of {len(names)} videos")
        if request.count is not None and len(pairs) >= request.count:
            break
    return pairs[: request.count]


def frames_of(
    clip: Path, root: Path, shortest: int | None, request: DatasetRequest
) -> list[tuple[str, int]]:  # fmt: skip
    """References and numbers of the frames taken of a clip file or a folder of frames.

    Args:
        clip: of the original.
        root: the data set's.
        shortest: frames that published results of it have, where they have fewer.
        request: how many places, and how many frames that follow each other at each.
    """
    relative = clip.relative_to(root).as_posix()
    files = image_files(clip) if clip.is_dir() else []
    total = len(files) if clip.is_dir() else video_length(clip)
    numbers = spread(min(total, shortest or total), request.frames, request.consecutive)
    if clip.is_dir():
        return [(f"{relative}/{files[i].name}", i) for i in numbers]
    return [(f"{relative}#{i}", i) for i in numbers]


def spread(total: int, places: int, consecutive: int = 1) -> list[int]:
    """Frame numbers from 0 to ``total - 1``: at evenly spaced places, each followed by its successors.

    >>> spread(20, 5), spread(20, 2, consecutive=3)
    ([0, 5, 10, 14, 19], [0, 1, 2, 17, 18, 19])
    """
    length = min(consecutive, total)
    starts = total - length + 1
    if length <= 0:
        return []
    return sorted({
        round(float(place)) + step
        for place in np.linspace(0, starts - 1, min(places, starts))
        for step in range(length)
    })  # fmt: skip


def _published_lengths(root: Path, targets: set[str]) -> dict[str, int]:
    """Frames that every published result of a target has; results may end before their target does."""
    lengths: dict[str, int] = {}
    for method in manipulations(root):
        for _, name, clip in manipulated_clips(root, method):
            target = name.partition("_")[0]
            if target not in targets or not _PAIR_NAME.match(name):
                continue
            try:
                length = len(image_files(clip)) if clip.is_dir() else video_length(clip)
            except ImageError:
                continue  # a file that names a pair and holds nothing, as some pair lists do
            if length:
                lengths[target] = min(length, lengths.get(target, length))
    return lengths


def _clips(root: Path) -> dict[str, Path]:
    """Clip by three-digit name; better compressions win over worse ones, frames over videos."""
    found: dict[str, Path] = {}
    places = [root]
    for quality in reversed(QUALITIES):
        base = root / "original_sequences" / "youtube" / quality
        places += [base / "videos", base / "frames", base / "images"]
    for place in places:
        if place.is_dir():
            for entry in sorted(place.iterdir()):
                if re.fullmatch(r"\d{3}", entry.stem) and (entry.is_dir() or entry.suffix.lower() in CLIP_SUFFIXES):
                    found[entry.stem] = entry
    return found


def _video_pairs(request: DatasetRequest) -> Iterator[tuple[str, str]]:
    """``(target, source)`` names."""
    if request.pair_file is not None:
        yield from _json_pairs(request.pair_file)
        return
    manipulated = request.root / MANIPULATED
    if manipulated.is_dir():
        for entry in sorted(manipulated.rglob("*_*")):
            match = _PAIR_NAME.match(entry.stem)
            if match:
                yield match[1], match[2]
    for listing in sorted((request.root / "splits").glob("*.json")):
        yield from _json_pairs(listing)


def _json_pairs(path: Path) -> Iterator[tuple[str, str]]:
    try:
        rows = json.loads(read_small_text(path, "--pair-file"))
        for first, second in rows:
            yield str(first), str(second)
            yield str(second), str(first)
    except (RecursionError, ValueError, TypeError) as error:
        raise OptionError(f"{path.name}: wanted a JSON list of two video names each ({error}).") from error
