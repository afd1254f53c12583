"""Compare swappers side by side on the same pairs, with a judge that was not used in training.

One source photo, one crop, colours matched as the pipeline does, no paste back. Where a person has several photos, the
gallery holds another photo than the source. The evaluation workbench (``python -m eval``) measures more, on whole photos;
this is the quick comparison of two checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ...blend.finish import swapped_crop
from ...errors import NoFaceError, OptionError
from ...faces.head_pose import head_pose
from ...faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from ...swapper import Swapper
from ...types import AlignedFace, Image
from ..data.faces import Faces
from ..data.pairs import choose_pairs
from ..losses.terms import EXPRESSION_POINTS
from ..student.options import PairOptions
from .judge import DlibJudge, expression


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of one swapper; lower is better but for ``retrieval``.

    Attributes:
        name: of the swapper.
        pairs: judged; a source that a swapper refuses counts as no swap.
        gallery: people in the gallery.
        retrieval: share of swapped faces whose nearest gallery face is the source's person.
        distance_to_source: mean dlib distance to the source's gallery face.
        pose_error_deg: mean length of the difference of yaw, pitch and roll, from dlib's landmarks.
        expression_error: mean distance of :func:`~.judge.expression` to the target's, times 100.
        landmark_error_px: mean distance of brows, eyes and lips to the target's, pixels of 224.
        outside_change: mean absolute change of the crop's border (12 px), levels of 255.
        sharpness: standard deviation of the Laplacian inside the face, relative to the target's.
    """

    name: str
    pairs: int
    gallery: int
    retrieval: float
    distance_to_source: float
    pose_error_deg: float
    expression_error: float
    landmark_error_px: float
    outside_change: float
    sharpness: float


def evaluation_pairs(
    faces: Faces, people: set[str], count: int, *, seed: int, options: PairOptions = PairOptions()
) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Pairs among some people, and a gallery.

    Args:
        people: names whose crops take part.

    Returns:
        ``(M, 2)`` target and source indices, and for each person's number the index of their gallery photo: another photo
        than the source where there are several.
    """
    chosen = np.array([index for index, name in enumerate(faces.names) if name in people], np.int64)
    if not len(chosen):
        raise OptionError("None of the people to compare on are in the packs.")
    identity = faces.identity.cpu().numpy()
    landmarks = faces.landmarks.cpu().numpy()
    # The first photo of each person is the gallery's; the others are sources, if there are any.
    gallery: dict[int, int] = {}
    for index in chosen.tolist():
        gallery.setdefault(int(identity[index]), index)
    counts = {person: int((identity[chosen] == person).sum()) for person in gallery}
    usable = np.array([i for i in chosen.tolist() if counts[int(identity[i])] == 1 or gallery[int(identity[i])] != i])
    drawn = choose_pairs(
        landmarks[usable], identity[usable], np.ones(len(usable)), PairOptions(**(asdict(options) | {"count": 8 * count})),
        seed=seed,
    )  # fmt: skip
    pairs = np.unique(usable[drawn], axis=0)
    order = np.random.default_rng(seed).permutation(len(pairs))[:count]
    return pairs[order], gallery


def swap_pairs(swapper: Swapper, faces: Faces, pairs: NDArray[np.int64]) -> list[Image]:
    """Swapped crops, colours and detail matched where the swapper asks for it, blended by the swapper's own mask."""
    swapped = []
    for target_index, source_index in pairs.tolist():
        target = faces.aligned(target_index)
        try:
            result = swapper.swap([target], [swapper.condition([faces.aligned(source_index)])])[0]
        except NoFaceError:
            swapped.append(target.image)
            continue
        swapped.append(swapped_crop(target, result, swapper.info))
    return swapped


def compare(
    name: str,
    swapped: Sequence[Image],
    faces: Faces,
    pairs: NDArray[np.int64],
    gallery: dict[int, int],
    judge: DlibJudge,
) -> Comparison:
    """Judge swapped crops of ``pairs``."""
    identity = faces.identity.cpu().numpy()
    people = sorted(gallery)
    shown = [faces.aligned(gallery[person]) for person in people]
    descriptors = np.stack([judge.descriptor(face.image, _points(face)) for face in shown])
    rows = []
    for (target_index, source_index), image in zip(pairs.tolist(), swapped, strict=True):
        target = faces.aligned(target_index)
        distances = np.linalg.norm(descriptors - judge.descriptor(image, _points(target)), axis=1)
        source = people.index(int(identity[source_index]))
        before, after = judge.landmarks(target.image, _points(target)), judge.landmarks(image, _points(target))
        rows.append(
            [
                float(distances.argmin() == source),
                distances[source],
                np.linalg.norm(_angles(after) - _angles(before)),
                100 * np.linalg.norm(expression(after) - expression(before)),
                _landmark_error(before, after) * 224 / image.shape[0],
                _border_change(image, target.image),
                _sharpness(image, target) / max(_sharpness(target.image, target), 1e-6),
            ]
        )
    return Comparison(name, len(rows), len(people), *np.mean(rows, axis=0).tolist())


def table(comparisons: Sequence[Comparison]) -> str:
    """A Markdown table, one row a swapper."""
    titles = (
        "swapper", "pairs", "gallery", "ID retrieval", "distance to source", "pose (deg)", "expression", "landmarks (px)",
        "border (levels)", "sharpness",
    )  # fmt: skip
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in comparisons:
        values = list(asdict(row).values())
        cells = [str(value) if isinstance(value, (str, int)) else f"{value:.3f}" for value in values]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def side_by_side(
    faces: Faces, pairs: NDArray[np.int64], swapped: Sequence[Sequence[Image]], *, columns: int = 8
) -> Image:
    """Rows: sources, targets, and one row for each swapper."""
    chosen = range(min(columns, len(pairs)))
    rows = [
        [faces.aligned(int(pairs[k, 1])).image for k in chosen],
        [faces.aligned(int(pairs[k, 0])).image for k in chosen],
    ]
    rows += [[images[k] for k in chosen] for images in swapped]
    return np.concatenate([np.concatenate(row, 1) for row in rows], 0)


def _points(face: AlignedFace) -> NDArray[np.float64]:
    assert face.landmarks is not None  # Faces.aligned always gives them
    return face.landmarks


def _angles(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    pose = head_pose(landmarks)
    across = landmarks[RIGHT_EYE].mean(0) - landmarks[LEFT_EYE].mean(0)
    return np.array([pose.yaw_deg, pose.pitch_deg, np.degrees(np.arctan2(across[1], across[0]))])


def _landmark_error(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    return float(np.linalg.norm((after - before)[list(EXPRESSION_POINTS)], axis=1).mean())


def _border_change(image: Image, target: Image, width_px: int = 12) -> float:
    change = np.abs(image.astype(np.float32) - target.astype(np.float32))
    change[width_px:-width_px, width_px:-width_px] = np.nan
    return float(np.nanmean(change))


def _sharpness(image: Image, face: AlignedFace) -> float:
    import cv2

    low, high = np.clip(_points(face)[17:].min(0), 0, None).astype(int), _points(face)[17:].max(0).astype(int)
    inner = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[low[1] : high[1], low[0] : high[0]]
    return float(cv2.Laplacian(inner, cv2.CV_64F).std()) if inner.size else 0.0
