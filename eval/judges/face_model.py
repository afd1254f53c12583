"""A linear model of 68 face landmarks in three dimensions, and the fit of identity, expression and pose to one face.

The model is ``shape = mean + identity_basis . a + expression_basis . b``; both coefficient vectors have unit variance over
the people (``a``) and over the photos of one person (``b``) it was made from. Fitting both at once keeps a wider jaw or
thicker lips from being read as a change of expression: what varies between people is explained by ``a``, which is the
idea behind the 3DMM coefficients of the field (Deep3DFaceRecon, 3DDFA), here with landmarks only.

Made by :mod:`eval.judges.make_face_model`; ``face_model_68.json`` states from what.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

MODEL_FILE = Path(__file__).with_name("face_model_68.json")

# Gauss-Newton settles to below 1e-6 standard deviations within 8 steps on every face tried; 12 leaves room for profiles.
_STEPS = 12


@dataclass(frozen=True, slots=True, eq=False)
class FaceModel:
    """Mean and bases in model units (the half width of the face is about 0.63); x right, y down, z towards the camera.

    Attributes:
        mean: ``(68, 3)``.
        identity: ``(I, 68, 3)``; one unit of a coefficient is one standard deviation between people.
        expression: ``(E, 68, 3)``; one unit is one standard deviation between photos of one person.
        expression_names: one name per expression direction.
        noise: standard deviation of a landmark coordinate that the model leaves unexplained, in model units.
    """

    mean: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    expression_names: tuple[str, ...]
    noise: float


@dataclass(frozen=True, slots=True, eq=False)
class FaceFit:
    """Outcome of :func:`fit_face`.

    Attributes:
        rotation: ``(3, 3)``, camera axes from model axes.
        scale: pixels per model unit.
        shift: ``(2,)`` pixels.
        identity: ``(I,)`` coefficients.
        expression: ``(E,)`` coefficients.
        rms_px: root mean square distance of the fitted landmarks to the given ones, in pixels.
    """

    rotation: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    rms_px: float


@lru_cache(maxsize=1)
def load_face_model() -> FaceModel:
    """Read the model shipped beside this file."""
    raw = json.loads(MODEL_FILE.read_text(encoding="utf-8"))
    return FaceModel(
        mean=np.array(raw["mean"], np.float64),
        identity=np.array(raw["identity"], np.float64),
        expression=np.array(raw["expression"], np.float64),
        expression_names=tuple(raw["expression_names"]),
        noise=float(raw["noise"]),
    )


def project(model: FaceModel, fit: FaceFit) -> NDArray[np.float64]:
    """Landmarks of a fit in pixels, ``(68, 2)``, by scaled orthography."""
    shape = shape_of(model, fit.identity, fit.expression)
    return fit.scale * shape @ fit.rotation[:2].T + fit.shift


def shape_of(model: FaceModel, identity: NDArray[np.float64], expression: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(68, 3)`` shape in model units for the given coefficients."""
    return (
        model.mean + np.tensordot(identity, model.identity, axes=1) + np.tensordot(expression, model.expression, axes=1)
    )


def fit_face(landmarks: NDArray[np.float64], model: FaceModel) -> FaceFit:
    """Most probable pose, identity and expression of 68 landmarks under unit normal priors.

    Args:
        landmarks: ``(68, 2)`` pixels.
        model: the linear model.

    Returns:
        The fit. Coefficients do not change when the landmarks are shifted, scaled or turned in the image plane.

    Raises:
        OptionError: when the array is not 68 finite points.

    Convention:
        Scaled orthographic camera: a face is small against its distance, and landmarks carry no focal length.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise OptionError(f"A face fit needs 68 finite landmarks (68, 2); got shape {points.shape}.")
    # Work in units of the landmarks' own spread, so that the priors weigh alike at every image size.
    centre = points.mean(0)
    unit = float(np.sqrt(((points - centre) ** 2).sum(1).mean()))
    if unit == 0.0:
        raise OptionError("A face fit needs landmarks that differ; all 68 points are the same.")
    observed = (points - centre) / unit

    rotation, scale, shift = pose_from_shape(model.mean, observed)
    bases = np.concatenate([model.identity, model.expression])
    coefficients = np.zeros(len(bases))
    for _ in range(_STEPS):
        shape = model.mean + np.tensordot(coefficients, bases, axes=1)
        turned = shape @ rotation.T
        residual = (observed - scale * turned[:, :2] - shift).reshape(-1)
        jacobian = _jacobian(turned, rotation, scale, bases)
        noise = model.noise * scale
        weighted = np.concatenate([jacobian / noise, np.eye(len(bases), jacobian.shape[1], 6)])
        wanted = np.concatenate([residual / noise, -coefficients])
        step, *_ = np.linalg.lstsq(weighted, wanted, rcond=None)
        rotation = _rotation(step[:3]) @ rotation
        scale *= float(np.exp(np.clip(step[3], -0.5, 0.5)))
        shift = shift + step[4:6]
        coefficients = coefficients + step[6:]
    shape = model.mean + np.tensordot(coefficients, bases, axes=1)
    left = observed - scale * shape @ rotation[:2].T - shift
    count = len(model.identity)
    return FaceFit(
        rotation=rotation,
        scale=scale * unit,
        shift=shift * unit + centre,
        identity=coefficients[:count],
        expression=coefficients[count:],
        rms_px=float(np.sqrt((left**2).sum(1).mean())) * unit,
    )


def pose_from_shape(
    shape: NDArray[np.float64], points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Scaled orthographic pose of a known shape: linear least squares, then the nearest rotation.

    Args:
        shape: ``(N, 3)``.
        points: ``(N, 2)``.

    Returns:
        Rotation ``(3, 3)``, scale, shift ``(2,)``.

    Source:
        DeMenthon and Davis 1995, the POS step.
    """
    design = np.hstack([shape, np.ones((len(shape), 1))])
    solution, *_ = np.linalg.lstsq(design, points, rcond=None)
    rows = solution[:3].T  # (2, 3)
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    first_two = left @ right
    rotation = np.vstack([first_two, np.cross(first_two[0], first_two[1])])
    scale = float(values.mean())
    return rotation, scale, points.mean(0) - scale * shape.mean(0) @ rotation[:2].T


def _jacobian(
    turned: NDArray[np.float64], rotation: NDArray[np.float64], scale: float, bases: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Derivative of the projected points by rotation vector, log scale, shift and coefficients; ``(136, 6 + K)``."""
    x, y, z = turned.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    by_rotation = scale * np.stack([np.stack([zero, -z], 1), np.stack([z, zero], 1), np.stack([-y, x], 1)], 2)
    by_scale = scale * turned[:, :2, None]
    by_shift = np.stack([np.stack([one, zero], 1), np.stack([zero, one], 1)], 2)
    by_basis = scale * np.einsum("kpc,rc->prk", bases, rotation[:2])
    return np.concatenate([by_rotation, by_scale, by_shift, by_basis], axis=2).reshape(len(turned) * 2, -1)


def _rotation(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rodrigues' formula: rotation by ``|vector|`` radians about ``vector``."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def euler_degrees(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pitch, yaw and roll in degrees of a rotation, ``(3,)``; roll about z last.

    Source:
        insightface `utils/transform.py:matrix2angle`.
    """
    flat = float(np.hypot(rotation[0, 0], rotation[1, 0]))
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    yaw = np.arctan2(-rotation[2, 0], flat)
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return np.degrees(np.array([pitch, yaw, roll]))
