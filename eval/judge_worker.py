"""What happens to one source and to one pair in the judge stage.

A source becomes a record of the gallery. A pair becomes one record for each method, in three steps: the panel looks at
target and swapped image, what it saw is put into a sample, and every metric measures that sample, once for each judge of its
kind. A record holds ``values`` by metric and judge; ``worst`` names the keys in which the method failed, which count at the
metric's worst value, and ``no_reference`` those in which nobody can be measured.

A pair counts, for every method and in every column, when the judges' detector finds a face in its source and in its target.
In any other pair nobody is measured: ``left_out`` says why. That is the data's doing and no method's failure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import BackendError, Cancelled, OptionError, SwapError, WeightsError
from mobilefaceswap_core.types import Face, Image

from .face_region import largest_face
from .features import Features
from .gallery import Gallery, load_gallery
from .images import read_image
from .judges import Judge
from .metrics import DEFINITIONS, METRICS, Metric, NoReferenceError, Said, Sample, load_metrics
from .metrics.id_retrieval import TOP1, source_rank
from .metrics.lpips import LPIPS, load_lpips
from .metrics.motion import openings_of
from .metrics.sample import Lineup, Vector
from .pairs import Pair
from .panel import JudgeOptions, Panel, Sight, Vectors
from .records import write_json
from .run_files import knows_people, open_reader
from .swap import limit_threads

# These say that a run is set up wrongly, not that one image is bad: they stop it.
_OF_THE_SETUP = (OptionError, BackendError, WeightsError, Cancelled)


class SourceWorker:
    """Measures one source photo at a time.

    Args:
        run: the run's folder.
        root: the data set's root.
        options: who judges.
        panel: them, where they are loaded already.
    """

    def __init__(self, run: Path, root: Path, options: JudgeOptions, panel: Panel | None = None) -> None:
        self.panel = panel or Panel(open_reader(run, root), options)
        self._lpips_status = load_lpips(options.lpips_backbone, network=options.lpips, device=options.device)[1]
        self._added = load_metrics(options.metrics)

    def cards(self) -> dict[str, Any]:
        """Everything ``judges.json`` says."""
        return {
            **self.panel.cards(),
            "definitions": DEFINITIONS,
            "lpips": self._lpips_status,
            "metrics": [asdict(metric.spec) for metric in self._added],
        }

    def run(self, job: tuple[str, str]) -> list[dict[str, Any]]:
        """The gallery record of a source reference with its identity."""
        reference, identity = job
        record: dict[str, Any] = {"source": reference, "identity": identity, "vectors": {}}
        try:
            image = self.panel.reader.read(reference)
            face = largest_face(self.panel.faces(image))
        except SwapError as error:
            return [{**record, "status": "unreadable", "reason": str(error)}]
        if face is None:
            return [{**record, "status": "no face"}]
        judges = [judge for judge in self.panel.judges if judge.info.kind in ("recogniser", "shape")]
        vectors = {judge.info.name: judge.measure(image, face).tolist() for judge in judges}
        return [{**record, "status": "ok", "vectors": vectors}]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One method's result of one pair.

    Attributes:
        record: the line of ``records.jsonl``.
        features: of the swapped image, for the Frechet distance (:mod:`eval.features`).
        target_features: of the target.
    """

    record: dict[str, Any]
    features: Features
    target_features: Features


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """What is kept of a swapped frame for the next: its face, and the judges' vectors."""

    face: Face | None
    vectors: Vectors


NOTHING_SEEN = Glance(None, {})


