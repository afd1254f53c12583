"""What happens to one pair in the judge stage: read, detect, measure, one record per method.

A record holds ``values`` by metric and judge, ``worst`` the keys in which the method failed (no image, or no face in it) and
which count at the metric's worst value, ``no_reference`` the keys that nobody can be measured in because the source or the
target shows the judges no face. Nothing is dropped.
"""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import NoFaceError, OptionError, SwapError
from mobilefaceswap_core.types import Face, Image

from .face_region import closest_face, face_region, largest_face, padded
from .features import load_features
from .gallery import load_gallery
from .images import ImageReader, read_image
from .judges import Judge, load_judges
from .judges.onnx_file import OnnxNetwork
from .metrics import Sample, load_metrics
from .metrics.colour_shift import colour_shift
from .metrics.expression_error import expression_error
from .metrics.frechet import clean_resize
from .metrics.id_retrieval import retrieval_rank, top_k
from .metrics.id_similarity import cosine
from .metrics.identity_flicker import identity_flicker
from .metrics.landmark_shape import landmark_shape
from .metrics.lpips import load_meter
from .metrics.pose_error import pose_error
from .metrics.psnr import psnr
from .metrics.shape_error import shape_error
from .metrics.ssim import masked_mean, ssim_map
from .metrics.temporal_flicker import temporal_flicker
from .metrics.verification import is_verified
from .pairs import Pair
from .swap import limit_threads

