"""What all visitors share: loaded models and the host's rules. Holds nothing of any visitor."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mobilefaceswap_core.errors import NoFaceError, OptionError, SwapError
from mobilefaceswap_core.faces.choose import largest
from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.files.images import LoadedImage, read_image
from mobilefaceswap_core.files.losses import losses
from mobilefaceswap_core.identity.glasses import Said
from mobilefaceswap_core.models import DEFAULT_MODEL, available_swappers
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline, Source
from mobilefaceswap_core.rules.host import HostRules
from mobilefaceswap_core.runtime.memory import FreedMemory
from mobilefaceswap_core.types import Face, Image

from ..keeping import new_folder, output_folder, sweep
from ..settings import Settings
from .auditing import door
from .budgets import budget_of
from .wishes import wished
from .zerogpu import ZERO_GPU

if TYPE_CHECKING:
    from mobilefaceswap_core.identity.encoder import IdentityEncoder


@dataclass(frozen=True, slots=True, eq=False)
class SwappedPhoto:
    """A finished still.

    Attributes:
        path: marked PNG, complete.
        target: the target as shown beside it, RGB uint8.
        image: the result, RGB uint8.
        faces_found: in the target.
        faces_swapped: of them.
        swapped: the faces themselves, left to right.
        skipped: reason by face index.
        notes: what the result lacks of the target's file.
        glasses: whether those of a source were left out, or an eye of one is covered.
        seconds: the swap took, reading and writing included.
        model: swapper in use.
        device: device and backend in use.
        detector: detector in use.
    """

    path: Path
    target: Image
    image: Image
    faces_found: int
    faces_swapped: int
    swapped: tuple[Face, ...]
    skipped: dict[int, str]
    notes: tuple[str, ...]
    glasses: frozenset[Said]
    seconds: float
    model: str
    device: str
    detector: str


@dataclass(eq=False)
class Engine:
    """Loads each model once, on first use; then only reads."""

    settings: Settings
    _pipelines: dict[str, Pipeline] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _encoder: IdentityEncoder | None = None
    _rules: HostRules | None = None
    _recent: dict[str, deque[float]] = field(default_factory=dict)

    def model_names(self) -> list[str]:
        """Swappers whose weights are present, the default for stills first."""
        first = self.default_model()
        return [first, *(name for name in available_swappers() if name != first)]

    def default_model(self) -> str:
        return DEFAULT_MODEL if self.settings.model == "auto" else self.settings.model

    def default_video_model(self) -> str:
        return DEFAULT_MODEL if self.settings.video_model == "auto" else self.settings.video_model

    def pipeline(self, model: str) -> Pipeline:
        """The pipeline of a model; loaded once, however many visitors ask at the same time."""
        with self._lock:
            if model not in self._pipelines:
                if model not in available_swappers():
                    raise OptionError(
                        f"The model {model!r} is not available here; choose {', '.join(self.model_names())}."
                    )
                loaded = Pipeline.load(model, self.settings.detector, self.settings.device)
                self._pipelines[model] = loaded
            return self._pipelines[model]

    def video_pipeline(self, model: str) -> Pipeline:
        """The same for clips and live pictures: a detector that is fast, and cores left for the other stages."""
        with self._lock:
            key = f"video {model}"
            if key not in self._pipelines:
                if model not in available_swappers():
                    raise OptionError(
                        f"The model {model!r} is not available here; choose {', '.join(self.model_names())}."
                    )
                self._pipelines[key] = Pipeline.load(model, self.settings.detector, self.settings.device, video=True)
            return self._pipelines[key]

    def warm_up(self, photo: Path) -> None:
        """Load what every swap of a photo needs, before a visitor waits for it.

        Best done by the main thread: of the C library's pools of memory only its own is given back whole, and what loading leaves
        behind in another one, 37 MB, stays. A model that cannot be loaded is passed over here; whoever asks for it is told.

        Args:
            photo: shows a face.
        """
        if os.environ.get(ZERO_GPU):
            return  # there is a GPU only while a visitor's task runs
        with contextlib.suppress(SwapError):
            pipeline, image = self.pipeline(self.default_model()), self.read(photo).image
            pipeline.swap(image, pipeline.prepare_source([image]))
        FreedMemory().give_back()

    def encoder(self) -> IdentityEncoder:
        with self._lock:
            if self._encoder is None:
                from mobilefaceswap_core.identity.encoder import (
                    load_identity_encoder,  # torch, which a swap does without
                )

                self._encoder = load_identity_encoder()
            return self._encoder

    def read(self, path: str | Path) -> LoadedImage:
        """A visitor's photo, within the host's limits."""
        return read_image(path, max_pixels=self.settings.max_pixels, max_bytes=self.settings.max_bytes)

    @door("faces")
    def find_faces(self, path: str | Path, *, least: float | None = None) -> tuple[Image, list[Face]]:
        """A photo and its faces, left to right; ``least`` as in :meth:`Pipeline.detect`."""
        image = self.read(path).image
        return image, self.pipeline(self.default_model()).detect(image, budget=budget_of(self.settings), least=least)

    @door("faces")
    def face_in_box(self, path: str | Path, box: Sequence[float]) -> tuple[Image, Face]:
        """A photo, and the face that a visitor says is in this box of it."""
        image = self.read(path).image
        return image, self.pipeline(self.default_model()).face_in_box(image, box)

    def prepare(
        self, model: str, paths: Sequence[str | Path], *, face: int | None = None, video: bool = False,
        options: SwapOptions = SwapOptions(),
    ) -> Source:  # fmt: skip
        """A source person, as ``options`` want them; refused when the host protects them.

        Raises:
            NoFaceError, ImageError: a photo cannot be used.
            RefusedError: the person is on the host's block list.
        """
        if not paths:
            raise OptionError("No source photo was given. Add a photo of the face you want to see.")
        if len(paths) > self.settings.max_sources:
            raise OptionError(f"Got {len(paths)} source photos, at most {self.settings.max_sources} are used.")
        pipeline = self.video_pipeline(model) if video else self.pipeline(model)
        images = [self.read(path).image for path in paths]
        check = self.rules().checker([Path(path) for path in paths], model=model)
        return pipeline.prepare_source(images, face="largest" if face is None else face, check=check, options=options)

    def prepare_each(
        self,
        model: str,
        sources: Mapping[int, Sequence[str | Path]],
        faces: Mapping[int, int] = MappingProxyType({}),
        *,
        video: bool = False,
        options: SwapOptions = SwapOptions(),
    ) -> dict[int, Source]:
        """Source people by number of a face or person; each person is prepared once, however many faces they go on.

        Args:
            model: a name of :meth:`model_names`.
            sources: photos by number.
            faces: which face of the photos to take, by number; the largest if it is not there.
            video, options: as in :meth:`prepare`.
        """
        made: dict[tuple[tuple[str, ...], int | None], Source] = {}
        wanted = {n: (tuple(map(str, paths)), faces.get(n)) for n, paths in sources.items()}
        for paths, face in wanted.values():
            if (paths, face) not in made:
                made[paths, face] = self.prepare(model, paths, face=face, video=video, options=options)
        return {n: made[who] for n, who in wanted.items()}

    @door("image")
    def swap_photo(
        self,
        sources: Sequence[str | Path] | Mapping[int, Sequence[str | Path]],
        target: str | Path,
        *,
        model: str | None = None,
        faces: str | int | Sequence[int] = "all",
        source_faces: Mapping[int, int] | None = None,
        choices: Mapping[str, Any] | None = None,
        found: Sequence[Face] | None = None,
    ) -> SwappedPhoto:
        """Swap one photo and write the marked result.

        Args:
            sources: photos of one person, or of one person by face index of the target.
            target: the photo whose faces are replaced.
            model: a name of :meth:`model_names`.
            faces: as in :meth:`Pipeline.swap`, when ``sources`` is one person.
            source_faces: index of the face to take of the photos, by face index of the target.
            choices: values by the names of :data:`~mobilefaceswap_core.choices.CHOICES`.
            found: the target's faces, where :meth:`find_faces` has looked already.
        """
        started = time.perf_counter()
        name = model or self.default_model()
        pipeline = self.pipeline(name)
        loaded = self.read(target)
        options = wished({"badge": self.settings.badge, **(choices or {})})
        if isinstance(sources, Mapping):
            wanted: Source | dict[int, Source] = self.prepare_each(name, sources, source_faces or {}, options=options)
        else:
            wanted = self.prepare(name, sources, options=options)
        result = pipeline.swap(
            loaded.image, wanted, faces=faces, options=options, found=found, budget=budget_of(self.settings)  # type: ignore[arg-type]
        )  # fmt: skip
        if not result.faces:
            raise NoFaceError(
                "No face was found in the target photo. Use one where faces are visible, not too small and not turned away."
            )
        if not result.report.faces_swapped:
            reasons = "; ".join(f"face {number_of(i)}: {reason}" for i, reason in result.report.skipped.items())
            raise NoFaceError(f"No face of the target could be swapped ({reasons or 'none was chosen'}).")
        path = self.new_file("swapped.png")
        result.save(path, like=loaded)
        self.audit("swap", sources, target, path, name)
        info = pipeline.swapper.info
        return SwappedPhoto(
            path,
            loaded.image,
            result.image,
            result.report.faces_found,
            result.report.faces_swapped,
            tuple(result.faces[index] for index in sorted(result.crops_from_frame)),
            result.report.skipped,
            losses(loaded, path),
            frozenset(person.glasses for person in (wanted.values() if isinstance(wanted, dict) else [wanted])),
            time.perf_counter() - started,
            info.name,
            info.device,
            pipeline.detector.info.name,
        )

    def new_file(self, name: str) -> Path:
        """A path in a folder of its own below the app's cache, so that two visitors never write the same file."""
        folder = output_folder()
        sweep(folder, 60 * self.settings.keep_minutes)
        return new_folder(folder) / name

    @door("rate")
    def admit(self, visitor: str) -> None:
        """Count a request of a visitor; refuse above the host's limit.

        Raises:
            OptionError: too many in the last minute.
        """
        limit = self.settings.per_minute
        if not limit:
            return
        now = time.monotonic()
        with self._lock:
            times = self._recent.setdefault(visitor, deque())
            while times and now - times[0] > 60:
                times.popleft()
            if len(times) >= limit:
                raise OptionError(
                    f"This page allows {limit} requests a minute. Wait {60 - (now - times[0]):.0f} seconds."
                )
            times.append(now)
            for other in [key for key, seen in self._recent.items() if not seen or now - seen[-1] > 60]:
                del self._recent[other]

    @door("evaluate")
    def check_photo(self, image: Image) -> None:
        """Let a photo of an uploaded set pass: any of its photos may become a source.

        Raises:
            RefusedError: it shows somebody on the host's block list.
        """
        if not self.settings.blocklist:
            return
        faces = self.pipeline(self.default_model()).detect(image)
        if faces:
            self.rules().check([image], [faces[largest(faces)]])

    def rules(self) -> HostRules:
        """The host's rules; the protected photos are read once, on first use."""
        settings, detector = self.settings, self.pipeline(self.default_model()).detector
        encoder = self.encoder() if settings.blocklist else None
        with self._lock:
            if self._rules is None:
                self._rules = HostRules.load(
                    detector, blocklist=settings.blocklist, audit_log=settings.audit, encoder=encoder
                )
            return self._rules

    def audit(
        self,
        event: str,
        sources: Sequence[str | Path] | Mapping[int, Sequence[str | Path]],
        target: str | Path,
        output: Path,
        model: str,
    ) -> None:
        """Note a swap in the host's log, by hashes; does nothing where the host keeps none."""
        groups = sources.values() if isinstance(sources, Mapping) else [sources]
        paths = [Path(path) for group in groups for path in group]
        self.rules().record(event, sources=paths, target=Path(target), output=output, model=model)