class PairWorker:
    """Measures one pair at a time. The gallery must be there.

    Args:
        run: the run's folder.
        root: the data set's root.
        options: who judges.
        panel: them, where they are loaded already.
    """

    def __init__(self, run: Path, root: Path, options: JudgeOptions, panel: Panel | None = None) -> None:
        self._run = run
        self._panel = panel or Panel(open_reader(run, root), options)
        self._knows_people = knows_people(run)
        self._gallery: Gallery = load_gallery(run, [judge.info for judge in self._panel.judges])
        lpips = load_lpips(options.lpips_backbone, network=options.lpips, device=options.device)[0]
        own = [lpips if metric is LPIPS else metric for metric in METRICS]
        self._metrics = [metric for metric in (*own, *load_metrics(options.metrics)) if metric.measure is not None]
        # By method: what was seen in the pair looked at last, and in the one before.
        self._last: dict[str, tuple[int, Glance]] = {}
        self._before: dict[str, tuple[int, Glance]] = {}

    def run(self, job: tuple[Pair, Sequence[tuple[str, bool]]]) -> list[Measurement]:
        """A pair with its methods, and for each whether it made an image."""
        pair, methods = job
        try:
            target: Sight | None = self._panel.target(pair.target)
        except SwapError:
            target = None
        return [self._measure(pair, method, made, target) for method, made in methods]

    def _measure(self, pair: Pair, method: str, made: bool, target: Sight | None) -> Measurement:
        swapped = self._panel.swapped(read_image(self._image(method, pair.index)), target) if made else None
        glance = Glance(swapped.face, swapped.vectors) if swapped is not None else NOTHING_SEEN
        sample = self._sample(pair, method, swapped, target)
        left_out = self._why_left_out(pair, target)
        record: dict[str, Any] = {
            "method": method,
            "pair": pair.index,
            "source_identity": pair.source_identity,
            "target_identity": pair.target_identity,
            "status": sample.status if left_out is None else "left out",
            "values": {},
            "worst": [],
            "no_reference": [],
        }
        seen = {
            judge.info.name: sample.seen_by(self._said(judge, pair, method, glance.vectors, target))
            for judge in self._panel.judges
        }
        columns = list(self._columns(pair, sample, seen))
        self._before[method] = self._last.get(method, (-1, NOTHING_SEEN))
        self._last[method] = pair.index, glance
        if left_out is not None or target is None:
            return Measurement({**record, "left_out": left_out, "no_reference": [key for _, key, _ in columns]}, {}, {})
        if pair.clip:
            gaze = (seen[judge.info.name] for judge in self._panel.judges if judge.info.kind == "gaze")
            record["openings"] = openings_of(sample, gaze=gaze)
        record["target_yaw"] = self._panel.yaw(target)
        for metric, key, view in columns:
            _measure_one(record, metric, key, view)
        for name, view in seen.items():
            if f"{TOP1.spec.key}@{name}" in record["values"]:  # the curve of ranks is drawn from it
                record[f"rank@{name}"] = view.once(source_rank)
        return Measurement(record, swapped.features if swapped is not None else {}, target.features)

    def _why_left_out(self, pair: Pair, target: Sight | None) -> str | None:
        """Why nobody can be measured in a pair; ``None`` for a pair that counts."""
        if target is None:
            return "the target cannot be read"
        if target.face is None:
            return "the target shows no face"
        return self._gallery.why_without(pair.source)

    def _columns(self, pair: Pair, sample: Sample, seen: dict[str, Sample]) -> Iterator[tuple[Metric, str, Sample]]:
        """The metrics that this pair has, each with its record keys and the sample as its judge sees it."""
        for metric in self._metrics:
            spec = metric.spec
            if (
                (spec.clips_only and pair.previous < 0)
                or (spec.occluders_only and not self._panel.reader.has_occluders)
                or (spec.needs_people and not self._knows_people)
            ):
                continue
            if spec.judge_kind == "none":
                yield metric, spec.key, sample
                continue
            for judge in self._panel.judges:
                if judge.info.kind == spec.judge_kind:
                    yield metric, f"{spec.key}@{judge.info.name}", seen[judge.info.name]

    def _sample(self, pair: Pair, method: str, swapped: Sight | None, target: Sight | None) -> Sample:
        return Sample(
            target=target.image if target is not None else None,
            target_face=target.face if target is not None else None,
            swapped=swapped.image if swapped is not None else None,
            swapped_face=swapped.face if swapped is not None else None,
            source=partial(self._panel.reader.read, pair.source),
            before=partial(self._frame_before, pair, method) if pair.previous >= 0 else None,
            faces_before=partial(self._faces_before, pair, method) if pair.previous >= 0 else None,
            occluder=partial(self._panel.reader.occluder, pair.target),
        )

    def _said(self, judge: Judge, pair: Pair, method: str, vectors: Vectors, target: Sight | None) -> Said:
        name = judge.info.name
        return Said(
            judge=name,
            target=target.vectors.get(name) if target is not None else None,
            swapped=vectors.get(name),
            source=self._gallery.vectors(pair.source).get(name),
            before=partial(self._vector_before, pair, method, name),
            lineup=partial(self._lineup, pair, name) if judge.info.kind == "recogniser" else None,
        )

    def _lineup(self, pair: Pair, judge: str) -> Lineup:
        gallery = self._gallery
        return Lineup(gallery.matrix(judge), gallery.is_right(pair.source_identity), gallery.threshold(judge))

    def _frame_before(self, pair: Pair, method: str) -> tuple[Image | None, Image]:
        path = self._image(method, pair.previous)
        return read_image(path) if path.is_file() else None, self._panel.reader.read_target(pair.previous_target)

    def _faces_before(self, pair: Pair, method: str) -> tuple[Face | None, Face | None]:
        try:
            target = self._panel.target(pair.previous_target).face
        except SwapError:
            target = None
        return self._glance_before(pair, method).face, target

    def _vector_before(self, pair: Pair, method: str, judge: str) -> Vector | None:
        return self._glance_before(pair, method).vectors.get(judge)

    def _glance_before(self, pair: Pair, method: str) -> Glance:
        """What was seen in the swapped frame before; looked at again where another worker had it."""
        if self._before.get(method, (-1, NOTHING_SEEN))[0] != pair.previous:
            path = self._image(method, pair.previous)
            found = NOTHING_SEEN
            try:
                if path.is_file():
                    sight = self._panel.swapped(read_image(path), self._panel.target(pair.previous_target))
                    found = Glance(sight.face, sight.vectors)
            except SwapError:
                pass
            self._before[method] = pair.previous, found
        return self._before[method][1]

    def _image(self, method: str, pair: int) -> Path:
        return self._run / "swapped" / method / f"{pair:06d}.png"


