"""Where networks run."""

from __future__ import annotations

import torch

from ..errors import BackendError


def choose_device(name: str = "auto") -> torch.device:
    """A usable torch device: ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        BackendError: the device was asked for and is not there.
    """
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if usable["cuda"] else "mps" if usable["mps"] else "cpu")
    if not usable.get(name.partition(":")[0], False):
        there = ", ".join(key for key, value in usable.items() if value)
        raise BackendError(f"The device {name!r} is not usable here; usable: {there}. Use --device auto.")
    return torch.device(name)
