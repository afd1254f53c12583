"""Eyes, brows, lips and edges become as crisp as the target's: its fine detail, moved to the swapped face's features.

The network (:mod:`.sharpen_network`) sees both faces at the crop's size and says where each feature of the swapped face lies in
the target, and how far the target's detail fits there. What it says is smooth, so it serves faces of every size; the detail
itself is taken from the target at the face's own size.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..types import Image, Mask
from ..weights.load import load_arrays, load_into, load_tensors, read_safetensors
from .luma import small_luma
from .sharpen_graph import MIDDLE_BOX_PX
from .steady import shown_part

NAME = "sharpen_224"
_SIDE_PX = 224  # of what the network reads

Floats = NDArray[np.float32]
Part = tuple[slice, slice]
Runner = Callable[[Floats], Floats]  # lumas (N, 2, S, S) in [0, 1] -> plan (N, 8, S/2, S/2)


class SharpenModel:
    """Owns the network; calls are pure and may come from several threads.

    Args:
        run: lumas ``(N, 2, 224, 224)`` in [0, 1] -> plan ``(N, 8, 112, 112)``.
        label: library and device really in use.
    """

    def __init__(self, run: Runner, *, label: str) -> None:
        self.label, self._run = label, run

    def __call__(self, lumas: Floats) -> Floats:
        """The plan ``(8, 112, 112)`` for lumas ``(2, 224, 224)`` in [0, 1], swapped and target."""
        return self._run(lumas[None])[0]


def load_sharpen(*, device: str = "cpu", path: Path | None = None) -> SharpenModel:
    """The network that ships, or one trained elsewhere: in ONNX Runtime on a CPU, in PyTorch elsewhere.

    Args:
        device: see :func:`~mobilefaceswap_core.runtime.devices.choose_device`.
        path: a file of the program ``detail``; the shipped weights if not given.

    Raises:
        WeightsError: missing, damaged, or of another network.
        BackendError: the device or ONNX Runtime is not there.
    """
    from ..runtime.devices import device_name, is_cpu

    where = device_name(device)
    if not is_cpu(where):
        return SharpenModel(_torch_runner(_loaded(path).to(where), where), label=f"{where} / torch")
    from ..runtime.sessions import device_of, open_session
    from .sharpen_graph import sharpen_graph

    graph = sharpen_graph(load_arrays(NAME) if path is None else _loaded(path))
    session = open_session(graph.SerializeToString())
    return SharpenModel(lambda lumas: session.run(["plan"], {"lumas": lumas})[0], label=device_of(session))


def _loaded(path: Path | None) -> Any:
    """The network as a module: what ships, or one of a file."""
    from .sharpen_network import SharpenNet

    network = SharpenNet().eval().requires_grad_(False)
    load_into(network, load_tensors(NAME) if path is None else read_safetensors([path]), what=str(path or NAME))
    return network


def _torch_runner(network: Any, where: Any) -> Runner:
    import torch

    def run(lumas: Floats) -> Floats:
        with torch.inference_mode():
            return network(torch.from_numpy(lumas).to(where)).float().cpu().numpy()

    return run


def sharpen(swapped: Image, target: Image, weight: Mask, model: SharpenModel, *, strength: float = 1.0) -> Image:
    """The swapped face with the target's fine detail where the network says that it fits.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8 at the face's native size, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        weight: ``(S, S)`` in [0, 1], where the swapped face shows; elsewhere nothing is changed.
        model: the network.
        strength: of the change; 0 changes nothing.

    Returns:
        ``(S, S, 3)`` uint8.

    Raises:
        ImageError: the images or the weight differ in size.
    """
    if swapped.shape != target.shape or weight.shape != swapped.shape[:2]:
        raise ImageError(
            f"Got a swapped face {swapped.shape}, a target {target.shape} and a weight {weight.shape}; wanted one size."
        )
    part = shown_part(weight)
    if part is None or strength == 0:
        return swapped
    lumas = np.stack([small_luma(image, _SIDE_PX) for image in (swapped, target)])
    plan = model(lumas / np.float32(255))
    change = _coarse_change(lumas, plan, len(swapped))[part] + _fine_change(swapped, target, lumas, plan, part)
    out = swapped.copy()
    cv2.add(swapped[part], cv2.merge([change * np.float32(strength)] * 3), dst=out[part], dtype=cv2.CV_8U)
    return out


def _coarse_change(lumas: Floats, plan: Floats, side: int) -> Floats:
    """What the middle band and the network's own drawing change, levels."""
    box, half = (MIDDLE_BOX_PX,) * 2, _SIDE_PX // 2
    own, theirs = (luma - cv2.blur(cv2.blur(luma, box), box) for luma in lumas)
    drawn = plan[4:].reshape(2, 2, half, half).transpose(2, 0, 3, 1).reshape(_SIDE_PX, _SIDE_PX)  # pixel_shuffle
    share = _enlarged(plan[3], _SIDE_PX)
    moved = _moved(theirs, plan, np.s_[:_SIDE_PX, :_SIDE_PX])
    return _enlarged(share * (moved - own) + drawn * np.float32(255), side)


def _fine_change(swapped: Image, target: Image, lumas: Floats, plan: Floats, part: Part) -> Floats:
    """What the band that the network's side cannot hold changes in a part of the face, levels."""
    own, theirs = (
        cv2.subtract(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), _enlarged(luma, len(image)), dtype=cv2.CV_32F)
        for image, luma in zip((swapped, target), lumas, strict=True)
    )
    return _enlarged(plan[2], len(swapped))[part] * (_moved(theirs, plan, part) - own[part])


def _moved(image: Floats, plan: Floats, part: Part) -> Floats:
    """A part of a square image, each pixel taken from where the plan's shift says."""
    side, (rows, columns) = len(image), part
    scale = np.float32(side / _SIDE_PX)
    x = _enlarged(plan[0], side)[part] * scale + np.arange(side, dtype=np.float32)[columns]
    y = _enlarged(plan[1], side)[part] * scale + np.arange(side, dtype=np.float32)[rows, None]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _enlarged(plane: Floats, side: int) -> Floats:
    return cv2.resize(plane, (side, side), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
