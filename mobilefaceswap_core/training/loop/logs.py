"""The record of a run: ``log.jsonl`` (one object a line), sample grids, and TensorBoard where asked for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cv2

from ...errors import BackendError
from ...files.atomic import write_bytes
from ...types import Image


class RunLog:
    """Appends to a run's log; processes other than the first write nothing."""

    def __init__(self, folder: Path, *, first_process: bool = True, tensorboard: bool = False) -> None:
        self._folder, self._active = folder, first_process
        self._stream = self._board = None
        if not first_process:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._stream = (folder / "log.jsonl").open("a", buffering=1)
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise BackendError(
                    "loop.tensorboard needs the package tensorboard; install it or switch it off."
                ) from error
            self._board = SummaryWriter(str(folder / "tensorboard"))

    def write(self, kind: str, step: int, figures: dict[str, Any]) -> None:
        """One line: time, kind (``start``, ``train`` or ``validation``), step, figures."""
        if self._stream is None:
            return
        rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in figures.items()}
        self._stream.write(json.dumps({"time": round(time.time(), 1), "kind": kind, "step": step, **rounded}) + "\n")
        if self._board is not None:
            for key, value in figures.items():
                if isinstance(value, (int, float)):
                    self._board.add_scalar(f"{kind}/{key}", value, step)

    def image(self, name: str, step: int, image: Image) -> None:
        """A PNG in the folder ``name``."""
        if not self._active:
            return
        (self._folder / name).mkdir(parents=True, exist_ok=True)
        write_bytes(self._folder / name / f"{step:07d}.png", cv2.imencode(".png", image[..., ::-1])[1].tobytes())
        if self._board is not None:
            self._board.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        for stream in (self._stream, self._board):
            if stream is not None:
                stream.close()
