"""From photos to a swapped photo: detect, align, condition, swap, match colours, paste back.

>>> from mobilefaceswap_core.files.images import read_image
>>> from mobilefaceswap_core.pipeline import Pipeline
>>> pipeline = Pipeline.load("student", device="cpu")
>>> source = pipeline.prepare_source([read_image("me.jpg").image])
>>> result = pipeline.swap(read_image("group.jpg").image, source, faces="largest")
>>> result.report
FrameReport(faces_found=6, faces_swapped=1, skipped={})
>>> result.image.shape, result.image.dtype
((886, 1280, 3), dtype('uint8'))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from .blend.colour import match_colours
from .blend.detail import match_detail
from .blend.limits import MaskLimits, limit_weight
from .blend.mask import MaskOptions, refine_mask
from .blend.paste import paste_back
from .detect import Detector, load_detector
from .errors import NoFaceError, OptionError
from .faces.choose import FaceChoice, choose_faces, largest
from .faces.geometry import align_face
from .faces.head_pose import head_pose
from .faces.numbers import FACES_COUNT, number_of
from .files.images import check_image
from .models import load_swapper
from .runtime.memory import memory_guard
from .swapper import Swapper
from .types import AlignedFace, Face, FrameReport, Image, Mask, Matrix, SwappedCrop

MIN_FACE_PX = 16.0  # below this a 224 crop is more than ten times enlarged and shows nothing of a face


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One person to swap in: an immutable value, made once and used for every target.

    Attributes:
        condition: what the pipeline's swapper made of the photos.
        thumbnails: the aligned face of each photo, RGB uint8.
        model: name of the swapper the condition belongs to.
    """

    condition: Any
    thumbnails: tuple[Image, ...]
    model: str


@dataclass(frozen=True, slots=True)
class SwapOptions:
    """Choices of a swap; the defaults are what the demo and the command line use.

    Attributes:
        match_colours: bring the swapped face to the target's colours; ``None`` leaves it to the swapper.
        match_detail: strengthen its fine detail to the target's; ``None`` leaves it to the swapper.
        mask: how a network's mask becomes a weight.
        limits: where a swap may show besides that.
        min_face_px: faces smaller than this stay as they are.
        max_yaw_deg: faces turned further to a side than this stay as they are; needs 68 landmarks.
        mark: called with each swapped crop, its weight and its side in the frame in px before it is pasted, to hide a
            watermark in it. It sees the crop as the reader of the mark will cut it out, whatever contract the swapper's own crop has.
    """

    match_colours: bool | None = None
    match_detail: bool | None = None
    mask: MaskOptions = field(default_factory=MaskOptions)
    limits: MaskLimits = field(default_factory=MaskLimits)
    min_face_px: float = MIN_FACE_PX
    max_yaw_deg: float | None = None
    mark: Callable[[Image, Mask, float], Image] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SwapResult:
    """A swapped image and what happened.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8; pixels outside the swapped faces are those of the target.
        faces: all faces found, in the order their indices refer to.
        report: counts, and why faces were left alone.
        crops_from_frame: of each swapped face, by its index.
        seconds: by stage: ``detect``, ``swap``, ``paste``.
    """

    image: Image
    faces: tuple[Face, ...]
    report: FrameReport
    crops_from_frame: dict[int, Matrix]
    seconds: dict[str, float]


