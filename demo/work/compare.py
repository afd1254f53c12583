"""One pair through several methods, measured by the evaluation's judges."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from eval.face_region import closest_face, largest_face
from eval.judges import Judge, load_judges
from eval.metrics.expression_error import expression_error
from eval.metrics.id_similarity import cosine
from eval.metrics.patches import patches
from eval.metrics.pose_error import pose_error
from eval.metrics.sample import landmarks_of
from mobilefaceswap_core.detect import Detector, load_detector
from mobilefaceswap_core.errors import NoFaceError, OptionError
from mobilefaceswap_core.faces.geometry import crop_from_frame_matrix
from mobilefaceswap_core.identity.glasses import Said
from mobilefaceswap_core.marking import UNMARKED, MarkOptions, apply_pixels
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.types import CropSpec, Face, Image

from .auditing import door
from .engine import Engine
from .previews import close_up

REFERENCE = "target"  # the row without a swap, which the others are read against
_JUDGES = ("dlib", "pnp", "facemodel")
_ROUNDS = 3  # timed swaps after the first, which warms up; the median is shown
_NEAR_PX, _NEAR_WIDER = 480, 0.62  # from the hairline to the chin
_VIEW_PX = 320
_VIEW_WIDER = 0.9  # half the view's side by the face's size: the head with its hair


@dataclass(frozen=True, slots=True)
class Measured:
    """A method on one pair; ``None`` where it cannot be measured.

    Attributes:
        name: as in ``--model``, or :data:`REFERENCE`.
        title: for people.
        id_similarity: cosine of swapped face and source, by a recogniser nobody here trained with.
        id_target: cosine of swapped face and target; what is left of the target.
        pose_error_deg: distance of head poses.
        expression_error: distance of expressions, in standard deviations within one person's photos.
        patches: light and stains on the skin that the target does not have, CIEDE2000.
        multiply_adds: of the network per frame, 0 without a network.
        parameters: of the network per frame.
        latency_ms: of one aligned face here and now, median.
        device: device and backend.
        failure: why there is nothing to measure.
    """

    name: str
    title: str
    id_similarity: float | None = None
    id_target: float | None = None
    pose_error_deg: float | None = None
    expression_error: float | None = None
    patches: float | None = None
    multiply_adds: int | None = None
    parameters: int | None = None
    latency_ms: float | None = None
    device: str = ""
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A measured method with what there is to see, RGB uint8, marked if swapped.

    Attributes:
        measured: the figures.
        near: ``(480, 480, 3)``, the face from near.
        view: ``(320, 320, 3)``, the head with its hair.
        glasses: what was done about glasses of the source, for this method.
    """

    measured: Measured
    near: Image
    view: Image
    glasses: Said = ""


class Bench:
    """The evaluation's judges, loaded once; holds nothing of any visitor."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Detector, list[Judge]] | None = None

    def load(self) -> tuple[Detector, list[Judge]]:
        """The judges' detector and the judges.

        Raises:
            BackendError: dlib is not installed.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = load_detector("dlib", device="cpu"), load_judges(_JUDGES)
            return self._loaded

    def titles(self) -> list[str]:
        """Who judges."""
        return [judge.info.title for judge in self.load()[1]]


@cache
def cost_of(name: str) -> tuple[int | None, int | None]:
    """Multiply-adds and parameters per frame, counted; ``None`` where nothing can be counted here."""
    from eval.cost import methods

    makers: dict[str, Callable[[], methods.MethodCost]] = {
        "student": methods.student, "official": methods.official, "teacher": methods.teacher, "simswap": methods.simswap,
        "ghost": lambda: methods.ghost(2), "inswapper": methods.inswapper, "graphics": methods.graphics,
    }  # fmt: skip
    if name not in makers:
        return None, None
    cost = makers[name]().frame
    return cost.multiply_adds, cost.parameters


