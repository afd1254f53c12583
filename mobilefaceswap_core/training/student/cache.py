"""Stored teacher outputs: computed once, then training needs no teacher.

A folder: ``swapped.npy`` (M, 3, S, S) uint8, the teachers' results blended into the targets; ``pairs.npz`` with everything
else; ``about.json``. One output per pair is enough: flips, affine maps and colour changes are applied to target, teacher
output and mask together.
"""

from __future__ import annotations

import json
import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...blend.finish import swapped_crop
from ...detect import Detector, load_detector
from ...errors import NoFaceError, OptionError
from ...faces.geometry import five_from_68
from ...files.atomic import remove_leftovers, written_whole
from ...files.npz import read_npz
from ...identity.encoder import IdentityEncoder
from ...swapper import Swapper
from ...teachers.graphics import GraphicsSwapper
from ...types import AlignedFace, Face, Image, Mask
from ..data.faces import Faces, split
from ..data.pairs import choose_pairs
from ..losses.terms import EXPRESSION_POINTS
from .motion import with_target_motion
from .options import PairOptions

MASK_PX = 56  # side of the stored mask; it is smooth
_CHUNK = 16  # pairs per task of a worker
_CHUNKS_FOR_PROCESSES = 24  # a process begins in about the time it needs for 50 pairs
VALIDATION_PAIRS = 64  # at most
UNUSABLE = -2.0  # similarity of a pair that no teacher could swap; such pairs are never drawn
# An output whose brows, eyes and lips moved this far (pixels of 224) counts 1/e as good; the graphics baseline's mean
# landmark error is 1.7 to 2.2.
_LANDMARK_TOLERANCE_PX = 4.0

Columns = dict[str, NDArray[Any]]
Run = Callable[[Faces, NDArray[np.int64]], "Future[tuple[NDArray[np.uint8], Columns]]"]
# (N, 3, S, S) in [0, 1] -> (N,) quality in [0, 1]
Quality = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class StoredPairs:
    """Teacher outputs of M pairs.

    Attributes:
        swapped: ``(M, 3, S, S)`` uint8; a memory map on the CPU.
        masks: ``(M, 56, 56)`` uint8.
        target: ``(M,)`` indices into the faces that the pairs were made from.
        source: the same.
        similarity: ``(M,)`` identity cosine of the output with the source, by the encoder that ships.
        quality: ``(M,)`` in [0, 1]; 1 without a quality network.
        landmark_error_px: ``(M,)`` mean distance of brows, eyes and lips to the target's.
        teacher: ``(M,)`` which of the teachers was taken.
        held: ``(M,)`` bool: both people are kept from training.
        about: teachers, options, and the faces' fingerprint.
    """

    swapped: Tensor
    masks: Tensor
    target: Tensor
    source: Tensor
    similarity: Tensor
    quality: Tensor
    landmark_error_px: Tensor
    teacher: Tensor
    held: Tensor
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def training(self) -> Tensor:
        """Indices of pairs to train on."""
        return torch.nonzero(~self.held & (self.similarity > UNUSABLE))[:, 0]

    @property
    def validation(self) -> Tensor:
        """Indices of pairs of held-out people."""
        return torch.nonzero(self.held & (self.similarity > UNUSABLE))[:, 0]


@dataclass(frozen=True, eq=False)
class TeacherOutput:
    """One teacher's result for one pair."""

    image: Image
    mask: Mask
    landmark_error_px: float