class Pipeline:
    """A swapper and a detector. Holds nothing about any source or target; safe to share between threads."""

    def __init__(self, swapper: Swapper, detector: Detector) -> None:
        self.swapper = swapper
        self.detector = detector

    @classmethod
    def load(
        cls,
        model: str = "auto",
        detector: str = "auto",
        device: str = "auto",
        *,
        backend: str = "auto",
        threads: int | None = None,
        video: bool = False,
    ) -> Pipeline:
        """Load both by name; see :func:`~mobilefaceswap_core.models.load_swapper` and ``load_detector``."""
        swapper = load_swapper(model, device=device, backend=backend, threads=threads, video=video)
        return cls(swapper, load_detector(detector, device=device))

    def detect(self, image: Image) -> list[Face]:
        """Faces of an image, left to right, with landmarks where the swapper needs them.

        Raises:
            ImageError: not an RGB uint8 image.
        """
        check_image(image)
        with memory_guard(f"Looking for faces in {image.shape[1]} x {image.shape[0]} px"):
            return [self.with_landmarks(image, face) for face in self.detector.detect(image)]

    def with_landmarks(self, image: Image, face: Face, *, always: bool = False) -> Face:
        """The face with 68 landmarks if this swapper (or the caller: ``always``) needs them and it has only five points."""
        if face.landmarks is not None or not (always or self.swapper.info.needs_landmarks):
            return face
        return replace(face, landmarks=self.detector.landmarks(image, face))

    def prepare_source(self, images: Sequence[Image], *, face: int | Literal["largest"] = "largest") -> Source:
        """Make a source of one or several photos of the same person.

        Args:
            images: RGB uint8 photos, each showing at least one face.
            face: index of the face in each photo, from 0, left to right.

        Raises:
            NoFaceError: a photo shows no face, or not as many as asked for.
            ImageError: not an RGB uint8 image.
        """
        if not images:
            raise OptionError("No source photo was given; at least one is needed.")
        aligned = []
        for number, image in enumerate(images, start=1):
            faces = self.detect(image)
            which = f"source photo {number}" if len(images) > 1 else "the source photo"
            if not faces:
                raise NoFaceError(
                    f"No face was found in {which} ({image.shape[1]} x {image.shape[0]} px). Use a photo that shows one "
                    "face from the front, well lit and at least 60 px wide."
                )
            if face != "largest" and not 0 <= face < len(faces):
                raise NoFaceError(
                    f"Face {number_of(face)} was asked for in {which}, which shows {len(faces)} ({FACES_COUNT})."
                )
            chosen = largest(faces) if face == "largest" else face
            aligned.append(self.align(image, faces[chosen]))
        with memory_guard("Reading the source's identity"):
            condition = self.swapper.condition(aligned)
        return Source(condition, tuple(a.image for a in aligned), self.swapper.info.name)

    def align(self, image: Image, face: Face) -> AlignedFace:
        """The face as this pipeline's swapper wants it."""
        return align_face(image, face, self.swapper.info.crop)

    def swap(
        self,
        target: Image,
        source: Source | Mapping[int, Source],
        *,
        faces: FaceChoice = "all",
        options: SwapOptions = SwapOptions(),
    ) -> SwapResult:
        """Swap faces of a still.

        Args:
            target: ``(H, W, 3)`` RGB uint8; not changed.
            source: one person for every chosen face, or a person by face index.
            faces: which faces one source goes to: ``all``, ``largest``, an index or several (from 0, left to right).
                With a mapping its keys choose.
            options: see :class:`SwapOptions`.

        Returns:
            The result. A target without a face comes back unchanged, with ``report.faces_found == 0``.

        Raises:
            OptionError: a chosen face is not there, or a source belongs to another model.
        """
        started = time.perf_counter()
        found = self.detect(target)
        detected = time.perf_counter()
        wanted = choose_faces(found, source, faces)
        image, report, crops, seconds = self.swap_faces(target, found, wanted, options=options)
        return SwapResult(image, tuple(found), report, crops, {"detect": detected - started, **seconds})

    def swap_faces(
        self,
        frame: Image,
        faces: Sequence[Face],
        sources: Mapping[int, Source],
        *,
        options: SwapOptions = SwapOptions(),
    ) -> tuple[Image, FrameReport, dict[int, Matrix], dict[str, float]]:
        """Swap faces whose places are known; what video does for every frame.

        Args:
            frame: ``(H, W, 3)`` RGB uint8; not changed.
            faces: faces of this frame.
            sources: source by index into ``faces``.

        Returns:
            Image, report, ``crop_from_frame`` by face index, and seconds by stage.

        Raises:
            BackendError: memory ran out.
        """
        with memory_guard(f"Swapping {len(sources)} faces of {frame.shape[1]} x {frame.shape[0]} px"):
            return self._swap_faces(frame, faces, sources, options)

    def _swap_faces(
        self, frame: Image, faces: Sequence[Face], sources: Mapping[int, Source], options: SwapOptions
    ) -> tuple[Image, FrameReport, dict[int, Matrix], dict[str, float]]:
        always = options.limits.needs_landmarks or options.max_yaw_deg is not None
        faces = [self.with_landmarks(frame, face, always=always) for face in faces]
        skipped = {i: reason for i in sources if (reason := unusable(faces[i], options))}
        # Small faces first: where two overlap the larger, nearer one ends up on top.
        chosen = sorted((i for i in sources if i not in skipped), key=lambda i: faces[i].size_px)
        started = time.perf_counter()
        targets = [self.align(frame, faces[i]) for i in chosen]
        swapped = self.swap_aligned(targets, [sources[i] for i in chosen])
        after_swap = time.perf_counter()
        image = frame.copy()
        for target, crop in zip(targets, swapped, strict=True):
            self.paste(image, target, crop, options=options)
        report = FrameReport(len(faces), len(chosen), skipped)
        seconds = {"swap": after_swap - started, "paste": time.perf_counter() - after_swap}
        return image, report, {i: t.crop_from_frame for i, t in zip(chosen, targets, strict=True)}, seconds

    def swap_aligned(self, targets: Sequence[AlignedFace], sources: Sequence[Source]) -> list[SwappedCrop]:
        """Swap crops, one source each.

        Raises:
            OptionError: a source was made by another model.
        """
        if not targets:
            return []
        if foreign := {s.model for s in sources} - {self.swapper.info.name}:
            raise OptionError(
                f"A source was prepared for {sorted(foreign)[0]!r}, this pipeline runs {self.swapper.info.name!r}; "
                "prepare it again with this pipeline."
            )
        return self.swapper.swap(targets, [source.condition for source in sources])

    def paste(self, image: Image, target: AlignedFace, crop: SwappedCrop, *, options: SwapOptions) -> None:
        """Finish one crop and blend it into ``image`` in place."""
        pixels, weight = self.finish(target, crop, options=options)
        paste_back(image, pixels, weight, target.crop_from_frame, out=image)

    def finish(self, target: AlignedFace, crop: SwappedCrop, *, options: SwapOptions) -> tuple[Image, Mask]:
        """Match colours and detail, refine and limit the mask, and mark: the pixels to paste and their weight."""
        info, pixels = self.swapper.info, crop.image
        if info.match_colours if options.match_colours is None else options.match_colours:
            pixels = match_colours(pixels, target.image, crop.mask)
        if info.match_detail if options.match_detail is None else options.match_detail:
            pixels = match_detail(pixels, target.image, crop.mask)
        weight = limit_weight(refine_mask(crop.mask, options.mask), target.landmarks, options.limits)
        if options.mark is not None:
            from .marking.crops import mark_aligned

            spec, place = self.swapper.info.crop, target.crop_from_frame
            pixels = mark_aligned(options.mark, pixels, weight, spec=spec, crop_from_frame=place)
        return pixels, weight


def unusable(face: Face, options: SwapOptions) -> str | None:
    """Why a face is left alone, or ``None``."""
    if not np.isfinite(face.five).all():
        return "no alignment points"
    if face.size_px < options.min_face_px:
        return f"smaller than {options.min_face_px:.0f} px"
    limit = options.max_yaw_deg
    if limit is not None and face.landmarks is not None and abs(head_pose(face.landmarks).yaw_deg) > limit:
        return f"turned by more than {limit:.0f} degrees"
    return None
