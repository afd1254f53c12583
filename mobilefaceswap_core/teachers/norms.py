"""Instance norm, in the way that is fast where it runs, and with a scale and a shift for each image (AdaIN).

Source: Ulyanov et al. 2016, arXiv 1607.08022; Huang & Belongie 2017, arXiv 1703.06868.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .winograd import only_computes

EPSILON = 1e-5  # of PyTorch's norms


def instance_norm(
    x: Tensor, *, scale: Tensor | None = None, shift: Tensor | None = None, epsilon: float = EPSILON
) -> Tensor:
    """Each channel of each image to mean 0 and variance 1, times ``1 + scale`` plus ``shift``.

    ``F.instance_norm`` copies a channels-last tensor to channels-first and back; this keeps the memory format. Where nobody wants a
    gradient a batch of one has its own statistics, which PyTorch takes in a tenth of the time that ``torch.var_mean`` does.

    Args:
        x: ``(N, C, H, W)``.
        scale: ``(N, C)``.
        shift: ``(N, C)``.
        epsilon: added to the variance.
    """
    if only_computes(x):
        factors = [None] * len(x) if scale is None else [*(1 + scale.float())]  # of bfloat16 too
        terms = [None] * len(x) if shift is None else [*shift.float()]
        images = zip(x.split(1), factors, terms, strict=True)
        normed = [F.batch_norm(one, None, None, a, b, training=True, eps=epsilon) for one, a, b in images]
        return normed[0] if len(normed) == 1 else torch.cat(normed)
    variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True, correction=0)
    x = (x - mean) * torch.rsqrt(variance + epsilon)
    x = x if scale is None else x * (1 + scale)[:, :, None, None]
    return x if shift is None else x + shift[:, :, None, None]
