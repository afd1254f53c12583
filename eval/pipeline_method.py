"""A swapper as a method of a table: with the core's pipeline, on photos, clips or aligned crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.errors import ImageError, NoFaceError
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.swapper import Swapper, SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, Face, FrameReport, Image, SwappedCrop

from .followed import ClipMemory, Followed, FollowedClips
from .images import ImageReader
from .method_info import REFERENCE_METHODS, MethodInfo
from .method_options import all_choices, unmarked_options
from .pairs import Pair
from .units import Moment


class PipelineMethod:
    """A swapper with the core's pipeline on photos and frames, or on aligned crops without detection.

    On photos the largest face is swapped, and the source is the largest face of its photo. Frames of a clip are swapped as a
    video job does: the face is followed, the finish remembers it, and what nobody chose is as clips have it. Nothing is marked:
    a watermark would be measured as an artefact.
    """

    remembers = True

    def __init__(
        self,
        label: str,
        swapper: Swapper,
        *,
        detector: str | Detector,
        device: str,
        aligned: CropSpec | None,
        holds_source: bool = False,
        chosen: Mapping[str, Any] | None = None,
        clips: FollowedClips | None = None,
    ) -> None:
        from mobilefaceswap_core.detect import load_detector
        from mobilefaceswap_core.pipeline import Pipeline, Source
        from mobilefaceswap_core.weights.fetch import present_file
        from mobilefaceswap_core.weights.published import PUBLISHED

        self._aligned = aligned
        self._options = unmarked_options(chosen or {})
        finds = load_detector(detector, device=device) if isinstance(detector, str) else detector
        self._pipeline = Pipeline(swapper, finds)
        self._clips, self._memory = clips or FollowedClips(lambda: finds), ClipMemory()
        self._inside = Source(swapper.condition(()), (), swapper.info.name) if holds_source else None
        found = self._pipeline.detector.info
        card = swapper.info
        networks = {path.name: sha256 for path, sha256 in (present_file(PUBLISHED[n]) for n in self._options.networks)}
        terms = [card.licence, *(f"{PUBLISHED[name].licence} ({name})" for name in self._options.networks)]
        self._source: tuple[str, Any] | None = None  # the last source prepared; a memory of one
        self._info = MethodInfo(
            label,
            card.title,
            reference=card.name == "source-paste",
            details={
                "model": card.name,
                "licence": "; ".join(terms),
                "source": card.source,
                "weights_sha256": dict(card.weights_sha256) | networks,
                "device": card.device,
                "crop": f"{card.crop.size_px} px, {card.crop.template} template, {card.crop.fit}",
                "detector": "none: aligned crops" if aligned else f"{found.name} ({found.device})",
                "options": all_choices(chosen or {}),
                **({"holds_source": True} if holds_source else {}),
            },
        )

    @property
    def info(self) -> MethodInfo:
        return self._info

    def make(self, pair: Pair, reader: ImageReader, moment: Moment | None = None) -> Image:
        target = reader.read_target(pair.target)
        if self._aligned is not None:
            return self._swap_crop(pair, reader, target, moment)
        if moment is not None:
            return self._swap_frame(target, moment, self._prepared(pair, reader))
        result = self._pipeline.swap(target, self._prepared(pair, reader), faces="largest", options=self._options)
        return self._swapped(result.image, result.report)

    def _swap_frame(self, target: Image, moment: Moment, prepared: Any) -> Image:
        """As the video pipeline swaps a frame whose face it follows."""
        followed = self._clips.at(target, moment)
        faces = [] if followed.face is None else [followed.face]
        memories = [self._memory.of(followed) for _ in faces]
        image, report, *_ = self._pipeline.swap_faces(
            target, faces, dict.fromkeys(range(len(faces)), prepared), options=self._options, moving=True,
            memories=memories, time_s=moment.time_s,
        )  # fmt: skip
        return self._swapped(image, report)

    def _swapped(self, image: Image, report: FrameReport) -> Image:
        if report.faces_swapped == 0:
            reasons = "; ".join(report.skipped.values())
            raise NoFaceError(f"no face of the target was swapped ({reasons or 'none was found'})")
        return image

    def _prepared(self, pair: Pair, reader: ImageReader) -> Any:
        """The pair's source, or the one in the swapper's file."""
        if self._inside is not None:
            return self._inside
        if self._source is None or self._source[0] != pair.source:
            self._source = (
                pair.source,
                self._pipeline.prepare_source([reader.read(pair.source)], options=self._options),
            )
        return self._source[1]

    def _swap_crop(self, pair: Pair, reader: ImageReader, target: Image, moment: Moment | None) -> Image:
        """Place the five template points on both crops instead of detecting."""
        pipeline = self._pipeline
        prepared = self._inside
        if prepared is None:
            source = reader.read(pair.source)
            found = self._known_face(pair.source, source, reader)
            face = pipeline.align(source, pipeline.with_landmarks(source, found))
            prepared = pipeline.source_of([face], options=self._options)
        known = self._known_face(pair.target, target, reader)
        moving: dict[str, Any] = {}
        if moment is not None:
            followed = Followed(
                known, 0, frozenset({0}), moment.clip + 1
            )  # nobody need follow what stands where it stood
            moving = {"moving": True, "memories": [self._memory.of(followed)], "time_s": moment.time_s}
        return self._swapped(*pipeline.swap_faces(target, [known], {0: prepared}, options=self._options, **moving)[:2])

    def _known_face(self, reference: str, image: Image, reader: ImageReader) -> Face:
        size = image.shape[0]
        if image.shape[0] != image.shape[1]:
            raise ImageError(f"{reference} is {image.shape[:2]}; an aligned crop is square")
        spec = self._aligned or CropSpec()
        five = template_points(CropSpec(size, spec.template, spec.fit))
        # The face fills about this part of the 112 template's crop: brows to chin, temple to temple.
        box = np.array([0.14, 0.22, 0.86, 0.98]) * size
        return Face(box, 1.0, five, reader.landmarks(reference, size))


class SourcePaste:
    """Pastes the source's aligned crop over the target's, border to border: the upper bound of identity."""

    info = SwapperInfo(
        name="source-paste",
        title=REFERENCE_METHODS["source-paste"],
        crop=CropSpec(),
        licence="none",
        source="reference row",
        match_colours=False,
    )

    def condition(self, sources: Sequence[AlignedFace]) -> Image:
        """The first photo's crop."""
        return sources[0].image

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[Image]) -> list[SwappedCrop]:
        """The source crop with a full mask."""
        chosen = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        return [SwappedCrop(image, np.ones(image.shape[:2], np.float32)) for image in chosen]
