"""Where networks run."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BackendError

if TYPE_CHECKING:
    import torch

# Drivers that PyTorch needs for the device it calls cuda: NVIDIA's library, and the kernel's door to AMD's cards.
_DRIVER, _AMD_DOOR = ("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"), "/dev/kfd"


def choose_device(name: str = "auto") -> torch.device:
    """A usable torch device: ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        BackendError: the device was asked for and is not there.
    """
    import torch

    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if usable["cuda"] else "mps" if usable["mps"] else "cpu")
    if not usable.get(name.partition(":")[0], False):
        there = ", ".join(key for key, value in usable.items() if value)
        raise BackendError(f"The device {name!r} is not usable here; usable: {there}. Use --device auto.")
    return torch.device(name)


def device_name(name: str = "auto") -> str:
    """The name of what :func:`choose_device` chooses. PyTorch is only asked where there may be something to choose.

    Raises:
        BackendError: the device was asked for and is not there.
    """
    return "cpu" if name == "cpu" or (name == "auto" and not _may_have_gpu()) else str(choose_device(name))


def is_cpu(device: torch.device | str) -> bool:
    """Whether a device, or its name, is the CPU."""
    return str(device).partition(":")[0] == "cpu"


def computes_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16; told on Linux, elsewhere it counts as having none."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(cpu_features())


def cpu_features() -> set[str]:
    """What the CPU can do beyond the least, by the names that Linux has for it, such as ``avx2``; elsewhere none."""
    try:
        return set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return set()


def _may_have_gpu() -> bool:
    """Whether a driver is there that PyTorch could use; loading PyTorch to hear that there is none takes a second."""
    if sys.platform == "darwin" or os.path.exists(_AMD_DOOR):
        return True
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True
