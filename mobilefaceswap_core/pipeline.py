"""From photos to a swapped photo: detect, align, condition, swap, finish, paste back.

>>> from mobilefaceswap_core import Pipeline, read_image
>>> pipeline = Pipeline.load("student", device="cpu")
>>> source = pipeline.prepare_source([read_image("me.jpg").image])
>>> result = pipeline.swap(read_image("group.jpg").image, source, faces="largest")
>>> result.report
FrameReport(faces_found=6, faces_swapped=1, skipped={})
>>> result.image.shape, result.image.dtype
((886, 1280, 3), dtype('uint8'))
>>> result.save("swapped.png").applied
('watermark', 'metadata', 'credentials')
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from .blend.finish import finish, stages
from .blend.finishing import Finishing, Setting, Stage
from .blend.irises import blueness_of_eyes
from .blend.memory import FaceMemory
from .blend.networks import FinishNetworks
from .blend.occlusion import OcclusionModel, hidden_in
from .blend.several import finish_and_paste
from .detect import Detector, load_detector
from .detect.detector import Lenient, detect_all, face_from_landmarks
from .errors import NoFaceError, OptionError
from .faces.choose import FaceChoice, choose_faces, largest, largest_few
from .faces.geometry import TEMPLATES_112, align_face, template_points
from .faces.numbers import FACES_COUNT, number_of
from .files.images import LoadedImage, check_image
from .identity.glasses import Said, leave_out_glasses
from .marking import UNMARKED, MarkOptions, MarkReport, marking_stage, save_image
from .models import DEFAULT_MODEL, load_swapper
from .options import MIN_FACE_PX, SwapOptions, unusable
from .runtime.budget import Budget
from .runtime.memory import FreedMemory, memory_guard
from .runtime.networks import BACKENDS
from .runtime.threads import picture_threads, stage_threads, use_one_opencv_thread
from .student.backends import clip_backend
from .swapper import Swapper
from .types import AlignedFace, Face, FrameReport, Image, Matrix, SwappedCrop

Check = Callable[[Sequence[Image], Sequence[Face]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One person to swap in: an immutable value, made once and used for every target.

    Attributes:
        condition: what the pipeline's swapper made of the photos.
        thumbnails: the aligned face of each photo, RGB uint8.
        model: name of the swapper the condition belongs to.
        glasses: whether a photo's were left out, or an eye is covered.
        blue_eyes: how surely the person's are; see :func:`~mobilefaceswap_core.blend.irises.blueness_of_eyes`.
    """

    condition: Any
    thumbnails: tuple[Image, ...]
    model: str
    glasses: Said = ""
    blue_eyes: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class SwapResult:
    """A swapped image and what happened.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8; pixels outside the swapped faces are those of the target.
        faces: all faces found, in the order their indices refer to.
        report: counts, and why faces were left alone.
        crops_from_frame: of each swapped face, by its index.
        seconds: by stage: ``detect``, ``swap``, those of :mod:`~mobilefaceswap_core.blend.finish` by name, ``mark``, ``paste``.
        model: name of the swapper.
        marks: what was chosen to say that the image was swapped; the watermark is in ``image`` already.
    """

    image: Image
    faces: tuple[Face, ...]
    report: FrameReport
    crops_from_frame: dict[int, Matrix]
    seconds: dict[str, float]
    model: str
    marks: MarkOptions

    def save(
        self, path: str | os.PathLike[str], *, like: LoadedImage | None = None, quality: int = 95, personal: bool = False
    ) -> MarkReport:  # fmt: skip
        """Write the image with everything that says it was swapped; the file appears whole or not at all.

        Args:
            path: the extension chooses the format.
            like: the photo it was made from; mode, depth, transparency and colour profile follow it.
            quality: see :func:`~mobilefaceswap_core.files.images.write_image`.
            personal: carry on what ``like`` says of where, by whom and whose it is.

        Returns:
            Which marks the file carries, and why others are left out. A target without a swapped face carries none.

        Raises:
            OutputError: the file cannot be written.
        """
        marks = self.marks if self.report.faces_swapped else UNMARKED
        saved = save_image(
            path, self.image, model=self.model, options=marks, like=like, quality=quality, personal=personal
        )
        return replace(saved, applied=("watermark", *saved.applied)) if marks.watermark else saved


