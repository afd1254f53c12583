"""Eyes, brows, lips and edges become as crisp as the target's: its fine detail, moved to the swapped face's features.

Optical flow between both faces at the crop's size says where each feature of the swapped face lies in the target. A network
(:mod:`.sharpen_network`) then says how far the target's detail fits there. Both are smooth, so they serve faces of every size;
the detail itself is taken from the target at the face's own size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
# Of a 224 crop. Features of a swapped face lie nearer to its target's than the first; where the search finds another feature
# than its neighbours did, the second makes it follow them.
LARGEST_SHIFT_PX, _SHIFT_BLUR_PX = 8.0, 2.0
_BAND_ROWS = 48

Floats = NDArray[np.float32]
Part = tuple[slice, slice]
Runner = Callable[[Floats], Floats]  # lumas (N, 2, S, S) in [0, 1] -> plan (N, 6, S/2, S/2)


class SharpenModel:
    """Owns the network; calls are pure and may come from several threads.

    Args:
        run: lumas ``(N, 2, 224, 224)`` in [0, 1] -> plan ``(N, 6, 112, 112)``.
        label: library and device really in use.
    """

    def __init__(self, run: Runner, *, label: str) -> None:
        self.label, self._run = label, run

    def __call__(self, lumas: Floats) -> Floats:
        """The plan ``(6, 112, 112)`` for lumas ``(2, 224, 224)`` in [0, 1], swapped and aligned target."""
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
    shift = feature_shift(*lumas)
    aligned = np.stack([lumas[0], _taken(lumas[1], shift[..., 0], shift[..., 1])])
    plan = model(np.multiply(aligned, np.float32(1 / 255), dtype=np.float32))
    small = (shift[..., 0], shift[..., 1], _enlarged(plan[0], _SIDE_PX), _coarse_change(aligned, plan), lumas[0])
    fine: NDArray[Any] = cv2.subtract(_grey(target), _enlarged(lumas[1], len(target)), dtype=cv2.CV_32F)
    out = swapped.copy()
    for rows, (shift_x, shift_y, share, coarse, luma) in _bands(small, len(swapped), part):
        theirs = _taken(fine, shift_x, shift_y, rows.start, part[1].start)
        own = cv2.subtract(_grey(swapped[rows, part[1]]), luma, dtype=cv2.CV_32F)
        change = (coarse + share * (theirs - own)) * np.float32(strength)
        cv2.add(swapped[rows, part[1]], cv2.merge([change] * 3), dst=out[rows, part[1]], dtype=cv2.CV_8U)
    return out


def feature_shift(swapped: Floats, target: Floats) -> Floats:
    """Where in the target each feature of the swapped face lies, ``(H, W, 2)`` px across and down.

    Args:
        swapped: ``(H, W)`` luma at the network's scale, levels.
        target: the same of the target.

    Source:
        Kroeger et al., "Fast Optical Flow using Dense Inverse Search", arXiv 1603.03590, in OpenCV; then limited and smoothed.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    one, other = (np.clip(np.rint(luma), 0, 255).astype(np.uint8) for luma in (swapped, target))
    found = search.calc(one, other, None)  # type: ignore[call-overload]
    near: NDArray[Any] = np.clip(found, -LARGEST_SHIFT_PX, LARGEST_SHIFT_PX)
    return cv2.GaussianBlur(near, (0, 0), _SHIFT_BLUR_PX)  # type: ignore[return-value]


def _coarse_change(lumas: Floats, plan: Floats) -> Floats:
    """What the middle band and the network's own drawing change, levels at the network's side."""
    box, half = (MIDDLE_BOX_PX,) * 2, _SIDE_PX // 2
    own, theirs = (luma - cv2.blur(cv2.blur(luma, box), box) for luma in lumas)
    drawn = plan[2:].reshape(2, 2, half, half).transpose(2, 0, 3, 1).reshape(_SIDE_PX, _SIDE_PX)  # pixel_shuffle
    return _enlarged(plan[1], _SIDE_PX) * (theirs - own) + drawn * np.float32(255)


def _bands(small: Sequence[Floats], side: int, part: Part) -> Iterator[tuple[slice, Floats]]:
    """Planes at the size of the face, a few rows of a part at a time: whole ones take three times as long, most of it for memory.

    Args:
        small: planes at the network's side; the first two are shifts, px there, and come as px of the face.
        side: of the face.
        part: of the face.
    """
    rows, columns = part
    wide: NDArray[Any] = np.stack(
        [cv2.resize(plane, (side, _SIDE_PX), interpolation=cv2.INTER_LINEAR)[:, columns] for plane in small]
    )
    wide[:2] = wide[:2] * np.float32(side / _SIDE_PX)
    for top in range(rows.start, rows.stop, _BAND_ROWS):
        band = slice(top, min(top + _BAND_ROWS, rows.stop))
        place = np.clip((np.arange(band.start, band.stop) + 0.5) * (_SIDE_PX / side) - 0.5, 0, _SIDE_PX - 1)
        above = np.minimum(place.astype(int), _SIDE_PX - 2)
        low = (place - above).astype(np.float32)[:, None]
        yield band, wide[:, above] * (1 - low) + wide[:, above + 1] * low


def _taken(image: Floats, shift_x: Floats, shift_y: Floats, top: int = 0, left: int = 0) -> Floats:
    """A part of an image that begins at ``top`` and ``left``, each pixel taken from where a shift says, px."""
    height, width = shift_x.shape
    x = shift_x + np.arange(left, left + width, dtype=np.float32)
    y = shift_y + np.arange(top, top + height, dtype=np.float32)[:, None]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _grey(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def _enlarged(plane: Floats, side: int) -> Floats:
    return cv2.resize(plane, (side, side), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
