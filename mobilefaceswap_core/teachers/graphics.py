"""Graphics baseline: the source's texture on a landmark mesh in the target's pose, expression, colour and light.

It has no weights and so no training set; it is the counterpart of the graphics method FaceForensics++ (Roessler et
al. 2019) calls FaceSwap, and of the piecewise affine warps before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import NoFaceError, OptionError
from ..swapper import SwapperInfo
from ..types import AlignedFace, CropSpec, Points, SwappedCrop
from . import graphics_mesh as mesh
from .graphics_render import GraphicsOptions, GraphicsSource, lip_gap, render, skin_and_cover, usable_pose


class GraphicsSwapper:
    """Landmark-mesh face swap behind the ``Swapper`` interface.

    Args:
        crop: size and template of its crops. Any size works; above 224 keeps more of a sharp photo.
        options: see :class:`GraphicsOptions`.
    """

    def __init__(
        self,
        crop: CropSpec = CropSpec(),
        *,
        options: GraphicsOptions = GraphicsOptions(),
    ) -> None:
        if not 64 <= crop.size_px <= 1024:
            raise OptionError(f"The graphics baseline takes crops of 64 to 1024 px, not {crop.size_px}.")
        self._info = SwapperInfo(
            name="graphics",
            title="Graphics baseline: source texture on a landmark mesh, no weights",
            crop=crop,
            licence="none (no weights)",
            source="method class: FaceSwap in FaceForensics++ (Roessler et al. 2019)",
            device="cpu / opencv",
            needs_landmarks=True,
            match_colours=False,
        )
        self._options = options

    @property
    def info(self) -> SwapperInfo:
        return self._info

    def condition(self, sources: Sequence[AlignedFace]) -> GraphicsSource:
        """Analyse one or several photos of a person.

        Texture comes from one photo, the most frontal and least covered; proportions are averaged over all.

        Raises:
            NoFaceError: no photo has usable landmarks.
            OptionError: no photo, landmarks missing, or a crop of another size.
        """
        if not sources:
            raise OptionError("The graphics baseline was given no source photo; give at least one.")
        analysed = [one for one in (self._analyse(source) for source in sources) if one is not None]
        if not analysed:
            raise NoFaceError("No source photo has usable landmarks; choose a photo that shows the whole face.")
        best = min(analysed, key=_texture_penalty)
        offsets = np.mean([one.offsets for one in analysed], axis=0)
        for array in (best.image, best.points, offsets, best.usable, best.skin):
            array.setflags(write=False)
        return replace(best, offsets=offsets)

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[GraphicsSource]) -> list[SwappedCrop]:
        """Swap a batch; a target whose landmarks make no face comes back unchanged with an empty mask.

        Raises:
            OptionError: landmarks missing, a crop of another size, or numbers of targets and conditions that differ.
        """
        if len(conditions) not in (1, len(targets)):
            raise OptionError(f"Got {len(conditions)} conditions for {len(targets)} targets; wanted 1 or one for each.")
        conditions = list(conditions) * len(targets) if len(conditions) == 1 else conditions
        return [self._swap_one(target, source) for target, source in zip(targets, conditions, strict=True)]

    def _check(self, face: AlignedFace) -> Points:
        size = self._info.crop.size_px
        if face.landmarks is None:
            raise OptionError("The graphics baseline needs 68 landmarks; use a detector that gives them (dlib, lite).")
        if face.image.shape != (size, size, 3) or face.landmarks.shape != (68, 2):
            raise OptionError(
                f"Got a crop {face.image.shape} with landmarks {face.landmarks.shape}; "
                f"wanted ({size}, {size}, 3) and (68, 2): align with info.crop."
            )
        return np.asarray(face.landmarks, np.float64)

    def _analyse(self, face: AlignedFace) -> GraphicsSource | None:
        landmarks = self._check(face)
        pose = usable_pose(landmarks, self._info.crop.size_px)
        if pose is None:
            return None
        points = mesh.with_forehead(landmarks, pose)
        skin, usable = skin_and_cover(face.image, points, pose)
        return GraphicsSource(face.image.copy(), points, pose, mesh.shape_offsets(landmarks, pose), usable, skin)

    def _swap_one(self, target: AlignedFace, source: GraphicsSource) -> SwappedCrop:
        landmarks = self._check(target)
        size = self._info.crop.size_px
        pose = usable_pose(landmarks, size)
        if pose is None:
            return SwappedCrop(target.image.copy(), np.zeros((size, size), np.float32))
        return render(target.image, landmarks, pose, source, self._options)


def _texture_penalty(source: GraphicsSource) -> float:
    """Degrees away from a frontal, uncovered face; a fully covered forehead counts like 60 degrees."""
    covered = 1.0 - float(source.usable.mean())
    return (
        float(np.hypot(source.pose.yaw_deg, source.pose.pitch_deg))
        + 60.0 * covered
        + 40.0 * lip_gap(source.points, source.pose)
    )
