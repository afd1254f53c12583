"""Every loss as a pure function of tensors. Images are ``(N, 3, H, W)`` float in [0, 1]; a loss is a float32 scalar."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...faces.head_pose import CAMERA_FROM_LANDMARKS
from ...faces.landmarks68 import BROWS, INNER_LIPS, LEFT_EYE, MOUTH, RIGHT_EYE

# Points that move with expression and identity of the inner face: brows, eyes, lips; the jaw is the target's, the nose
# the source's.
_EXPRESSION_PARTS = (BROWS, LEFT_EYE, RIGHT_EYE, MOUTH)
EXPRESSION_POINTS = tuple(point for part in _EXPRESSION_PARTS for point in range(part.start, part.stop))
_DETAIL_CELL_PX, _DETAIL_LEVELS = 16, 2  # cells of about a pupil's size in 224; details of 1 and of 2 pixels
_DETAIL_FLOOR = 2 / 255  # below two grey levels details are sensor noise, and the root's slope would grow without bound
_SPREAD = 0.22  # of the distance between the eyes: iris and lids have most of the weight, the brow a tenth
_LANDMARK_SCALE = 50.0  # 1/50 of the crop (4.5 px of 224) is where the smooth L1 loss turns from square to linear


def identity_loss(embedding: Tensor, wanted: Tensor) -> Tensor:
    """Mean of 1 - cosine between rows of ``(N, D)``. Paper, identity loss."""
    return (1 - F.cosine_similarity(embedding.float(), wanted.float(), dim=1)).mean()


def weighted_l1(swapped: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference, each sample times its weight ``(N,)``. Paper, distillation loss with reweighting."""
    per_sample = (swapped.float() - wanted.float()).abs().flatten(1).mean(1)
    return (per_sample if weight is None else per_sample * weight).mean()


