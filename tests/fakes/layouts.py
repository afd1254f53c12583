"""State dicts in the layouts of authors, with random or constant values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def random_state(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Seeded tensors of a layout; variances positive, so that batch norms are defined."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator) * (1 / max(1, int(np.prod(shape[1:])))) ** 0.5
        state[name] = value.abs() + 0.5 if name.endswith("running_var") else value
    return state


def constant(shape: tuple[int, ...], value: float) -> Tensor:
    """A tensor of one stored element: files of large layouts stay small."""
    return torch.tensor(value).expand(shape)


def norm_shapes(prefix: str, channels: int) -> dict[str, tuple[int, ...]]:
    """The four tensors of a batch norm."""
    return {f"{prefix}.{leaf}": (channels,) for leaf in ("weight", "bias", "running_mean", "running_var")}
