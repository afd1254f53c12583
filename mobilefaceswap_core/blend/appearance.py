"""The stages that bring a network's drawing to the target: its colours, and how much detail it has."""

from __future__ import annotations

from dataclasses import replace

from ..types import Image, Points
from .colour import match_colours
from .detail import match_detail
from .finishing import Finishing, Run, Setting
from .hues import HUES_FRAMES, calm_hues, hue_limits
from .irises import calm_eyes, looked_at
from .tone import COLOURED_FRAMES, match_tone


def colour(setting: Setting) -> Run | None:
    chosen = setting.options.match_colours
    if chosen is False:  # what the network drew stays as it is
        return None
    # A photo of one tone has no other colours, whoever draws the face; how colours are matched else is the swapper's affair.
    matches = chosen or setting.info.match_colours

    def run(face: Finishing) -> Finishing:
        return replace(face, pixels=_toned(face, _matched(face) if matches else face.pixels))

    return run


def _matched(face: Finishing) -> Image:
    """Pixels in the target's colours, and eyes without any that eyes do not have."""
    target, landmarks = face.target.image, face.target.landmarks
    pixels = match_colours(face.pixels, target, face.weight)
    if landmarks is None:
        return pixels
    return _calm_eyes(face, _calm(face, pixels, landmarks), landmarks)


def _calm_eyes(face: Finishing, pixels: Image, landmarks: Points) -> Image:
    """Without violet irises or blue whites. Of a clip in which none were seen for a while some frames are left out."""
    memory = face.memory
    if memory is not None and not looked_at(memory.calm_eyes):
        memory.calm_eyes += 1
        return pixels
    calm = calm_eyes(pixels, face.target.image, landmarks, blue=face.blue_eyes)
    if memory is not None:
        memory.calm_eyes = memory.calm_eyes + 1 if calm is pixels else 0
    return calm


def _calm(face: Finishing, pixels: Image, landmarks: Points) -> Image:
    """Without green and violet shades. Of a clip some frames have the same limits, or nothing that lies beyond them."""
    memory = face.memory
    if memory is not None and memory.hues_frames > 0:
        memory.hues_frames -= 1
        return pixels if memory.hues is None else calm_hues(pixels, face.weight, landmarks, memory.hues)
    limits = hue_limits(face.target.image, face.weight, landmarks)
    calm = pixels if limits is None else calm_hues(pixels, face.weight, landmarks, limits)
    if memory is not None:
        memory.hues, memory.hues_frames = None if calm is pixels else limits, HUES_FRAMES - 1
    return calm


def _toned(face: Finishing, pixels: Image) -> Image:
    """Pixels in the target's tone, if it has one. Targets of a clip that are in colours are asked again after some frames."""
    memory = face.memory
    if memory is not None and memory.coloured > 0:
        memory.coloured -= 1
        return pixels
    toned = match_tone(pixels, face.target.image, face.weight)
    if memory is not None and toned is pixels:
        memory.coloured = COLOURED_FRAMES
    return toned


def detail(setting: Setting) -> Run | None:
    chosen = setting.options.match_detail
    if not (setting.info.match_detail if chosen is None else chosen):
        return None
    return lambda face: replace(face, pixels=match_detail(face.pixels, face.target.image, face.weight))