def gradient_loss(swapped: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of horizontal plus that of vertical neighbour differences: edges as sharp as wanted."""
    difference = swapped.float() - wanted.float()
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def colour_loss(swapped: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference without its grey part (the mean over the channels), each sample times its weight ``(N,)``.

    Errors of light fill an L1 loss on RGB; a tinted iris is a small one there, and the first thing a viewer sees.
    """
    difference = swapped.float() - wanted.float()
    tint = difference - difference.mean(1, keepdim=True)
    per_sample = tint.abs().flatten(1).mean(1)
    return (per_sample if weight is None else per_sample * weight).mean()


def detail_loss(swapped: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of the local strength of fine detail, for images of at least 64 px.

    Strength is the root mean square, over overlapping cells, of what a 3x3 mean takes away; on the picture and on its half.
    Where an edge could be here or a pixel further, pixelwise losses ask for their mean, which is blur; this one asks for an
    edge of the right strength wherever it is.
    """
    ours, theirs = (x.float().mean(1, keepdim=True) for x in (swapped, wanted))
    total = ours.new_zeros(())
    for _ in range(_DETAIL_LEVELS):
        total = total + (_detail_strength(ours) - _detail_strength(theirs)).abs().mean()
        ours, theirs = F.avg_pool2d(ours, 2), F.avg_pool2d(theirs, 2)
    return total


def _detail_strength(grey: Tensor) -> Tensor:
    fine = grey - F.avg_pool2d(F.pad(grey, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    return (F.avg_pool2d(fine.square(), _DETAIL_CELL_PX, stride=_DETAIL_CELL_PX // 2) + _DETAIL_FLOOR**2).sqrt()


def eye_loss(swapped: Tensor, wanted: Tensor, landmarks: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference about the eyes, each sample times its weight ``(N,)``.

    The eyes are a twentieth of the crop, and where a viewer looks for sharpness and a recogniser for likeness.

    Args:
        landmarks: ``(N, 68, 2)`` as fractions of the crop, of the target: a swap leaves eyes in their places.
    """
    return _loss_about(swapped, wanted, landmarks, (LEFT_EYE, RIGHT_EYE), weight)


def mouth_loss(swapped: Tensor, wanted: Tensor, landmarks: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference about the inner lips, as :func:`eye_loss`: speech is a few hundred pixels of the crop."""
    return _loss_about(swapped, wanted, landmarks, (INNER_LIPS,), weight)


def _loss_about(
    swapped: Tensor, wanted: Tensor, landmarks: Tensor, parts: Sequence[slice], weight: Tensor | None
) -> Tensor:
    """Mean absolute difference, most of it from about the middles of some parts of the face."""
    height, width = swapped.shape[-2:]
    x, y = landmarks.detach().float().unbind(2)
    points = torch.stack([x * width, y * height], 2)
    eyes = [points[:, eye].mean(1) for eye in (LEFT_EYE, RIGHT_EYE)]
    spread = (eyes[0] - eyes[1]).norm(dim=1).clamp(min=1.0) * _SPREAD
    middles = torch.stack([points[:, part].mean(1) for part in parts], 1)  # (N, parts, xy), px
    x = torch.arange(width, device=middles.device) + 0.5
    y = torch.arange(height, device=middles.device) + 0.5
    scale = -0.5 / spread.square()[:, None, None]
    across = (scale * (x - middles[..., :1]).square()).exp()  # (N, parts, W)
    down = (scale * (y - middles[..., 1:]).square()).exp()  # (N, parts, H)
    share = torch.einsum("neh,new->nhw", down, across)
    error = (swapped.float() - wanted.float()).abs().mean(1)
    per_sample = (error * share).sum((1, 2)) / share.sum((1, 2)).clamp(min=1e-6)
    return (per_sample if weight is None else per_sample * weight).mean()


def low_frequency_loss(swapped: Tensor, wanted: Tensor, mask: Tensor, *, cell_px: int) -> Tensor:
    """Mean absolute difference of cell averages, over the masked area only.

    Identity of a small network grows first in coarse shading; averaged over the whole crop that signal drowns.

    Args:
        mask: ``(N, 1, H, W)`` in [0, 1], the face.
        cell_px: side of a cell; H and W are multiples of it.
    """
    difference = F.avg_pool2d(swapped.float(), cell_px) - F.avg_pool2d(wanted.float(), cell_px)
    area = F.avg_pool2d(mask.float(), cell_px)
    return (difference.abs() * area).sum() / (area.sum() * swapped.shape[1]).clamp(min=1.0)


def perceptual_distance(features: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean absolute difference, relative to the wanted layer's mean size."""
    terms = [
        (a.float() - b.float()).abs().mean() / (b.float().abs().mean() + 1e-4)
        for a, b in zip(features, wanted, strict=True)
    ]
    return torch.stack(terms).sum()


def mask_loss(logits: Tensor, face: Tensor, *, background_only: bool) -> Tensor:
    """Binary cross entropy of mask logits against the face's region, in float32.

    On probabilities in bfloat16 this loss collapsed to a mask of 1; on logits in float32 it is stable.

    Args:
        logits: ``(N, 1, H, W)``.
        face: same shape, in [0, 1].
        background_only: as in the paper: outside the face the mask must be 0, inside the other losses decide. The mean is
            then over the background.
    """
    logits, face = logits.float(), face.float()
    if not background_only:
        return F.binary_cross_entropy_with_logits(logits, face)
    background = 1 - face
    return (F.softplus(logits) * background).sum() / background.sum().clamp(min=1.0)


def activation_penalty(mean_squares: Tensor) -> Tensor:
    """Mean squared logarithm of the mean squares of activations: 0 when all are of order 1.

    Without it activations of a network with predicted kernels drift to 1e5 and batch-norm statistics overflow float16.
    """
    return mean_squares.float().add(1e-6).log().square().mean()


def reconstruction_loss(swapped: Tensor, target: Tensor, same_person: Tensor) -> Tensor:
    """Mean absolute difference over the samples ``(N,)`` whose source is the target's person; 0 without any."""
    per_sample = (swapped.float() - target.float()).abs().flatten(1).mean(1)
    chosen = same_person.float()
    return (per_sample * chosen).sum() / chosen.sum().clamp(min=1.0)


def feature_matching(
    swapped: Sequence[Sequence[Tensor]], target: Sequence[Sequence[Tensor]], *, first_layer: int = 1
) -> Tensor:
    """SimSwap's weak feature matching: deep discriminator features only, so that attributes stay but identity may change.

    Args:
        swapped: per discriminator scale, features from shallow to deep.
        target: the same of the target image.
        first_layer: shallower layers than this do not count; this one counts half.
    """
    total = swapped[0][0].new_zeros((), dtype=torch.float32)
    for ours, theirs in zip(swapped, target, strict=True):
        for layer in range(first_layer, len(ours)):
            weight = 0.5 if layer == first_layer else 1.0
            total = total + weight * (ours[layer].float() - theirs[layer].float()).abs().mean()
    return total


def discriminator_hinge(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of a discriminator, summed over its scales."""
    terms = [F.relu(1 - r.float()).mean() + F.relu(1 + f.float()).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).sum()


def generator_hinge(fake: Sequence[Tensor]) -> Tensor:
    """Adversarial loss of the generator, summed over the discriminator's scales."""
    return torch.stack([-score.float().mean() for score in fake]).sum()


def r1_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """Squared gradient of a discriminator's score at real images, mean over samples (Mescheder et al. 2018).

    Args:
        scores: ``(N,)`` computed from ``images`` with the graph kept.
        images: leaf tensor that requires a gradient.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean()


@functools.cache
def _camera_from_landmarks(device: torch.device) -> Tensor:
    return torch.from_numpy(CAMERA_FROM_LANDMARKS).to(device, torch.float32)


def pose_consistency(landmarks: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of yaw and pitch, for small angles in radians; both ``(N, 68, 2)``.

    The depth axis of the affine camera of :func:`~..head_pose.head_pose`, relative to its size, before the rotation that
    is nearest to it is taken: a linear map, so gradients are plain.
    """
    fit = _camera_from_landmarks(landmarks.device)

    def tilt(points: Tensor) -> Tensor:
        camera = fit @ points.float()  # (N, 4, 2): images of the mesh's x, y and z, and of its origin
        size = camera[:, :2].square().sum((1, 2)).div(2).sqrt()
        return camera[:, 2] / size[:, None]

    return (tilt(landmarks) - tilt(wanted)).abs().mean()


def landmark_consistency(landmarks: Tensor, wanted: Tensor) -> Tensor:
    """Smooth L1 distance of brows, eyes and lips; both ``(N, 68, 2)`` as fractions of the crop."""
    difference = landmarks.float() - wanted.float()
    # By slices: a list of numbers would be copied to the GPU each time, and waited for.
    difference = torch.cat([difference[:, part] for part in _EXPRESSION_PARTS], 1) * _LANDMARK_SCALE
    return F.smooth_l1_loss(difference, torch.zeros_like(difference))
