"""The networks of the finish, each loaded when a stage first asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .occlusion import OcclusionModel, load_occlusion
from .sharpen import SharpenModel, load_sharpen
from .stage_network import StageNetworks


class FinishNetworks:
    """Holds what the stages of :mod:`.finish` run; safe to share between threads.

    Args:
        where: gives the device, when a network is loaded.
        backend: of the published networks; see :func:`~.stage_network.load_stage_network`.
        threads: of the network that looks at the only face of a picture.
        occlusion: sees what hides a face; the one that ships if not given.

    Attributes:
        published: a published network by its name.
    """

    def __init__(
        self, *, where: Callable[[], str], backend: str = "auto", threads: int = 1, occlusion: OcclusionModel | None = None
    ) -> None:  # fmt: skip
        self.published = StageNetworks(where=where, backend=backend)
        self._where, self._threads, self._lock = where, threads, threading.Lock()
        self._occlusion = occlusion
        self._sharpening: SharpenModel | None = None

    def occlusion(self) -> OcclusionModel:
        """What sees what hides a face."""
        with self._lock:
            if self._occlusion is None:
                self._occlusion = load_occlusion(device=self._where(), threads=self._threads)
            return self._occlusion

    def sharpening(self) -> SharpenModel:
        """What says how far the target's detail fits."""
        with self._lock:
            if self._sharpening is None:
                self._sharpening = load_sharpen(device=self._where())
            return self._sharpening
