"""The panel: one detector and the judges, and what they see in one picture."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import NoFaceError
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.types import CropSpec, Face, Image

from .face_region import closest_face, find_faces, largest_face
from .features import FACES, WHOLE, Features, load_features
from .images import ImageReader
from .judges import Judge, load_judges
from .judges.onnx_file import OnnxNetwork
from .metrics.frechet import clean_resize

Vectors = dict[str, NDArray[np.float64]]  # by judge; one that sees no face is not in it
_REMEMBERED = 32  # targets whose sight is kept; a data set with few targets is looked at once


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Who judges, and how.

    Attributes:
        judges: names as :func:`eval.judges.load_judge` reads them.
        detector: finds the 68 landmarks that all judges see.
        device: torch device of judges that use torch.
        lpips: backbone of LPIPS, one of :data:`eval.metrics.lpips.BACKBONES`.
        lpips_backbone: its file, or ``None`` to look where torch keeps downloads.
        fid_features: ``recogniser`` (the first recogniser's embedding) or an ONNX file with its contract.
        metrics: added ones, as :func:`eval.metrics.load_metrics` reads them.
        threads: of torch and OpenCV.
    """

    judges: tuple[str, ...]
    detector: str = "dlib"
    device: str = "cpu"
    lpips: str = "alex"
    lpips_backbone: Path | None = None
    fid_features: str = "recogniser"
    metrics: tuple[str, ...] = ()
    threads: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A picture with what the panel sees in it.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8.
        face: the face looked at, with 68 landmarks; ``None`` without one.
        vectors: of that face, by judge.
        features: what the Frechet distance is computed on, by their folder (:mod:`eval.features`).
    """

    image: Image
    face: Face | None
    vectors: Vectors
    features: Features


class Panel:
    """Loads detector, judges and feature network once.

    Args:
        reader: of the run's images.
        options: who judges.
    """

    def __init__(self, reader: ImageReader, options: JudgeOptions) -> None:
        from mobilefaceswap_core.detect import load_detector

        self.reader = reader
        self.judges: list[Judge] = load_judges(options.judges, device=options.device)
        self._detector = load_detector(options.detector, device=options.device)
        self._features = load_features(options.fid_features)
        self._targets: OrderedDict[str, Sight] = OrderedDict()

    def cards(self) -> dict[str, Any]:
        """Judges, detector and features, for the footer of a table."""
        info = self._detector.info
        return {
            "judges": [asdict(judge.info) for judge in self.judges],
            "detector": {"name": info.name, "title": info.title, "files": dict(info.files), "device": info.device},
            "frechet_features": self._feature_name(),
            "face_features": isinstance(self._features, OnnxNetwork),
        }

    def target(self, reference: str) -> Sight:
        """The largest face of a target; the last ones are remembered.

        Raises:
            SwapError: the picture cannot be read.
        """
        if reference in self._targets:
            self._targets.move_to_end(reference)
            return self._targets[reference]
        image = self.reader.read_target(reference)
        face = largest_face(self.faces(image))
        self._targets[reference] = self._sight(image, face, place=face)
        if len(self._targets) > _REMEMBERED:
            self._targets.popitem(last=False)
        return self._targets[reference]

    def swapped(self, image: Image, target: Sight | None) -> Sight:
        """The face of a swapped image that stands where the target's does; an image that is the target is not looked at twice."""
        if target is not None and np.array_equal(image, target.image):
            return target
        place = None if target is None else target.face
        there = None if place is None else closest_face(self.faces(image), place)
        return self._sight(image, there, place=place)

    def faces(self, image: Image) -> list[Face]:
        """Faces with 68 landmarks, as the detector of all judges finds them."""
        return find_faces(self._detector, image)

    def yaw(self, sight: Sight) -> float | None:
        """How far the face is turned, in degrees, by the first judge of pose."""
        pose = next((judge.info.name for judge in self.judges if judge.info.kind == "pose"), None)
        return float(sight.vectors[pose][1]) if pose in sight.vectors else None

    def _sight(self, image: Image, face: Face | None, *, place: Face | None) -> Sight:
        """What is seen of a face; ``place`` is the target's, which says where the face's crop is cut."""
        vectors: Vectors = {}
        if face is not None:
            for judge in self.judges:
                with contextlib.suppress(NoFaceError):  # a judge with a detector of its own may see no face here
                    vectors[judge.info.name] = judge.measure(image, face)
        return Sight(image, face, vectors, self._features_of(image, vectors, place))

    def _features_of(self, image: Image, vectors: Vectors, place: Face | None) -> Features:
        """Embeddings need a face; a network reads the whole picture, and its crop at the target's face."""
        if not isinstance(self._features, OnnxNetwork):
            first = self._first_recogniser()
            return {WHOLE: vectors[first].tolist()} if first in vectors else {}
        found = {WHOLE: self._features(clean_resize(image, self._features.size_px))[0].tolist()}
        if place is not None:
            crop = align_face(image, place, CropSpec(self._features.size_px)).image
            found[FACES] = self._features(crop)[0].tolist()
        return found

    def _feature_name(self) -> str:
        if isinstance(self._features, OnnxNetwork):
            return f"{self._features.name} ({self._features.sha256[:12]}), whole frame, clean resize"
        return f"embeddings of {self._first_recogniser()}"

    def _first_recogniser(self) -> str:
        return next(judge.info.name for judge in self.judges if judge.info.kind == "recogniser")
