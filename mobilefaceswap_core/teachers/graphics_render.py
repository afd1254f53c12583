"""What :class:`~.graphics.GraphicsSwapper` computes: an analysis of the source, one of the target, and the drawing.

Every function is pure.

``source`` is the analysed photo that is drawn, ``target`` the crop it is drawn on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.head_pose import HeadPose, head_pose
from ..faces.landmarks68 import (
    BROWS,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    MOUTH,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    eye_opening,
)
from ..types import Image, Mask, Points, SwappedCrop
from . import graphics_light as light
from . import graphics_mesh as mesh

Float = NDArray[np.float64]


# How much of the difference in shape (width, height, depth) eyes and mouth take over besides their place. Width of an
# eye is anatomy; its height and all of a mouth are mostly expression, which is the target's. Measured on pairs of real
# photos at strength 0.7: dlib's distance falls from 0.519 to 0.502, mouth landmarks move 3.25 instead of 3.12 px.
EYE_SHARES, MOUTH_SHARES = (1.0, 0.4, 1.0), (0.3, 0.3, 0.3)


@dataclass(frozen=True, slots=True)
class GraphicsOptions:
    """What can be tuned; lengths in mesh units (1.25 from temple to temple).

    Attributes:
        shape_strength: how far brows, eyes, nose and mouth move from the target's places to the source's, 0 to 1.
        light_strength: share of the target's slow light differences taken over, 0 to 1.
        light_sigma: what counts as slow.
        edge_inset: how far inside the outline of the face the blending mask ends.
        edge_sigma: softness of that edge.
    """

    shape_strength: float = 0.85
    light_strength: float = 0.8
    light_sigma: float = 0.17
    edge_inset: float = 0.035
    edge_sigma: float = 0.042


@dataclass(frozen=True, slots=True, eq=False)
class GraphicsSource:
    """What a source becomes: read-only arrays in the pixels of its crop.

    Attributes:
        image: ``(S, S, 3)`` RGB uint8.
        points: ``(80, 2)`` mesh.
        pose: of the chosen photo.
        offsets: ``(68, 3)`` the person's proportions, averaged over all photos.
        usable: ``(S, S)`` float32, 0 where hair or another obstacle covers the face.
        skin: ``(S, S)`` float32, where colours are skin and may steer the light.
    """

    image: Image
    points: Points
    pose: HeadPose
    offsets: Float
    usable: Mask
    skin: Mask


def ramp(value: NDArray[Any] | float, low: float, high: float) -> NDArray[np.float64]:
    """0 up to ``low``, 1 from ``high``, smooth between."""
    t = np.minimum(np.maximum((np.asarray(value, np.float64) - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def lip_gap(points: Points, pose: HeadPose) -> float:
    """Distance of the inner lips at their middle, in mesh units."""
    return float(np.linalg.norm(points[62] - points[66]) / pose.scale_px)


def usable_pose(landmarks: Points, size_px: int) -> HeadPose | None:
    """The pose, or ``None`` where landmarks cannot be a face in this crop: not finite, or far too small or large."""
    if not np.isfinite(landmarks).all() or np.abs(landmarks).max() > 16 * size_px:
        return None
    pose = head_pose(landmarks)
    if not 0.1 < pose.scale_px / size_px < 4.0:  # an aligned face has 0.4 to 0.7
        return None
    return pose


def skin_and_cover(image: Image, points: Points, pose: HeadPose) -> tuple[Mask, Mask]:
    """Where a face shows its skin, and where nothing covers it.

    Colour is the only evidence: cheeks and nose say what this person's skin looks like in this photo. Forehead,
    temples and the sides above the mouth that differ are hair, a hat, a hand in shadow or background. Below, a
    difference is a beard, lips or shadow, which belong to the face.

    Args:
        image: ``(S, S, 3)`` RGB uint8.
        points: ``(80, 2)`` mesh.
        pose: of the same face.

    Returns:
        ``skin`` and ``usable``, both ``(S, S)`` float32 in [0, 1].
    """
    shape = image.shape[:2]
    unit = pose.scale_px
    lab = light.to_lab(cv2.GaussianBlur(image, (0, 0), max(0.012 * unit, 0.4)))
    cheeks = _cheeks_and_nose(points, pose, shape)
    model = light.skin_model(lab, cheeks)
    like = model.likelihood(lab) * light.smoothness(lab[..., 0], cheeks, 0.02 * unit)

    features = np.zeros(shape, np.float32)
    for part in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS, LEFT_BROW, RIGHT_BROW):
        features = np.maximum(features, light.fill(cv2.convexHull(points[part].astype(np.float32))[:, 0], shape))
    grown = cv2.dilate(features, _disc(0.04 * unit))
    skin = model.shaded_likelihood(lab) * (1.0 - light.soften(grown, 0.02 * unit))

    lift = pose.project(np.array([0.0, -0.05, 0.0]))
    tested = light.fill(np.concatenate([points[BROWS] + lift, points[mesh.FOREHEAD][::-1]]), shape)
    for jaw, mouth, nostril, eye, brow in ((range(6), 48, 31, 36, 17), (range(16, 10, -1), 54, 35, 45, 26)):
        rim = points[list(jaw)]
        inner = [rim[4] + 0.45 * (points[mouth] - rim[4]), rim[2] + 0.45 * (points[nostril] - rim[2])]
        outline = [points[68 if brow == 17 else 79], *rim[:5], *inner, points[eye] + 0.2 * (rim[1] - points[eye])]
        tested = np.maximum(tested, light.fill(np.stack([*outline, points[brow]]), shape))
    # Pores, moles and stray hairs are not obstacles: close small holes, then drop small islands.
    cover = tested * (1.0 - like)
    cover = cv2.morphologyEx((cover > 0.5).astype(np.float32), cv2.MORPH_OPEN, _disc(0.022 * unit))
    cover = cv2.dilate(np.maximum(cover, _covered_brows(cover, points, pose)), _disc(0.04 * unit))
    return skin.astype(np.float32), (1.0 - light.soften(cover, 0.02 * unit)).astype(np.float32)


def _covered_brows(cover: NDArray[Any], points: Points, pose: HeadPose) -> Mask:
    """Brows under a fringe: where the skin just above a brow is covered, the dark pixels of the brow are hair too."""
    brows = np.zeros_like(cover)
    above, below = pose.project(np.array([[0.0, -0.09, 0.0], [0.0, 0.06, 0.0]]))
    for brow in (LEFT_BROW, RIGHT_BROW):
        seen = np.clip(np.rint(points[brow] + above), 0, cover.shape[0] - 1).astype(int)
        if cover[seen[:, 1], seen[:, 0]].mean() >= 0.6:
            band = np.concatenate([points[brow] + above, (points[brow] + below)[::-1]])
            brows = np.maximum(brows, light.fill(band, cover.shape))
    return brows


def _cheeks_and_nose(points: Points, pose: HeadPose, shape: tuple[int, int]) -> Mask:
    region = light.fill(points[[27, 31, 33, 35]], shape)
    for outline, hidden in (
        ([41, 40, 39, 31, 48, 3], pose.yaw_deg < -25),
        ([46, 47, 42, 35, 54, 13], pose.yaw_deg > 25),
    ):
        if not hidden:
            cheek = points[outline]
            region = np.maximum(region, light.fill(cheek.mean(0) + 0.7 * (cheek - cheek.mean(0)), shape))
    return region


def _disc(radius_px: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius_px)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))  # type: ignore[return-value]


def place_features(target: Points, pose: HeadPose, offsets: Float, strength: float) -> Points:
    """Mesh of the swapped face: the target's expression and outline, features moved towards the source's proportions.

    Args:
        target: ``(80, 2)`` mesh of the target.
        pose: of the target.
        offsets: ``(68, 3)`` source's proportions minus target's, mesh units.
        strength: 0 keeps the target's.

    Brows and nose move point by point, eyes and mouth mostly as a whole; the outline stays, because hair and neck do.
    """
    offsets = offsets.copy()
    for part, shares in ((LEFT_EYE, EYE_SHARES), (RIGHT_EYE, EYE_SHARES), (MOUTH, MOUTH_SHARES)):
        whole = offsets[part].mean(0)
        offsets[part] = whole + np.array(shares) * (offsets[part] - whole)
    shift = strength * pose.project(offsets)
    placed = target.copy()
    placed[17:68] += shift[17:68]
    return placed


def mirror_weights(source: HeadPose, target: HeadPose) -> Float:
    """Share of the source's mirror image at each of the 80 vertices.

    A source seen from the side hides one half. Where the target shows that half, the visible half is mirrored.
    """
    side = 1.0 if source.yaw_deg > 0 else -1.0  # looking right hides the right half of the image
    hidden = ramp(abs(source.yaw_deg), 14.0, 32.0) * ramp(side * (source.yaw_deg - target.yaw_deg), 4.0, 20.0)
    return np.asarray(hidden * ramp(side * mesh.MEAN_80[:, 0], -0.02, 0.16), np.float64)


def render(
    image: Image, landmarks: Points, pose: HeadPose, source: GraphicsSource, options: GraphicsOptions
) -> SwappedCrop:
    """Draw ``source`` on a target crop.

    Args:
        image: ``(S, S, 3)`` target crop.
        landmarks: ``(68, 2)`` of the target.
        pose: of the target, from :func:`usable_pose`.
        source: analysed source; its crop may have another size.
        options: see :class:`GraphicsOptions`.
    """
    size = image.shape[0]
    unit = pose.scale_px
    target_points = mesh.with_forehead(landmarks, pose)
    offsets = source.offsets - mesh.shape_offsets(landmarks, pose)
    placed = place_features(target_points, pose, offsets, options.shape_strength)
    texture_points, placed, opened = _fit_mouth(source, target_points, placed, pose)
    mirrored_points = texture_points[mesh.MIRROR]
    mirrored = mirror_weights(source.pose, pose)[:, None]
    values = np.hstack([texture_points, mirrored_points, mirrored, target_points])
    maps, covered = mesh.rasterise(placed, pose, values, size)
    # The map bends at mesh edges; smoothing it hides the facets.
    maps = _smooth_inside(maps, covered, 0.012 * unit)

    face, usable, face_skin = _sample(source, maps[:4], maps[4])
    target_skin, target_usable = skin_and_cover(image, target_points, pose)
    visible = light.soften(np.minimum(usable, target_usable), 0.02 * unit)
    outline = _outline_mask(covered, unit, options)
    original = image.astype(np.float32)
    face_skin = outline * (0.95 * face_skin * usable + 0.05)
    target_skin = outline * (0.95 * target_skin * target_usable + 0.05)
    face = light.match_sharpness(face, original, np.minimum(face_skin, target_skin))
    face = light.relight(
        face,
        original,
        face_skin=face_skin,
        target_skin=target_skin,
        rim=np.maximum(_rim(covered, unit), 1.0 - visible),
        sigma_px=options.light_sigma * unit,
        strength=options.light_strength,
    )
    moved_target = cv2.remap(original, maps[5], maps[6], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    kept = _kept_target(source, placed, target_points, opened, unit, covered.shape)[..., None]
    drawn = np.where(covered[..., None] > 0, face + kept * (moved_target - face), original)
    mask = np.clip(outline * visible, 0.0, 1.0).astype(np.float32)
    return SwappedCrop(np.clip(np.rint(drawn), 0, 255).astype(np.uint8), mask)


def _fit_mouth(source: GraphicsSource, target: Points, placed: Points, pose: HeadPose) -> tuple[Points, Points, float]:
    """Texture mesh, placed mesh, and how open the target's mouth is (0 to 1).

    Landmarks of closed lips are rarely exactly closed: below a gap of 0.05 the lips are drawn together, or a line of
    the source's teeth shows. Lips of an open source are read a little outside its teeth for the same reason.
    """
    upper, lower = [61, 62, 63], [67, 66, 65]
    opened = float(ramp(lip_gap(target, pose), 0.03, 0.07))
    placed = placed.copy()
    middle = (placed[upper] + placed[lower]) / 2
    placed[upper] = middle + opened * (placed[upper] - middle)
    placed[lower] = middle + opened * (placed[lower] - middle)
    texture = source.points.copy()
    outwards = 0.5 * float(ramp(lip_gap(texture, source.pose), 0.02, 0.06))
    texture[upper] += outwards * (texture[[50, 51, 52]] - texture[upper])
    texture[lower] += outwards * (texture[[58, 57, 56]] - texture[lower])
    return texture, placed, opened


def _sample(
    source: GraphicsSource, maps: NDArray[np.float32], mirrored: Mask
) -> tuple[NDArray[np.float32], Mask, Mask]:
    """Texture, usable and skin of the source at the drawn pixels, each side filled from its mirror image if covered."""

    def read(array: NDArray[Any], k: int, interpolation: int) -> NDArray[np.float32]:
        return cv2.remap(  # type: ignore[return-value, call-overload, no-any-return]
            array, maps[k], maps[k + 1], interpolation, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)

    usable, other = read(source.usable, 0, cv2.INTER_LINEAR), read(source.usable, 2, cv2.INTER_LINEAR)
    own = usable * (1.0 - mirrored * other)
    filled = other * (1.0 - own)
    share = filled / np.maximum(own + filled, 1e-3)
    face, skin = read(source.image, 0, cv2.INTER_CUBIC), read(source.skin, 0, cv2.INTER_LINEAR)
    if share.max() > 0:
        face += share[..., None] * (read(source.image, 2, cv2.INTER_CUBIC) - face)
        skin += share * (read(source.skin, 2, cv2.INTER_LINEAR) - skin)
    return face, np.asarray(own + filled, np.float32), skin


def _outline_mask(covered: NDArray[np.uint8], unit: float, options: GraphicsOptions) -> Mask:
    """Soft mask inside the mesh, 0 at the border of the crop."""
    size = covered.shape[0]
    mask = cv2.erode(covered, _disc(options.edge_inset * unit)).astype(np.float32)
    mask = light.soften(mask, options.edge_sigma * unit)
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) / size
    edge = ramp(distance, 0.0, 0.05).astype(np.float32)
    return np.minimum(mask, np.minimum.outer(edge, edge))


def _rim(covered: NDArray[np.uint8], unit: float) -> Mask:
    """1 at the outline of the mesh, 0 from a quarter of a unit inside."""
    padded = cv2.copyMakeBorder(covered, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    return (1.0 - ramp(depth / unit, 0.05, 0.25)).astype(np.float32)


def _kept_target(
    source: GraphicsSource, placed: Points, target: Points, opened: float, unit: float, shape: tuple[int, int]
) -> Mask:
    """Where the moved target shows through: between the lips, and in eyes that the source keeps shut."""
    inside = light.fill(placed[INNER_LIPS], shape)
    kept = opened * light.soften(cv2.dilate(inside, _disc(0.008 * unit)), 0.012 * unit)
    # The line between closed lips is the target's too where the source shows its teeth.
    toothy = (1.0 - opened) * float(ramp(lip_gap(source.points, source.pose), 0.03, 0.08))
    kept = np.maximum(kept, toothy * light.soften(cv2.dilate(inside, _disc(0.03 * unit)), 0.015 * unit))
    for eye in (LEFT_EYE, RIGHT_EYE):
        ratio = eye_opening(source.points, eye) / max(eye_opening(target, eye), 1e-3)
        if ratio < 0.75:
            share = 1.0 - float(ramp(ratio, 0.45, 0.75))
            kept = np.maximum(kept, share * light.soften(light.fill(placed[eye], shape), 0.015 * unit))
    return kept


def _smooth_inside(maps: NDArray[np.float32], covered: NDArray[np.uint8], sigma_px: float) -> NDArray[np.float32]:
    """Gaussian mean of ``(K, S, S)`` maps over covered pixels only."""
    weights = covered.astype(np.float32)
    total = np.maximum(light.soften(weights, sigma_px), 1e-6)
    # Uncovered pixels are 0 in the maps already, so they add nothing to the sums.
    return np.stack([np.where(covered > 0, light.soften(plane, sigma_px) / total, plane) for plane in maps])
