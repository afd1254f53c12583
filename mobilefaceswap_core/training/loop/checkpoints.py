"""Checkpoints to resume from: complete or not there, and read without unpickling anything but tensors and numbers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from ...errors import WeightsError
from ...files.atomic import remove_leftovers, write_bytes

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write tensors, numbers, strings and containers of them."""
    stream = io.BytesIO()
    torch.save(state, stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    write_bytes(path, stream.getvalue())


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint of this package.

    Raises:
        WeightsError: not a checkpoint, damaged, or holding other objects.
    """
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"There is no checkpoint {path}. Check the folder of the run.") from None
    except Exception as error:  # a damaged pickle can raise nearly anything; all of it means the same to a caller
        raise WeightsError(f"{path} is not a checkpoint of this package ({error}). Start in another folder.") from error