class Pipeline:
    """A swapper and a detector. Holds nothing about any source or target; safe to share between threads.

    Args:
        swapper: draws faces.
        detector: finds them.
        occlusion: sees what hides a face; the one that ships, loaded on first use, if not given.
        backend: what runs the published networks of the finish; see
            :func:`~mobilefaceswap_core.blend.stage_network.load_stage_network`.
        threads: for the finish of one picture: for the faces of a group, or for the network that looks at the only one.
    """

    def __init__(
        self, swapper: Swapper, detector: Detector, *, occlusion: OcclusionModel | None = None, backend: str = "auto",
        threads: int = 1,
    ) -> None:  # fmt: skip
        self.swapper = swapper
        self.detector = detector
        self._threads, self._freed = threads, FreedMemory()
        self._networks = FinishNetworks(where=self._device, backend=backend, threads=threads, occlusion=occlusion)

    @classmethod
    def load(
        cls,
        model: str = "auto",
        detector: str = "auto",
        device: str = "auto",
        *,
        backend: str = "auto",
        threads: int | None = None,
        contract: str | None = None,
        video: bool = False,
    ) -> Pipeline:
        """Load both by name; see :func:`~mobilefaceswap_core.models.load_swapper` and ``load_detector``.

        Args:
            video: set up for clips and live frames: a detector that is fast, and processors left for the other stages.
        """
        if video:
            threads = threads or stage_threads()
            backend = clip_backend(device=device) if backend == "auto" and model in ("auto", DEFAULT_MODEL) else backend
            use_one_opencv_thread()
        swapper = load_swapper(model, device=device, backend=backend, threads=threads, contract=contract)
        found = load_detector(detector, device=device, fast=video)
        finishing = 1 if video else threads or picture_threads()
        return cls(swapper, found, backend=backend if backend in BACKENDS else "auto", threads=finishing)

    def detect(self, image: Image, *, budget: Budget = Budget(), least: float | None = None) -> list[Face]:
        """Faces of an image, left to right, with landmarks where the swapper needs them.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            budget: landmarks are looked for in as many faces as it has, the largest.
            least: score that is enough, of a detector that takes one (``lite``); others are asked as usual.

        Raises:
            ImageError: not an RGB uint8 image.
            OptionError: a score that is none.
        """
        faces = self._find(image, least)
        with memory_guard(f"Looking for landmarks of {len(faces)} faces"):
            for number in largest_few(faces, range(len(faces)), budget.faces):
                faces[number] = self.with_landmarks(image, faces[number])
        return faces

    def _find(self, image: Image, least: float | None = None) -> list[Face]:
        """Faces as the detector gives them, left to right."""
        check_image(image)
        with memory_guard(f"Looking for faces in {image.shape[1]} x {image.shape[0]} px"):
            if least is not None and isinstance(self.detector, Lenient):
                return self.detector.search(image, least=least)
            return detect_all(self.detector, image)

    def with_landmarks(self, image: Image, face: Face, *, always: bool = False) -> Face:
        """The face with 68 landmarks if this swapper (or the caller: ``always``) needs them and it has only five points."""
        if face.landmarks is not None or not (always or self.swapper.info.needs_landmarks):
            return face
        return replace(face, landmarks=self.detector.landmarks(image, face))

    def face_in_box(self, image: Image, box: Sequence[float]) -> Face:
        """A face where somebody says that there is one and the detector is blind; its landmarks are looked for there.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            box: left, top, right, bottom in pixels, around brows and chin; the corners may come in any order.

        Returns:
            The face, with score 0 for it was not found.

        Raises:
            OptionError: the box is too small to hold a face, or lies outside of the image.
            ImageError: not an RGB uint8 image.
        """
        check_image(image)
        height, width = image.shape[:2]
        corners = np.asarray(box, np.float64).reshape(2, 2)
        low, high = np.maximum(corners.min(0), 0), np.minimum(corners.max(0), [width, height])
        if not np.isfinite(corners).all() or (high - low).min() < MIN_FACE_PX:
            raise OptionError(
                f"The box is {max(0.0, high[0] - low[0]):.0f} x {max(0.0, high[1] - low[1]):.0f} px of the picture; wanted "
                f"at least {MIN_FACE_PX:.0f} x {MIN_FACE_PX:.0f} px around a face."
            )
        around = np.concatenate([low, high])
        rough = Face(around, 0.0, low + TEMPLATES_112["arcface"] / 112 * (high - low))
        return face_from_landmarks(around, 0.0, self.detector.landmarks(image, rough))

    def prepare_source(
        self, images: Sequence[Image], *, face: int | Literal["largest"] = "largest", check: Check | None = None,
        options: SwapOptions = SwapOptions(),
    ) -> Source:  # fmt: skip
        """Make a source of one or several photos of the same person.

        Args:
            images: RGB uint8 photos, each showing at least one face.
            face: index of the face in each photo, from 0, left to right.
            check: called with the photos and the face chosen in each before anything is made of them; raises to refuse,
                as :meth:`~mobilefaceswap_core.rules.host.HostRules.check` does.
            options: of them ``source_glasses`` counts here.

        Raises:
            NoFaceError: a photo shows no face, or not as many as asked for.
            ImageError: not an RGB uint8 image.
        """
        if not images:
            raise OptionError("No source photo was given; at least one is needed.")
        chosen = []
        for number, image in enumerate(images, start=1):
            faces = self._find(image)
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
            chosen.append(self.with_landmarks(image, faces[largest(faces) if face == "largest" else face]))
        if check is not None:
            check(images, chosen)
        aligned = [self.align(image, found) for image, found in zip(images, chosen, strict=True)]
        source = self.source_of(aligned, options=options)
        self._freed.give_back()
        return source

    def source_of(self, faces: Sequence[AlignedFace], *, options: SwapOptions = SwapOptions()) -> Source:
        """Make a source of one person's faces as :meth:`align` cuts them out; the rest as in :meth:`prepare_source`."""
        info, read = self.swapper.info, list(faces)
        said: Said = ""
        with memory_guard("Reading the source's identity"):
            if info.leave_glasses and not options.source_glasses:
                hidden = partial(hidden_in, self._networks.occlusion(), spec=info.crop)
                read, said = leave_out_glasses(faces, template_points(info.crop)[:2], hidden)
            condition = self.swapper.condition(read)
        blue = [blueness_of_eyes(face.image, face.landmarks) for face in faces if face.landmarks is not None]
        blue_eyes = 1.0 if said == "covered" or not blue else sum(blue) / len(blue)
        return Source(condition, tuple(face.image for face in faces), info.name, said, blue_eyes)

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
        found: Sequence[Face] | None = None,
        budget: Budget = Budget(),
    ) -> SwapResult:
        """Swap faces of a still.

        Args:
            target: ``(H, W, 3)`` RGB uint8; not changed.
            source: one person for every chosen face, or a person by face index.
            faces: which faces one source goes to: ``all``, ``largest``, an index or several (from 0, left to right).
                With a mapping its keys choose.
            options: see :class:`~mobilefaceswap_core.options.SwapOptions`.
            found: the target's faces as :meth:`detect` gave them, where somebody has looked already.
            budget: as many of the chosen faces as it has are swapped, the largest; the report names the others.

        Returns:
            The result. A target without a face comes back unchanged, with ``report.faces_found == 0``.

        Raises:
            OptionError: a chosen face is not there, or a source belongs to another model.
            BudgetError: it takes longer than the budget has seconds.
        """
        started, spent = time.perf_counter(), budget.begin()
        found = self.detect(target, budget=budget) if found is None else found
        detected = time.perf_counter()
        wanted = choose_faces(found, source, faces)
        taken = {number: wanted[number] for number in largest_few(found, wanted, budget.faces)}
        spent.check()
        image, report, crops, seconds = self.swap_faces(target, found, taken, options=options)
        if len(taken) < len(wanted):
            reason = f"not among the {budget.faces} largest that are swapped in one picture"
            left = {number: reason for number in wanted if number not in taken}
            report = replace(report, skipped={**report.skipped, **left})
        seconds = {"detect": detected - started, **seconds}
        self._freed.give_back()
        return SwapResult(image, tuple(found), report, crops, seconds, self.swapper.info.name, options.marks)

    def swap_faces(
        self,
        frame: Image,
        faces: Sequence[Face],
        sources: Mapping[int, Source],
        *,
        options: SwapOptions = SwapOptions(),
        moving: bool = False,
        memories: Sequence[FaceMemory] | None = None,
        time_s: float = 0.0,
    ) -> tuple[Image, FrameReport, dict[int, Matrix], dict[str, float]]:
        """Swap faces whose places are known; what video does for every frame.

        Args:
            frame: ``(H, W, 3)`` RGB uint8; not changed.
            faces: faces of this frame.
            sources: source by index into ``faces``.
            moving: the frame is one of a clip or a camera: time is short, and its mark has to outlive a video codec.
            memories: of the faces, in their order, where the frames before are known.
            time_s: when the frame is shown; matters together with ``memories``.

        Returns:
            Image, report, ``crop_from_frame`` by face index, and seconds by stage.

        Raises:
            BackendError: memory ran out.
        """
        with memory_guard(f"Swapping {len(sources)} faces of {frame.shape[1]} x {frame.shape[0]} px"):
            return self._swap_faces(frame, faces, sources, options, moving, memories, time_s)

    def _swap_faces(
        self, frame: Image, faces: Sequence[Face], sources: Mapping[int, Source], options: SwapOptions,
        moving: bool, memories: Sequence[FaceMemory] | None, time_s: float,
    ) -> tuple[Image, FrameReport, dict[int, Matrix], dict[str, float]]:  # fmt: skip
        always = options.needs_landmarks
        faces = [self.with_landmarks(frame, f, always=always) if i in sources else f for i, f in enumerate(faces)]
        skipped = {i: reason for i in sources if (reason := unusable(faces[i], options))}
        # Small faces first: where two overlap the larger, nearer one ends up on top.
        chosen = sorted((i for i in sources if i not in skipped), key=lambda i: faces[i].size_px)
        started = time.perf_counter()
        targets = [self.align(frame, faces[i]) for i in chosen]
        swapped = self.swap_aligned(targets, [sources[i] for i in chosen])
        after_swap = time.perf_counter()
        image, seconds = finish_and_paste(
            frame, targets, swapped, self.stages(options, moving=moving), time_s=time_s, threads=self._threads,
            memories=[None if memories is None else memories[i] for i in chosen],
        )  # fmt: skip
        report, seconds = FrameReport(len(faces), len(chosen), skipped), {"swap": after_swap - started, **seconds}
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
        swapped = self.swapper.swap(targets, [source.condition for source in sources])
        # Whoever knows, counts: an exported file's swapper has a person whom the pipeline saw no photo of.
        pairs = zip(swapped, sources, strict=True)
        return [replace(crop, blue_eyes=min(crop.blue_eyes, source.blue_eyes)) for crop, source in pairs]

    def stages(self, options: SwapOptions, *, moving: bool = False) -> tuple[Stage, ...]:
        """What happens to each swapped crop before it is pasted, in order: the stages of :mod:`~.blend.finish`, then the mark."""
        own = self._networks
        setting = Setting(self.swapper.info, options, moving, own.occlusion, own.published, own.sharpening)
        mark = marking_stage(setting.info, options.marks, moving=moving)
        return (*stages(setting), *(() if mark is None else (mark,)))

    def _device(self) -> str:
        """Where the networks of the finish run: with the swapper if that is on a GPU."""
        on_gpu = self.swapper.info.device.startswith(("cuda", "mps"))
        return self.swapper.info.device.split(" ")[0] if on_gpu else "cpu"

    def finish(
        self, target: AlignedFace, crop: SwappedCrop, *, options: SwapOptions, frame: Image | None = None
    ) -> Finishing:
        """Run the stages on one crop of a still."""
        return finish(target, crop, self.stages(options), frame=frame)
