"""Loss reweighting: how much a teacher's output may teach.

Paper, "loss reweighting module": a sample's weight alpha comes from the squared cosine between the teacher's output and
the source, and from a quality score Q, the fraction of the teacher's training that a network thinks was completed when
the image was made. The public notes do not give the formula; here it is their product over a reference, clamped::

    alpha = clamp(max(cos, 0)^2 / reference * Q, low, high)

``reference`` is the median of cos^2 over the prototype's stored pairs, so that a typical pair has weight about 1.
"""

from __future__ import annotations

from torch import Tensor

from .options import ReweightOptions


def sample_weight(similarity: Tensor, quality: Tensor, options: ReweightOptions) -> Tensor:
    """Weights of samples.

    Args:
        similarity: ``(N,)`` identity cosine of the teacher's output with the source.
        quality: ``(N,)`` in [0, 1]; 1 where no quality network is used.
        options: constants and ablation switches; with both switches off every weight is 1.
    """
    weight = similarity.new_ones(similarity.shape)
    if options.identity:
        weight = weight * similarity.clamp(min=0).square() / options.reference
    if options.quality:
        weight = weight * quality.clamp(0, 1)
    return weight.clamp(options.low, options.high) if options.identity or options.quality else weight
