"""From a swapped crop to what is pasted: an ordered tuple of named stages, each a pure function of one value.

A new stage is a function in a file of its own, an option in :class:`~.finishing.FinishOptions`, and a line in :data:`STAGES`.
Stills, clips, live frames and the training's measurements all run the same tuple, or the part of it that they name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import replace

import numpy as np

from ..choices import NONE, OWN, unless_chosen
from ..faces.geometry import compose, invert
from ..swapper import SwapperInfo
from ..types import AlignedFace, Image, Points, SwappedCrop
from .appearance import colour, detail
from .beard import BEARD_FRAMES, NO_BEARD, Bearded, beard_weight, beardedness
from .brows import BrowShift, brow_shifts, move_brows
from .enhance import enhance
from .finishing import Finishing, FinishOptions, Run, Setting, Stage
from .folds import soften_folds
from .foreign_masks import ForeignOccluder, ForeignParts
from .gaze import bring_back_gaze, eye_tones, gaze_weights
from .lids import bring_back_lids, closing
from .limits import limit_weight
from .mask import refine_mask
from .memory import FaceMemory
from .mouth import bring_back_mouth, mouth_share
from .native import enlarge, native_side_px
from .occlusion import Occluder, guided, hidden_in, visible_weight
from .pupils import bring_back_pupils
from .sharpen import sharpen
from .texture import add_texture


def _folds(setting: Setting) -> Run | None:
    if not setting.options.folds:
        return None

    def run(face: Finishing) -> Finishing:
        landmarks = face.target.landmarks
        if landmarks is None:
            return face
        return replace(face, pixels=soften_folds(face.pixels, face.target.image, landmarks))

    return run


def _of_target(face: Finishing) -> tuple[Image, Points] | None:
    """The target at the side of what is pasted, and its landmarks there; ``None`` where it has none."""
    landmarks = face.target.landmarks
    if landmarks is None or face.native is None:
        return None if landmarks is None else (face.target.image, landmarks)
    return face.native, (landmarks + 0.5) * (len(face.native) / len(face.target.image)) - 0.5


def _brows(setting: Setting) -> Run | None:
    if not setting.options.brows:
        return None

    def run(face: Finishing) -> Finishing:
        landmarks = face.target.landmarks
        if landmarks is None:
            return face
        shifts = brow_shifts(face.pixels, face.target.image, landmarks)
        if face.memory is not None:
            one, two, three, four = face.memory.brows((*shifts[0], *shifts[1]), time_s=face.time_s)
            shifts = BrowShift(one, two), BrowShift(three, four)
        pixels, weight = move_brows(face.pixels, face.target.image, face.weight, landmarks, shifts)
        return replace(face, pixels=pixels, weight=weight)

    return run


def _pupils(setting: Setting) -> Run | None:
    strength = unless_chosen("pupils", setting.options.pupils, moving=setting.moving)
    gaze = unless_chosen("gaze", setting.options.gaze, moving=setting.moving)
    if strength == 0 or gaze == 1:
        return None

    def run(face: Finishing) -> Finishing:
        there = _of_target(face)
        if there is None:
            return face
        return replace(face, pixels=bring_back_pupils(face.pixels, *there, strength=strength))

    return run


def _gaze(setting: Setting) -> Run | None:
    strength = unless_chosen("gaze", setting.options.gaze, moving=setting.moving)
    if strength == 0:
        return None

    def run(face: Finishing) -> Finishing:
        there = _of_target(face)
        if there is None:
            return face
        target, points = there
        weights = gaze_weights(points, len(target))
        tones: Sequence[float] = eye_tones(face.pixels, target, weights, closing(points))
        if face.memory is not None:
            tones = face.memory.gaze(tones, time_s=face.time_s)
        return replace(face, pixels=bring_back_gaze(face.pixels, target, weights, tones, strength=strength))

    return run


def _lids(setting: Setting) -> Run | None:
    if not setting.options.lids:
        return None

    def run(face: Finishing) -> Finishing:
        there = _of_target(face)
        if there is None:
            return face
        target, points = there
        closed = closing(points) if face.memory is None else face.memory.lids(points, time_s=face.time_s, target=target)
        return replace(face, pixels=bring_back_lids(face.pixels, *there, closed))

    return run


def _mouth(setting: Setting) -> Run | None:
    strength = unless_chosen("mouth", setting.options.mouth, moving=setting.moving)
    if strength == 0:
        return None

    def run(face: Finishing) -> Finishing:
        there = _of_target(face)
        if there is None:
            return face
        share = mouth_share(there[1])
        if face.memory is not None:
            (share,) = face.memory.mouth((share,), time_s=face.time_s)
        return replace(face, pixels=bring_back_mouth(face.pixels, *there, share, strength=strength))

    return run


def _mask(setting: Setting) -> Run | None:
    return lambda face: replace(face, weight=refine_mask(face.weight, setting.options.mask))


def _beard(setting: Setting) -> Run | None:
    if not setting.options.beard:
        return None

    def run(face: Finishing) -> Finishing:
        landmarks = face.target.landmarks
        surely = NO_BEARD if landmarks is None else _bearded(face, landmarks)
        if landmarks is None or not any(surely):
            return face
        return replace(face, weight=face.weight * (1 - beard_weight(face.target.image, landmarks, surely)))

    return run


def _bearded(face: Finishing, landmarks: Points) -> Bearded:
    """How surely the target wears a beard. In a clip it is looked at again after some frames, and averaged."""
    memory = face.memory
    if memory is None:
        return beardedness(face.target.image, landmarks)
    if memory.beard_frames == 0:
        memory.bearded, memory.beard_frames = beardedness(face.target.image, landmarks), BEARD_FRAMES
    memory.beard_frames -= 1
    return Bearded(*memory.beard(memory.bearded, time_s=face.time_s))


def _limits(setting: Setting) -> Run | None:
    limits = setting.options.limits
    if limits.limits_nothing:
        return None
    parser = setting.options.parser
    sees = parser != OWN and limits.needs_landmarks and setting.network
    network = sees(parser) if sees else None

    def run(face: Finishing) -> Finishing:
        parts = None if network is None else ForeignParts(network, face.target.image)
        return replace(face, weight=limit_weight(face.weight, face.target.landmarks, limits, parts=parts))

    return run


def _native(setting: Setting) -> Run | None:
    """A face that is larger in the frame than its crop is enlarged here once, so that what follows works at its own size.

    In a clip that takes time, so only where what follows needs it.
    """
    if setting.moving and setting.options.enhancer == NONE and not _adds_detail(setting):
        return None

    def run(face: Finishing) -> Finishing:
        side = native_side_px(face.crop_from_frame, len(face.pixels))
        if face.frame is None or side == len(face.pixels):
            return face
        pixels, weight, matrix, native = enlarge(face.pixels, face.weight, face.crop_from_frame, face.frame, side)
        return replace(face, pixels=pixels, weight=weight, crop_from_frame=matrix, native=native)

    return run


def _occlusion(setting: Setting) -> Run | None:
    offered = setting.occlusion if setting.options.occluder == OWN else setting.network
    if not setting.options.occlusion or offered is None:
        return None
    model = _occluder(setting)

    def run(face: Finishing) -> Finishing:
        place = face.target.crop_from_frame
        steady = None if face.memory is None else face.memory.occlusion
        hidden = None if steady is None else steady.carried(place, time_s=face.time_s, target=face.target.image)
        if hidden is None:
            hidden = hidden_in(model, face.target, setting.info.crop, frame=face.frame)
            if steady is not None:
                hidden = steady(hidden, place, time_s=face.time_s)
        if face.native is not None:
            hidden = guided(hidden, face.native)
        return replace(face, weight=face.weight * visible_weight(hidden))

    return run


def _occluder(setting: Setting) -> Occluder:
    """The chosen network, which is offered."""
    if setting.options.occluder == OWN:
        assert setting.occlusion is not None
        return setting.occlusion()
    assert setting.network is not None
    return ForeignOccluder(setting.network(setting.options.occluder))


def _enhance(setting: Setting) -> Run | None:
    options = setting.options
    if options.enhancer == NONE or options.enhancement == 0 or setting.network is None:
        return None
    network = setting.network(options.enhancer)
    how = {"strength": options.enhancement, "fidelity": options.fidelity}

    def run(face: Finishing) -> Finishing:
        frame, place = face.frame, face.crop_from_frame
        if frame is None:  # what lies around the crop is not known
            frame, place = face.target.image, compose(place, invert(face.target.crop_from_frame))
        return replace(face, pixels=enhance(face.pixels, face.weight, place, frame, setting.info.crop, network, **how))

    return run


def _adds_detail(setting: Setting) -> bool:
    """Whether a stage brings detail of the target that a crop cannot hold."""
    options = setting.options
    chosen = {"sharpen": options.sharpen, "texture": options.texture}
    return any(unless_chosen(name, one, moving=setting.moving) > 0 for name, one in chosen.items())


def _sharpen(setting: Setting) -> Run | None:
    options = setting.options
    drawn_crisp = options.enhancer != NONE and options.sharpen is None
    strength = unless_chosen("sharpen", options.sharpen, moving=setting.moving)
    if strength == 0 or drawn_crisp or setting.sharpening is None:
        return None
    model = setting.sharpening()

    def run(face: Finishing) -> Finishing:
        if face.native is None:
            return face  # the crop holds all of the target's detail: there is nothing above it
        return replace(face, pixels=sharpen(face.pixels, face.native, face.weight, model, strength=strength))

    return run


def _texture(setting: Setting) -> Run | None:
    strength = unless_chosen("texture", setting.options.texture, moving=setting.moving)
    if strength == 0:
        return None

    def run(face: Finishing) -> Finishing:
        there = _of_target(face)
        if there is None or face.native is None:
            return face  # the crop holds all of the target's detail: there is nothing above it
        native, points = there
        return replace(face, pixels=add_texture(face.pixels, native, face.weight, points, strength=strength))

    return run


def _strength(setting: Setting) -> Run | None:
    strength = np.float32(setting.options.strength)
    return None if strength == 1 else lambda face: replace(face, weight=face.weight * strength)


# In the order they run. Colour and detail compare the faces under the swapper's own mask, so they come before it is refined; folds are
# softened once both are alike.
# What comes back of the target comes at the face's own size; an enhancer sees the face as it will be pasted, with what hides it;
# detail and texture show where the face does, so they come after everything that takes from the mask. The hidden mark comes last, over all
# of these; it is the pipeline that adds it (``marking`` knows how).
STAGES: tuple[tuple[str, Callable[[Setting], Run | None]], ...] = (
    ("colour", colour),
    ("detail", detail),
    ("folds", _folds),
    ("mask", _mask),
    ("beard", _beard),
    ("brows", _brows),
    ("limits", _limits),
    ("native", _native),
    ("pupils", _pupils),
    ("gaze", _gaze),
    ("lids", _lids),
    ("mouth", _mouth),
    ("occlusion", _occlusion),
    ("enhance", _enhance),
    ("sharpen", _sharpen),
    ("texture", _texture),
    ("strength", _strength),
)
APPEARANCE = ("colour", "detail")  # what brings a network's drawing to the target; the rest is about this frame


def stages(setting: Setting, *, only: Iterable[str] | None = None) -> tuple[Stage, ...]:
    """The stages that have something to do.

    Args:
        setting: what they are made for.
        only: names to take; all of :data:`STAGES` if not given.
    """
    wanted = {name for name, _ in STAGES} if only is None else set(only)
    made = ((name, make(setting)) for name, make in STAGES if name in wanted)
    return tuple(Stage(name, run) for name, run in made if run is not None)


def finish(
    target: AlignedFace,
    crop: SwappedCrop,
    steps: Iterable[Stage],
    *,
    frame: Image | None = None,
    memory: FaceMemory | None = None,
    time_s: float = 0.0,
    seconds: MutableMapping[str, float] | None = None,
) -> Finishing:
    """Run stages in order on one swapped crop; see :class:`Finishing` for the arguments.

    Args:
        seconds: each stage's time is added to its name here.

    Raises:
        OptionError: a stage needs 68 landmarks that the target does not have.
    """
    place = target.crop_from_frame
    face = Finishing(crop.image, crop.mask, target, place, frame, memory, time_s, blue_eyes=crop.blue_eyes)
    for step in steps:
        started = time.perf_counter()
        face = step.run(face)
        if seconds is not None:
            seconds[step.name] = seconds.get(step.name, 0.0) + time.perf_counter() - started
    return face


def swapped_crop(target: AlignedFace, crop: SwappedCrop, info: SwapperInfo) -> Image:
    """The swap as a crop of its own: matched as the swapper asks for, laid over the target by the swapper's own mask.

    Returns:
        ``(S, S, 3)`` RGB uint8; what networks are trained on and compared by.
    """
    face = finish(target, crop, stages(Setting(info, FinishOptions()), only=APPEARANCE))
    alpha = face.weight[..., None]
    return np.clip(np.rint(face.pixels * alpha + target.image * (1 - alpha)), 0, 255).astype(np.uint8)
