"""Metrics: one file each, with a pure function, and the statement of definition, unit, direction and source around it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mobilefaceswap_core import plugins
from mobilefaceswap_core.errors import OptionError

from .base import JUDGE_KINDS, WHOLE, Metric, MetricSpec
from .colour_shift import COLOUR
from .expression_error import EXPRESSION
from .failures import FAILED
from .frechet import FRECHET, FRECHET_FACES
from .gaze_error import GAZE
from .id_retrieval import TOP1, TOP5
from .id_similarity import TO_SOURCE, TO_TARGET
from .identity_flicker import ID_FLICKER
from .kernel import KERNEL, KERNEL_FACES
from .landmark_jitter import JITTER
from .landmark_shape import LANDMARKS
from .lpips import LPIPS
from .motion import EYES, EYES_FOLLOW, LIDS_SEEN, MOUTH, MOUTH_FOLLOWS
from .occluder_error import OCCLUDER
from .patches import PATCHES
from .pose_error import POSE
from .psnr import BACKGROUND as PSNR_BACKGROUND
from .psnr import FRAME as PSNR_FRAME
from .sample import NoReferenceError, Said, Sample
from .shape_error import SHAPE
from .ssim import BACKGROUND as SSIM_BACKGROUND
from .ssim import FRAME as SSIM_FRAME
from .temporal_flicker import FLICKER
from .verification import VERIFIED

__all__ = [
    "DEFINITIONS",
    "METRICS",
    "WHOLE",
    "Metric",
    "MetricSpec",
    "NoReferenceError",
    "Said",
    "Sample",
    "load_metrics",
]

# What the numbers of a run mean; raised with every change of a definition, so that records of two never meet in one table.
# 2: flicker follows the target's motion, PSNR is of mean errors, SSIM leaves out the border, the judge pnp reads fewer points.
DEFINITIONS = 2

# In the order of the table's columns.
METRICS: tuple[Metric, ...] = (
    TOP1,
    TOP5,
    TO_SOURCE,
    TO_TARGET,
    VERIFIED,
    POSE,
    EXPRESSION,
    GAZE,
    LANDMARKS,
    SHAPE,
    SSIM_BACKGROUND,
    PSNR_BACKGROUND,
    SSIM_FRAME,
    PSNR_FRAME,
    LPIPS,
    COLOUR,
    PATCHES,
    OCCLUDER,
    EYES,
    EYES_FOLLOW,
    LIDS_SEEN,
    MOUTH,
    MOUTH_FOLLOWS,
    FLICKER,
    JITTER,
    ID_FLICKER,
    FRECHET,
    FRECHET_FACES,
    KERNEL,
    KERNEL_FACES,
    FAILED,
)


def load_metrics(names: Sequence[str]) -> list[Metric]:
    """Metrics of other packages, for ``--metrics``.

    Args:
        names: registered names (entry points in ``mobilefaceswap.metrics``) or ``module:attribute``; each names an
            :class:`~eval.metrics.base.Metric`.

    Raises:
        OptionError: unknown name, something that is no metric, or a key that is in use.
    """
    if not names:
        return []
    others = plugins.registered(plugins.METRICS)
    keys, added = {metric.spec.key for metric in METRICS}, []
    for name in names:
        if not plugins.is_reference(name) and name not in others:
            raise OptionError(
                f"Unknown metric {name!r}; --metrics adds to the metrics of every run. Registered by installed packages: "
                f"{', '.join(others) or 'none'}. Or name one as module:attribute."
            )
        metric = plugins.load_reference(others[name].value if name in others else name)
        if not isinstance(metric, Metric) or metric.measure is None:
            raise OptionError(
                f"The metric {name} is a {type(metric).__name__}; wanted an eval.metrics.Metric with a function that measures."
            )
        key, kind = metric.spec.key, metric.spec.judge_kind
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or key in keys or kind not in JUDGE_KINDS:
            raise OptionError(
                f"The metric {name} has the key {key!r} and judge_kind {kind!r}; wanted a key of lower-case letters, digits and "
                f"underscores that no other metric has, and one of {', '.join(JUDGE_KINDS)}."
            )
        if unknown := [need for need in metric.needs if not hasattr(Sample, need)]:
            raise OptionError(f"The metric {name} needs {unknown[0]!r}, which no Sample has.")
        keys.add(key)
        added.append(metric)
    return added