_TARGETS_KEPT = 32  # measured targets a worker remembers; a data set with few targets is measured once
_PIXEL_KEYS = ("ssim_frame", "psnr_frame", "ssim_background", "psnr_background", "colour_shift")


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Who judges, and how.

    Attributes:
        judges: names as :func:`eval.judges.load_judge` reads them.
        detector: finds the 68 landmarks that all judges see.
        device: torch device of judges that use torch.
        lpips_backbone: AlexNet file, or ``None`` to look where torch keeps downloads.
        fid_features: ``recogniser`` (the first recogniser's embedding) or an ONNX file with its contract.
        metrics: added ones, as :func:`eval.metrics.load_metrics` reads them.
        threads: of torch and OpenCV.
    """

    judges: tuple[str, ...]
    detector: str = "dlib"
    device: str = "cpu"
    lpips_backbone: Path | None = None
    fid_features: str = "recogniser"
    metrics: tuple[str, ...] = ()
    threads: int = 1


@dataclass(slots=True, eq=False)
class _Measured:
    """A reference image with what the judges said."""

    image: Image
    face: Face | None
    vectors: dict[str, NDArray[np.float64]]
    feature: list[float] | None = None


class JudgeWorker:
    """Holds detector and judges; measures one pair at a time.

    Args:
        run: the run's folder.
        root: the data set's root.
        options: who judges.
        with_gallery: whether the gallery is there and pairs can be measured.
    """

    def __init__(self, run: Path, root: Path, options: JudgeOptions, with_gallery: bool = True) -> None:
        from mobilefaceswap_core.detect import load_detector

        limit_threads(options.threads)
        self._run = run
        self._reader = ImageReader(root)
        self._detector = load_detector(options.detector, device=options.device)
        self.judges: list[Judge] = load_judges(options.judges, device=options.device)
        self._gallery = load_gallery(run, [j.info for j in self.judges]) if with_gallery else None
        self._lpips, self.lpips_status = load_meter(options.lpips_backbone, device=options.device)
        self._features = load_features(options.fid_features)
        self._added = load_metrics(options.metrics)
        self._targets: OrderedDict[str, _Measured] = OrderedDict()
        self._last: dict[str, tuple[int, dict[str, NDArray[np.float64]]]] = {}  # by method: pair, what the judges said

    def cards(self) -> dict[str, Any]:
        """Judges, detector and LPIPS state, for the footer of a table."""
        info = self._detector.info
        return {
            "judges": [asdict(j.info) for j in self.judges],
            "detector": {"name": info.name, "title": info.title, "files": dict(info.files), "device": info.device},
            "lpips": self.lpips_status,
            "frechet_features": self._feature_name(),
            "metrics": [asdict(m.spec) for m in self._added],
        }

    def run(self, job: Any) -> list[dict[str, Any]]:
        """A source reference with its identity, or a pair with the methods to measure."""
        return [self._source(*job)] if isinstance(job[0], str) else self._pair(*job)

    def _source(self, reference: str, identity: str) -> dict[str, Any]:
        record: dict[str, Any] = {"source": reference, "identity": identity, "vectors": {}}
        try:
            image = self._reader.read(reference)
            face = largest_face(self._faces(image))
        except SwapError as error:
            return {**record, "status": "unreadable", "reason": str(error)}
        if face is None:
            return {**record, "status": "no face"}
        kinds = [j for j in self.judges if j.info.kind in ("recogniser", "shape")]
        vectors = {j.info.name: j.measure(image, face).tolist() for j in kinds}
        return {**record, "status": "ok", "vectors": vectors}

    def _pair(self, pair: Pair, methods: Sequence[tuple[str, bool]]) -> list[dict[str, Any]]:
        try:
            target: _Measured | None = self._target(pair.target)
        except SwapError:
            target = None
        return [self._record(pair, name, made, target) for name, made in methods]

    def _record(self, pair: Pair, method: str, made: bool, target: _Measured | None) -> dict[str, Any]:
        swapped = read_image(self._run / "swapped" / method / f"{pair.name}.png") if made else None
        record: dict[str, Any] = {
            "method": method,
            "pair": pair.index,
            "source_identity": pair.source_identity,
            "target_identity": pair.target_identity,
            "status": "ok" if made else "failed",
            "values": {"failed": 0.0 if made else 1.0},
            "worst": [],
            "no_reference": [],
        }
        face = None
        if swapped is not None and target is not None and target.face is not None:
            face = closest_face(self._faces(swapped), target.face)
            record["status"] = "ok" if face is not None else "no face"
            record["values"]["failed"] = 0.0 if face is not None else 1.0
        if target is not None and target.face is not None:
            record["target_yaw"] = self._yaw(target)
        self._pixels(record, pair, method, swapped, target)
        vectors = self._vectors(swapped, face) if swapped is not None and face is not None else {}
        self._judged(record, pair, vectors, target)
        if pair.previous >= 0:
            self._identity_flicker(record, pair, method, vectors, target)
        self._last[method] = pair.index, vectors
        record["_feature"] = self._feature(swapped, vectors)
        record["_real"] = target.feature if target is not None else None
        if target is None or target.face is None:
            record["no_reference"].append("landmark_shape")
        elif face is None:
            record["worst"].append("landmark_shape")
        else:
            record["values"]["landmark_shape"] = landmark_shape(_landmarks(face), _landmarks(target.face))
        self._add(record, pair, swapped, face, target)
        return record

    def _add(
        self, record: dict[str, Any], pair: Pair, swapped: Image | None, face: Face | None, target: _Measured | None
    ) -> None:
        """Values of metrics from outside; one that raises one of our errors counts as a failure of the swap."""
        if not self._added:
            return
        keys = [metric.spec.key for metric in self._added]
        try:
            source = self._reader.read(pair.source)
        except SwapError:
            target = None
        if target is None or target.face is None:
            record["no_reference"] += keys
            return
        if swapped is None or face is None or swapped.shape != target.image.shape:
            record["worst"] += keys
            return
        region = face_region(_landmarks(target.face), *swapped.shape[:2])
        sample = Sample(source, target.image, swapped, target.face, face, region)
        for metric in self._added:
            try:
                value = float(metric.measure(sample))
            except SwapError:
                record["worst"].append(metric.spec.key)
                continue
            if not math.isfinite(value):
                raise OptionError(
                    f"The metric {metric.spec.key} gave {value} for pair {pair.index}; wanted a finite number. Raise "
                    "NoFaceError where there is none."
                )
            record["values"][metric.spec.key] = value

    def _judged(
        self, record: dict[str, Any], pair: Pair, vectors: dict[str, NDArray[np.float64]], target: _Measured | None
    ) -> None:
        """Values of every judge, or the reason there is none. ``vectors`` is empty when there is no face to measure."""
        assert self._gallery is not None  # the driver makes workers with a gallery for pairs
        source = self._gallery.vectors(pair.source)
        said = target.vectors if target is not None and target.face is not None else None
        values = record["values"]
        for judge in self.judges:
            name, kind = judge.info.name, judge.info.kind
            needs_source = kind in ("recogniser", "shape")
            keys = [f"{k}@{name}" for k in _KEYS[kind]]
            # A judge with a detector of its own may see no face where the others do.
            if said is None or (kind != "shape" and name not in said) or (needs_source and name not in source):
                record["no_reference"] += keys
                continue
            if name not in vectors:
                record["worst"] += keys
                continue
            vector = vectors[name]
            reference = source[name] if kind == "shape" else said[name]
            if kind == "recogniser":
                rank = retrieval_rank(
                    vector, self._gallery.matrix(name), self._gallery.is_right(pair.source_identity, name)
                )
                similarity = cosine(vector, source[name])
                record[f"rank@{name}"] = rank
                found = [
                    top_k(rank, 1), top_k(rank, 5), similarity, cosine(vector, reference),
                    is_verified(similarity, self._gallery.threshold(name)),
                ]  # fmt: skip
            else:
                measure = {"pose": pose_error, "expression": expression_error, "shape": shape_error}[kind]
                found = [measure(vector, reference)]
            values.update(zip(keys, found, strict=True))

    def _pixels(
        self, record: dict[str, Any], pair: Pair, method: str, swapped: Image | None, target: _Measured | None
    ) -> None:
        """Values that compare pixels with the target."""
        keys = [*_PIXEL_KEYS, *(["lpips"] if self._lpips else []), *(["flicker"] if pair.previous >= 0 else [])]
        if target is None or target.face is None:
            record["no_reference"] += keys
            return
        if swapped is None or swapped.shape != target.image.shape:
            record["worst"] += keys
            return
        values = record["values"]
        inside = face_region(_landmarks(target.face), *swapped.shape[:2])
        outside = 1.0 - inside
        similarity = ssim_map(swapped, target.image)
        values["ssim_frame"] = float(similarity.mean())
        values["psnr_frame"] = psnr(swapped, target.image)
        values["colour_shift"] = colour_shift(swapped, target.image, inside)
        if outside.any():
            values["ssim_background"] = masked_mean(similarity, outside)
            values["psnr_background"] = psnr(swapped, target.image, outside)
        else:
            record["no_reference"] += ["ssim_background", "psnr_background"]
        if self._lpips:
            values["lpips"] = self._lpips(swapped, target.image)
        if pair.previous >= 0:
            self._flicker(record, pair, method, swapped, target, inside)

    def _identity_flicker(
        self,
        record: dict[str, Any],
        pair: Pair,
        method: str,
        vectors: dict[str, NDArray[np.float64]],
        target: _Measured | None,
    ) -> None:
        before: dict[str, NDArray[np.float64]] | None = None
        for judge in self.judges:
            if judge.info.kind != "recogniser":
                continue
            name = judge.info.name
            key = f"id_flicker@{name}"
            if target is None or name not in target.vectors:
                record["no_reference"].append(key)
                continue
            if before is None:
                before = self._before(pair, method)
            if name in vectors and name in before:
                record["values"][key] = identity_flicker(before[name], vectors[name])
            else:
                record["worst"].append(key)

    def _before(self, pair: Pair, method: str) -> dict[str, NDArray[np.float64]]:
        """What the judges say of the swapped frame before; measured again where another worker had it."""
        index, vectors = self._last.get(method, (-1, {}))
        if index == pair.previous:
            return vectors
        path = self._run / "swapped" / method / f"{pair.previous:06d}.png"
        try:
            target = self._target(pair.previous_target)
            image = read_image(path) if path.is_file() else None
        except SwapError:
            return {}
        if image is None or target.face is None:
            return {}
        face = closest_face(self._faces(image), target.face)
        return self._vectors(image, face) if face is not None else {}

    def _flicker(
        self,
        record: dict[str, Any],
        pair: Pair,
        method: str,
        swapped: Image,
        target: _Measured,
        inside: NDArray[np.float32],
    ) -> None:
        before = self._run / "swapped" / method / f"{pair.previous:06d}.png"
        if not before.is_file():
            record["worst"].append("flicker")
            return
        previous_target = self._reader.read(pair.previous_target)
        record["values"]["flicker"] = temporal_flicker(
            read_image(before), swapped, previous_target, target.image, inside
        )

    def _target(self, reference: str) -> _Measured:
        if reference in self._targets:
            self._targets.move_to_end(reference)
            return self._targets[reference]
        image = self._reader.read(reference)
        face = largest_face(self._faces(image))
        vectors = self._vectors(image, face) if face is not None else {}
        self._targets[reference] = _Measured(image, face, vectors, self._feature(image, vectors))
        if len(self._targets) > _TARGETS_KEPT:
            self._targets.popitem(last=False)
        return self._targets[reference]

    def _faces(self, image: Image) -> list[Face]:
        """Faces with 68 landmarks; a face that fills the image is looked for again with a border around it."""
        faces = self._detector.detect(image)
        if not faces:
            larger, pad = padded(image)
            faces = [_shifted(face, -pad) for face in self._detector.detect(larger)]
        return [
            face if face.landmarks is not None else replace(face, landmarks=self._detector.landmarks(image, face))
            for face in faces
        ]

    def _vectors(self, image: Image, face: Face) -> dict[str, NDArray[np.float64]]:
        """What each judge says; one that sees no face says nothing."""
        said = {}
        for judge in self.judges:
            with contextlib.suppress(NoFaceError):
                said[judge.info.name] = judge.measure(image, face)
        return said

    def _yaw(self, target: _Measured) -> float | None:
        pose = next((j.info.name for j in self.judges if j.info.kind == "pose"), None)
        return float(target.vectors[pose][1]) if pose in target.vectors else None

    def _feature(self, image: Image | None, vectors: dict[str, NDArray[np.float64]]) -> list[float] | None:
        """What the Frechet distance is computed on; ``None`` without an image, or without a face for embeddings."""
        if image is None:
            return None
        if isinstance(self._features, OnnxNetwork):
            return self._features(clean_resize(image, self._features.size_px))[0].tolist()
        recogniser = next(j.info.name for j in self.judges if j.info.kind == "recogniser")
        return vectors[recogniser].tolist() if recogniser in vectors else None

    def _feature_name(self) -> str:
        if isinstance(self._features, OnnxNetwork):
            return f"{self._features.name} ({self._features.sha256[:12]}), whole frame, clean resize"
        return "embeddings of " + next(j.info.name for j in self.judges if j.info.kind == "recogniser")


_KEYS = {
    "recogniser": ("id_top1", "id_top5", "cosine_source", "cosine_target", "verified"),
    "pose": ("pose_error",),
    "expression": ("expression_error",),
    "shape": ("shape_error",),
}


def _landmarks(face: Face) -> NDArray[np.float64]:
    assert face.landmarks is not None  # JudgeWorker's faces all have them
    return face.landmarks


def _shifted(face: Face, by: float) -> Face:
    landmarks = None if face.landmarks is None else face.landmarks + by
    return replace(face, box=face.box + by, five=face.five + by, landmarks=landmarks)
