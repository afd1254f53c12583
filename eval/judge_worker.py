"""What happens to one source and to one pair in the judge stage.

A source becomes a record of the gallery. A pair becomes one record for each method, in three steps: the panel looks at
target and swapped image, what it saw is put into a sample, and every metric measures that sample, once for each judge of its
kind. A record holds ``values`` by metric and judge; ``worst`` names the keys in which the method failed, which count at the
metric's worst value, and ``no_reference`` those in which nobody can be measured. Nothing is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import BackendError, Cancelled, OptionError, SwapError, WeightsError
from mobilefaceswap_core.types import Image

from .face_region import largest_face
from .gallery import Gallery, load_gallery
from .images import read_image
from .judges import Judge
from .metrics import METRICS, Metric, NoReferenceError, Said, Sample, load_metrics
from .metrics.id_retrieval import TOP1, source_rank
from .metrics.lpips import LPIPS, load_lpips
from .metrics.motion import openings_of
from .metrics.sample import Lineup, Vector
from .pairs import Pair
from .panel import JudgeOptions, Panel, Sight, Vectors
from .run_files import drawn_folder

# These say that a run is set up wrongly, not that one image is bad: they stop it.
_OF_THE_SETUP = (OptionError, BackendError, WeightsError, Cancelled)


class SourceWorker:
    """Measures one source photo at a time.

    Args:
        run: the run's folder.
        root: the data set's root.
        options: who judges.
    """

    def __init__(self, run: Path, root: Path, options: JudgeOptions) -> None:
        self.panel = Panel(root, options, drawn=drawn_folder(run))
        self._lpips_status = load_lpips(options.lpips_backbone, device=options.device)[1]
        self._added = load_metrics(options.metrics)

    def cards(self) -> dict[str, Any]:
        """Everything ``judges.json`` says."""
        return {
            **self.panel.cards(),
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
        feature: of the swapped image, for the Frechet distance.
        target_feature: of the target.
    """

    record: dict[str, Any]
    feature: list[float] | None
    target_feature: list[float] | None


class PairWorker:
    """Measures one pair at a time. The gallery must be there.

    Args:
        run: the run's folder.
        root: the data set's root.
        options: who judges.
    """

    def __init__(self, run: Path, root: Path, options: JudgeOptions) -> None:
        self._run = run
        self._panel = Panel(root, options, drawn=drawn_folder(run))
        self._gallery: Gallery = load_gallery(run, [judge.info for judge in self._panel.judges])
        lpips = load_lpips(options.lpips_backbone, device=options.device)[0]
        own = [lpips if metric is LPIPS else metric for metric in METRICS]
        self._metrics = [metric for metric in (*own, *load_metrics(options.metrics)) if metric.measure is not None]
        self._last: dict[str, tuple[int, Vectors]] = {}  # by method: the pair looked at last, and what the judges said

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
        vectors = swapped.vectors if swapped is not None else {}
        sample = self._sample(pair, method, swapped, target)
        record: dict[str, Any] = {
            "method": method,
            "pair": pair.index,
            "source_identity": pair.source_identity,
            "target_identity": pair.target_identity,
            "status": sample.status,
            "values": {},
            "worst": [],
            "no_reference": [],
        }
        if pair.clip and target is not None and target.face is not None:
            record["openings"] = openings_of(sample)
        if target is not None and target.face is not None:
            record["target_yaw"] = self._panel.yaw(target)
        seen = {
            judge.info.name: sample.seen_by(self._said(judge, pair, method, vectors, target))
            for judge in self._panel.judges
        }
        for metric in self._metrics:
            if pair.previous < 0 and metric.spec.clips_only:
                continue
            if metric.spec.occluders_only and not self._panel.reader.has_occluders:
                continue
            for key, view in self._columns(metric, sample, seen):
                _measure_one(record, metric, key, view)
        for name, view in seen.items():
            if f"{TOP1.spec.key}@{name}" in record["values"]:  # the curve of ranks is drawn from it
                record[f"rank@{name}"] = view.once(source_rank)
        self._last[method] = pair.index, vectors
        return Measurement(
            record,
            swapped.feature if swapped is not None else None,
            target.feature if target is not None else None,
        )

    def _columns(self, metric: Metric, sample: Sample, seen: dict[str, Sample]) -> Iterator[tuple[str, Sample]]:
        """Record keys of a metric, each with the sample as its judge sees it."""
        if metric.spec.judge_kind == "none":
            yield metric.spec.key, sample
            return
        for judge in self._panel.judges:
            if judge.info.kind == metric.spec.judge_kind:
                yield f"{metric.spec.key}@{judge.info.name}", seen[judge.info.name]

    def _sample(self, pair: Pair, method: str, swapped: Sight | None, target: Sight | None) -> Sample:
        return Sample(
            target=target.image if target is not None else None,
            target_face=target.face if target is not None else None,
            swapped=swapped.image if swapped is not None else None,
            swapped_face=swapped.face if swapped is not None else None,
            source=partial(self._panel.reader.read, pair.source),
            before=partial(self._frame_before, pair, method) if pair.previous >= 0 else None,
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

    def _vector_before(self, pair: Pair, method: str, judge: str) -> Vector | None:
        """What a judge says of the swapped frame before; looked at again where another worker had it."""
        if self._last.get(method, (-1, {}))[0] != pair.previous:
            path = self._image(method, pair.previous)
            try:
                target = self._panel.target(pair.previous_target)
                found = self._panel.swapped(read_image(path), target).vectors if path.is_file() else {}
            except SwapError:
                found = {}
            self._last[method] = pair.previous, found
        return self._last[method][1].get(judge)

    def _image(self, method: str, pair: int) -> Path:
        return self._run / "swapped" / method / f"{pair:06d}.png"


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