class JudgeWorker:
    """Measures sources and then pairs with the same panel, which is loaded once.

    It leaves the judges' cards in the run; every worker writes the same text. The gallery must be there when the first pair
    comes.

    Args:
        run: the run's folder.
        root: the data set's root.
        options: who judges.
    """

    def __init__(self, run: Path, root: Path, options: JudgeOptions) -> None:
        self._place = run, root, options
        self._sources = SourceWorker(*self._place)
        self._pairs: PairWorker | None = None
        write_json(run / "judges.json", self._sources.cards())

    def run(self, job: tuple[str, str] | tuple[Pair, Sequence[tuple[str, bool]]]) -> list[Any]:
        """The record of a source, or the measurements of a pair."""
        limit_threads(self._place[2].threads)
        first, second = job
        if isinstance(first, str):
            return self._sources.run((first, str(second)))
        if self._pairs is None:
            self._pairs = PairWorker(*self._place, panel=self._sources.panel)
        return self._pairs.run((first, second))  # type: ignore[arg-type]


def _measure_one(record: dict[str, Any], metric: Metric, key: str, sample: Sample) -> None:
    """Put one number into a record, or the reason why there is none.

    Raises:
        OptionError: the metric gives a number that is not finite.
    """
    assert metric.measure is not None  # the others were left out when the worker was made
    try:
        for need in metric.needs:
            getattr(sample, need)
        value = float(metric.measure(sample))
    except NoReferenceError:
        record["no_reference"].append(key)
    except _OF_THE_SETUP:
        raise
    except SwapError:
        record["worst"].append(key)
    else:
        if not math.isfinite(value):
            raise OptionError(
                f"The metric {key} gave {value} for pair {record['pair']}; wanted a finite number. Raise NoFaceError where "
                "there is none."
            )
        record["values"][key] = value
