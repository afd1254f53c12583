"""Metrics: one file each, a pure function and a spec that states definition, unit, direction and source."""

from __future__ import annotations

from .base import MetricSpec
from .colour_shift import COLOUR
from .expression_error import EXPRESSION
from .failures import FAILED
from .frechet import FRECHET
from .id_retrieval import TOP1, TOP5
from .id_similarity import TO_SOURCE, TO_TARGET
from .landmark_shape import LANDMARKS
from .lpips import LPIPS
from .pose_error import POSE
from .psnr import BACKGROUND as PSNR_BACKGROUND
from .psnr import FRAME as PSNR_FRAME
from .shape_error import SHAPE
from .ssim import BACKGROUND as SSIM_BACKGROUND
from .ssim import FRAME as SSIM_FRAME
from .temporal_flicker import FLICKER
from .verification import VERIFIED

__all__ = ["METRICS", "MetricSpec"]

# In the order of the table's columns.
METRICS: tuple[MetricSpec, ...] = (
    TOP1,
    TOP5,
    TO_SOURCE,
    TO_TARGET,
    VERIFIED,
    POSE,
    EXPRESSION,
    LANDMARKS,
    SHAPE,
    SSIM_BACKGROUND,
    PSNR_BACKGROUND,
    SSIM_FRAME,
    PSNR_FRAME,
    LPIPS,
    COLOUR,
    FLICKER,
    FRECHET,
    FAILED,
)