def make_pairs(
    faces: Faces,
    teachers: Sequence[Swapper],
    encoder: IdentityEncoder,
    folder: Path,
    options: PairOptions,
    *,
    hold_out: float,
    seed: int,
    quality: Quality | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Compute and store teacher outputs; ``folder`` is complete or not there.

    With several teachers each pair keeps the output with the highest
    ``cos(output, source)^2 * Q * exp(-(landmark error / 4 px))``: identity, artefacts, expression.

    Args:
        hold_out: fraction of the people whose pairs are for validation only.
        quality: score of artefacts; every output counts 1 without.
        report: called with lines of progress.

    Raises:
        OptionError: the folder exists, or no pair can be formed.
        OutputError: the folder cannot be written.
    """
    if folder.exists():
        raise OptionError(f"{folder} exists; remove it, or choose another folder for the stored pairs.")
    pairs, held = _draw_pairs(faces, options, hold_out=hold_out, seed=seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder.parent)
    with written_whole(folder) as part:
        part.mkdir()
        tools = _Tools(tuple(teachers), encoder, load_detector("lite"), quality, options.motion)
        columns = _compute(faces, pairs, tools, part, options.workers, report)
        columns |= {"target": pairs[:, 0], "source": pairs[:, 1], "held": held}
        np.savez(part / "pairs.npz", **columns)  # type: ignore[arg-type]
        about = {
            "teachers": [{"name": t.info.name, "weights_sha256": t.info.weights_sha256} for t in teachers],
            "options": asdict(options),
            "hold_out": hold_out,
            "seed": seed,
            "faces": faces.fingerprint,
        }
        (part / "about.json").write_text(json.dumps(about, indent=2) + "\n")


def load_pairs(folder: Path, faces: Faces, *, hold_out: float, seed: int) -> StoredPairs:
    """Open stored pairs; on a GPU they are copied to its memory.

    Raises:
        OptionError: not there, or made from other faces or another hold-out.
    """
    if not (folder / "about.json").is_file():
        raise OptionError(
            f"No stored pairs in {folder}; make them with `python -m mobilefaceswap_core.training cache`."
        )
    about = json.loads((folder / "about.json").read_text())
    for key, wanted in (("faces", faces.fingerprint), ("hold_out", hold_out), ("seed", seed)):
        if about[key] != wanted:
            raise OptionError(
                f"The pairs in {folder} were made with another {key} ({about[key]}, not {wanted}); make them again, or use "
                "the packs, hold_out and seed they were made with."
            )
    arrays = read_npz(folder / "pairs.npz", error=OptionError, what="table of stored pairs")
    columns = {key: torch.from_numpy(array).to(faces.device) for key, array in arrays.items()}
    # Copy on write, so that torch may wrap a file that is open for reading only.
    swapped = torch.from_numpy(np.load(folder / "swapped.npy", mmap_mode="c")).to(faces.device)
    return StoredPairs(swapped=swapped, about=about, **columns)


def _draw_pairs(
    faces: Faces, options: PairOptions, *, hold_out: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    landmarks, identity = faces.landmarks.cpu().numpy(), faces.identity.cpu().numpy()
    weight = faces.weight.cpu().numpy()
    train, kept = (part.cpu().numpy() for part in split(faces, hold_out, seed=seed))
    drawn = [train[choose_pairs(landmarks[train], identity[train], weight[train], options, seed=seed)]]
    if len(set(identity[kept])) > 1:
        try:
            pairs = choose_pairs(landmarks[kept], identity[kept], weight[kept], options, seed=seed)
            unique = np.unique(pairs, axis=0)
            order = np.random.default_rng(seed).permutation(len(unique))[:VALIDATION_PAIRS]
            drawn.append(kept[unique[order]])
        except OptionError:  # few people are held out and none of them look the same way: train without validation
            pass
    held = np.repeat([False, True][: len(drawn)], [len(pairs) for pairs in drawn])
    return np.concatenate(drawn), held


@dataclass(frozen=True, eq=False)
class _Tools:
    """What makes outputs from faces; one for each worker process, or one for all threads."""

    teachers: tuple[Swapper, ...]
    encoder: IdentityEncoder
    detector: Detector
    quality: Quality | None
    motion: bool


def _compute(
    faces: Faces, pairs: NDArray[np.int64], tools: _Tools, folder: Path, workers: int, report: Callable[[str], None]
) -> dict[str, NDArray[Any]]:
    count, side = len(pairs), faces.crops.shape[-1]
    swapped = np.lib.format.open_memmap(folder / "swapped.npy", "w+", np.uint8, (count, 3, side, side))
    starts = range(0, count, _CHUNK)
    parts = []
    with _workers(tools, workers, len(starts)) as run:
        chunks = (_chunk_faces(faces, pairs[start : start + _CHUNK]) for start in starts)
        for number, (start, images, columns) in enumerate(_in_order(run, starts, chunks, ahead=4 * workers), start=1):
            swapped[start : start + len(images)] = images
            parts.append(columns)
            if number % 25 == 0:
                report(f"{min(number * _CHUNK, count)} of {count} pairs")
    swapped.flush()
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _in_order(
    run: Run, starts: Iterable[int], chunks: Iterable[tuple[Faces, NDArray[np.int64]]], *, ahead: int
) -> Iterator[tuple[int, NDArray[np.uint8], Columns]]:
    """Results in order; only a few chunks are under way or waiting, so that memory stays small."""
    waiting: deque[tuple[int, Future[tuple[NDArray[np.uint8], Columns]]]] = deque()
    for start, (faces, pairs) in zip(starts, chunks, strict=True):
        waiting.append((start, run(faces, pairs)))
        if len(waiting) > ahead:
            first, future = waiting.popleft()
            yield first, *future.result()
    for first, future in waiting:
        yield first, *future.result()


@contextmanager
def _workers(tools: _Tools, count: int, chunks: int) -> Iterator[Run]:
    """Processes for the graphics baseline, which is Python code for a good part; networks bring threads of their own.

    A process needs seconds to begin, so few pairs are left to threads.
    """
    alone = all(isinstance(teacher, GraphicsSwapper) for teacher in tools.teachers) and tools.quality is None
    if count > 1 and alone and tools.encoder.device.type == "cpu" and chunks >= _CHUNKS_FOR_PROCESSES:
        # Spawned, not forked: torch's threads do not survive a fork. Pickled here, so that nothing takes shared memory.
        content = pickle.dumps((tools.teachers, tools.encoder, tools.motion))
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, context, _begin_process, (content,)) as processes:
            yield lambda faces, pairs: processes.submit(_chunk_in_process, pickle.dumps((faces, pairs)))
        return
    with ThreadPoolExecutor(max(1, count)) as threads:
        yield lambda faces, pairs: threads.submit(_chunk, tools, faces, pairs)


_IN_PROCESS: list[_Tools] = []  # of a worker process: set once when it begins, then only read


def _begin_process(content: bytes) -> None:
    torch.set_num_threads(1)  # the other cores are taken by the other processes
    cv2.setNumThreads(1)
    teachers, encoder, motion = pickle.loads(content)
    _IN_PROCESS.append(_Tools(teachers, encoder, load_detector("lite", device="cpu"), None, motion))


def _chunk_in_process(content: bytes) -> tuple[NDArray[np.uint8], Columns]:
    return _chunk(_IN_PROCESS[0], *pickle.loads(content))


def _chunk_faces(faces: Faces, pairs: NDArray[np.int64]) -> tuple[Faces, NDArray[np.int64]]:
    """The faces of some pairs alone, on the CPU, and the pairs as indices into them."""
    used, places = np.unique(pairs, return_inverse=True)
    chosen = torch.from_numpy(used).to(faces.device)
    few = Faces(
        faces.crops[chosen].cpu(),
        faces.landmarks[chosen].cpu(),
        faces.identity[chosen].cpu(),
        faces.weight[chosen].cpu(),
        tuple(faces.names[index] for index in used.tolist()),
        faces.fingerprint,
    )
    return few, places.reshape(pairs.shape)


def _chunk(tools: _Tools, faces: Faces, pairs: NDArray[np.int64]) -> tuple[NDArray[np.uint8], Columns]:
    """Outputs ``(N, 3, S, S)`` of some pairs, black where there is none, and their other columns."""
    outputs = [_outputs(faces, teacher, pairs, tools) for teacher in tools.teachers]
    sources = faces.images(torch.from_numpy(pairs[:, 1])).to(tools.encoder.device)
    teachers, similarity, quality = take_best(outputs, sources, tools.encoder, tools.quality)
    count, side = len(pairs), faces.crops.shape[-1]
    images = np.zeros((count, 3, side, side), np.uint8)
    columns: Columns = {
        "masks": np.zeros((count, MASK_PX, MASK_PX), np.uint8),
        "similarity": np.array(similarity, np.float32),
        "quality": np.array(quality, np.float32),
        "landmark_error_px": np.zeros(count, np.float32),
        "teacher": np.zeros(count, np.int64),
    }
    for place, teacher in enumerate(teachers):
        output = outputs[teacher][place]
        if output is None:
            continue
        images[place] = output.image.transpose(2, 0, 1)
        small = cv2.resize(output.mask, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
        columns["masks"][place] = np.clip(np.rint(small * 255), 0, 255)
        columns["landmark_error_px"][place], columns["teacher"][place] = output.landmark_error_px, teacher
    return images, columns


def _outputs(faces: Faces, teacher: Swapper, pairs: NDArray[np.int64], tools: _Tools) -> list[TeacherOutput | None]:
    """One teacher's results for a chunk; ``None`` where it cannot use the source."""
    outputs: list[TeacherOutput | None] = []
    for target_index, source_index in pairs.tolist():
        target = faces.aligned(target_index)
        try:
            condition = teacher.condition([faces.aligned(source_index)])
        except NoFaceError:
            outputs.append(None)
            continue
        swapped = teacher.swap([target], [condition])[0]
        blended = swapped_crop(target, swapped, teacher.info)
        if tools.motion:
            assert target.landmarks is not None  # Faces.aligned always gives them
            blended = with_target_motion(blended, target.image, target.landmarks)
        outputs.append(TeacherOutput(blended, swapped.mask, _landmark_error_px(blended, target, tools.detector)))
    return outputs


def _landmark_error_px(image: Image, target: AlignedFace, detector: Detector) -> float:
    assert target.landmarks is not None  # Faces.aligned always gives them
    points = list(EXPRESSION_POINTS)
    # Both images are read from the same place, so that the network's own error cancels.
    box = np.concatenate([target.landmarks.min(0), target.landmarks.max(0)])
    place = Face(box, 1.0, five_from_68(target.landmarks), target.landmarks)
    before, after = detector.landmarks(target.image, place), detector.landmarks(image, place)
    return float(np.linalg.norm((after - before)[points], axis=1).mean() * 224 / image.shape[0])


@torch.inference_mode()
def take_best(
    outputs: list[list[TeacherOutput | None]], sources: Tensor, encoder: IdentityEncoder, quality: Quality | None
) -> tuple[list[int], list[float], list[float]]:
    """For each pair of a chunk: which teacher, its identity cosine, its quality."""
    wanted, _ = encoder(sources)
    blank = np.zeros((*sources.shape[2:], 3), np.uint8)
    scores, similarities, qualities = [], [], []
    for results in outputs:
        images = np.stack([blank if r is None else r.image for r in results])
        batch = torch.from_numpy(images).to(encoder.device).permute(0, 3, 1, 2).float() / 255
        cosine = F.cosine_similarity(encoder(batch)[0], wanted).cpu()
        score = quality(batch).cpu() if quality else torch.ones(len(images))
        error = torch.tensor([0.0 if r is None else r.landmark_error_px for r in results])
        usable = torch.tensor([r is not None for r in results])
        rank = cosine.clamp(min=0).square() * score * torch.exp(-error / _LANDMARK_TOLERANCE_PX)
        scores.append(torch.where(usable, rank, -1.0))
        similarities.append(torch.where(usable, cosine, UNUSABLE))
        qualities.append(score)
    best = torch.stack(scores).argmax(0)
    rows = torch.arange(len(best))
    return best.tolist(), torch.stack(similarities)[best, rows].tolist(), torch.stack(qualities)[best, rows].tolist()