@door("compare")
def compare(
    engine: Engine, bench: Bench, source: str | Path, target: str | Path, models: Sequence[str]
) -> Iterator[Compared]:
    """Swap the target's largest face by each model; the reference without a swap comes first.

    Args:
        engine: the app's.
        bench: judges.
        source: photo of the source.
        target: photo to change.
        models: names of :meth:`Engine.model_names`.

    Raises:
        NoFaceError: a photo shows no face.
        OptionError: no model, or an unknown one.
    """
    if not models:
        raise OptionError("No method was chosen. Name at least one.")
    detector, judges = bench.load()
    source_image, target_image = engine.read(source).image, engine.read(target).image
    source_face = _face(detector, source_image, None, "the photo of the face to use")
    target_face = _face(detector, target_image, None, "the photo to change")
    target_landmarks = landmarks_of(target_face)
    by_kind = {judge.info.kind: judge for judge in judges}
    source_id = by_kind["recogniser"].measure(source_image, source_face)
    of_target = {kind: judge.measure(target_image, target_face) for kind, judge in by_kind.items()}

    def judged(row: Measured, image: Image) -> Measured:
        try:
            face = _face(detector, image, target_face, "")
        except NoFaceError:
            return replace(row, failure="no face was found in the result")
        found = {kind: judge.measure(image, face) for kind, judge in by_kind.items()}
        return replace(
            row,
            id_similarity=cosine(found["recogniser"], source_id),
            id_target=cosine(found["recogniser"], of_target["recogniser"]),
            pose_error_deg=pose_error(found["pose"], of_target["pose"]),
            expression_error=expression_error(found["expression"], of_target["expression"]),
            patches=patches(image, target_image, target_landmarks),
        )

    yield Compared(judged(Measured(REFERENCE, REFERENCE), target_image), *_seen(target_image, target_face))
    for name in models:
        row, image, shown, glasses = _swap(engine, name, source, target_image, target_face)
        if not row.failure:
            engine.rules().note("compare", sources=[Path(source)], target=Path(target), model=name)
        yield Compared(judged(row, image) if not row.failure else row, *_seen(shown, target_face), glasses)


def _swap(
    engine: Engine, name: str, source: str | Path, image: Image, wanted: Face
) -> tuple[Measured, Image, Image, Said]:
    """A row without judgements, the result to judge, the marked result to show, and what was done about the source's glasses."""
    pipeline, person = engine.pipeline(name), engine.prepare(name, [source])
    info = pipeline.swapper.info
    multiply_adds, parameters = cost_of(name)
    row = Measured(name, info.title, multiply_adds=multiply_adds, parameters=parameters, device=info.device)
    faces = pipeline.detect(image)
    same = closest_face(faces, wanted)
    if same is None:
        return replace(row, failure="its detector does not find the face"), image, image, ""
    index = next(i for i, face in enumerate(faces) if face is same)
    result = pipeline.swap(image, person, faces=index, options=SwapOptions(marks=UNMARKED))
    if index not in result.crops_from_frame:
        return replace(row, failure=result.report.skipped.get(index, "left alone")), image, image, ""
    # Marks go onto a copy: judges see the swap alone, visitors only the marked one.
    place = crop_from_frame_matrix(result.faces[index].five, CropSpec())
    shown = apply_pixels(result.image, [place], MarkOptions(), model=name)
    aligned = pipeline.align(image, pipeline.with_landmarks(image, same))
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        pipeline.swap_aligned([aligned], [person])
        times.append(1e3 * (time.perf_counter() - started))
    return replace(row, latency_ms=statistics.median(times)), result.image, shown, person.glasses


def _face(detector: Detector, image: Image, near: Face | None, what: str) -> Face:
    faces = detector.detect(image)
    face = largest_face(faces) if near is None else closest_face(faces, near)
    if face is None:
        raise NoFaceError(
            f"The judges found no face in {what}. Use a photo from the front, well lit, with a larger face."
        )
    return face if face.landmarks is not None else replace(face, landmarks=detector.landmarks(image, face))


def _seen(image: Image, face: Face) -> tuple[Image, Image]:
    return close_up(image, face, size_px=_NEAR_PX, wider=_NEAR_WIDER), view(image, face)


def view(image: Image, face: Face) -> Image:
    """A square around a face, the border repeated where it reaches over."""
    centre, half = face.box.reshape(2, 2).mean(0), _VIEW_WIDER * face.size_px
    scale = _VIEW_PX / (2 * half)
    matrix = np.array([[scale, 0, _VIEW_PX / 2 - scale * centre[0]], [0, scale, _VIEW_PX / 2 - scale * centre[1]]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    warped = cv2.warpAffine(image, matrix, (_VIEW_PX, _VIEW_PX), flags=way, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)
