"""A published network that takes part in the finish, run by its contract (:mod:`.stage_contracts`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..runtime.networks import Network
from ..runtime.tensors import to_pixels, to_planes
from ..types import Image
from ..weights.fetch import present_file
from ..weights.published import PUBLISHED
from .stage_contracts import StageContract, stage_contracts

LABELS = 19  # classes of CelebAMask-HQ, background included
_CHANNELS = {"visible": 1, "labels": LABELS, "face": 3}


class StageNetwork:
    """Owns one network; calls are pure and may come from several threads.

    Args:
        contract: how it is run.
        path: its file.
        device: where it runs.
        backend: what runs it; see :class:`~mobilefaceswap_core.runtime.networks.Network`.

    Raises:
        WeightsError: the file cannot be loaded, or does not fit the contract.
        BackendError: the backend is missing, or is none for such files.
    """

    def __init__(self, contract: StageContract, path: Path, *, device: str = "cpu", backend: str = "auto") -> None:
        side, channels = contract.size_px, _CHANNELS[contract.output]
        read, given = (3, side, side), (channels, side, side)
        if contract.channels_last:
            read, given = (side, side, 3), (side, side, channels)
        settings = {"weight": (1,)} if contract.fidelity else {}
        self._network = Network(path, {"input": read}, given, settings=settings, device=device, backend=backend)
        self.contract, self.device = contract, self._network.device

    def __call__(self, crop: Image, *, fidelity: float = 0.5) -> NDArray[np.float32]:
        """What the network gives for one crop.

        Args:
            crop: ``(S, S, 3)`` RGB uint8; another S than the contract's is resized, bilinearly as facefusion does.
            fidelity: for the networks that take one.

        Returns:
            ``(C, S, S)`` float32 at the contract's side, as it comes out.
        """
        given = {"weight": np.array([fidelity])} if self.contract.fidelity else {}
        output = self._network(input=self.read(crop), **given)[0]
        return output.transpose(2, 0, 1) if self.contract.channels_last else output

    def read(self, crop: Image) -> NDArray[np.float32]:
        """A crop as the graph's ``input``, with a batch of one."""
        side = self.contract.size_px
        sized = crop if len(crop) == side else cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR)
        planes = to_planes(np.asarray(sized, np.uint8)[None])
        if self.contract.order == "bgr":
            planes = planes[:, ::-1]
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (self.contract.mean, self.contract.std))
        planes = (planes - mean) / std
        return planes.transpose(0, 2, 3, 1) if self.contract.channels_last else planes

    def written(self, face: NDArray[np.float32]) -> Image:
        """A ``face`` that came out, ``(3, S, S)``, as pixels ``(S, S, 3)`` RGB uint8."""
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (self.contract.mean, self.contract.std))
        return to_pixels((face * std + mean)[None])[0]


def load_stage_network(name: str, *, device: str = "cpu", backend: str = "auto") -> StageNetwork:
    """A published network by its name, from where it was fetched to; nothing is downloaded.

    Args:
        name: one of :func:`~.stage_contracts.stage_contracts`.
        device: ``cpu`` or ``cuda``.
        backend: ``auto``, ``onnxruntime`` or ``openvino``.

    Raises:
        WeightsError: it is not on this machine (the message has the command that brings it), was replaced since it was
            fetched, or does not fit its contract.
        BackendError: as :class:`StageNetwork`.
    """
    path, _ = present_file(PUBLISHED[name])
    return StageNetwork(stage_contracts()[name], path, device=device, backend=backend)


class StageNetworks:
    """Published networks by name, each loaded when it is first asked for; safe to share between threads.

    Args:
        where: gives the device, when a network is loaded.
        backend: see :func:`load_stage_network`.
    """

    def __init__(self, *, where: Callable[[], str] = lambda: "cpu", backend: str = "auto") -> None:
        self._where, self._backend = where, backend
        self._lock = threading.Lock()
        self._loaded: dict[str, StageNetwork] = {}

    def __call__(self, name: str) -> StageNetwork:
        """The network; raises as :func:`load_stage_network`."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_stage_network(name, device=self._where(), backend=self._backend)
            return self._loaded[name]
