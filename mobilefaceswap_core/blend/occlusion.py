"""What hides a face stays the target's: glasses, hands, hair, microphones.

The network looks at the target's crop and says of each pixel how likely it shows no visible face. Hair and background
count as hidden too; a swapper's own mask excludes them anyway. Beards and moustaches are face: a swap redraws them.

>>> import numpy as np
>>> visible_weight(np.array([[0.1, 0.5, 0.9]], np.float32)).round(3)
array([[1. , 0.5, 0. ]], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..compiled.library import Compiled, for_each, missing_for_native
from ..errors import ImageError, OptionError
from ..faces.geometry import compose, crop_of_contract, invert, warp, warp_to_crop
from ..runtime.tensors import to_planes
from ..types import AlignedFace, CropSpec, Image, Mask, Matrix
from ..weights.load import load_arrays, load_into, load_tensors, read_safetensors, spec_of
from .luma import small_luma
from .occlusion_graph import RIM_PX

NAME = "occlusion_224"
# Between the two the target fades in: the network is sure below .3 and above .7 of all but an occluder's edge, and a hard
# limit would show each wrong pixel whole.
CERTAINLY_VISIBLE, CERTAINLY_HIDDEN = 0.3, 0.7
# Of the guided filter, at the probability's own size: a radius of 4 px reaches over the width by which the network's edges
# are soft, and (0.02)^2 is the variance of luma (of 0 to 1) below which a surface is taken for smooth.
_GUIDE_RADIUS_PX, _GUIDE_VARIANCE = 4, 0.0004
# Time in which an old probability loses half of its say. Three frames of a 25 Hz clip: flicker between frames averages out,
# a hand that enters is there a tenth of a second later.
HALF_LIFE_S = 0.08
_LONGEST_CARRY_S = 0.05  # of a face that moves, a frame of a 25 Hz clip: at ten frames a second a hand has gone too far
# A face at rest is looked at less often: nothing entered while no part of its crop changed by this much since the network
# looked. Largest change of a part within two frames: 4 to 11 levels for a photo that moves and turns (a tenth and nine tenths
# of the frames), medians of 7 to 75 in five clips of people who talk.
_AT_REST_LEVELS, _PARTS = 10.0, 28  # parts a side, of 8 x 8 px of a 224 crop
_MOST_CARRIED = 4
_LONGEST_REST_S = (
    0.2  # without a look at all, as five frames of a 25 Hz clip: a hand of a face's own grey is not missed for longer
)
_LONGEST_GAP_S = 0.5  # after it nothing is known of the face any more

if TYPE_CHECKING:
    from ..runtime.graphs import Arrays

Runner = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (N, 3, S, S) in [0, 1] -> (N, 1, S, S)


class OcclusionModel:
    """Owns the network; calls are pure and may come from several threads.

    Args:
        run: crops ``(N, 3, 224, 224)`` in [0, 1] -> probabilities ``(N, 1, 224, 224)``.
        label: library and device really in use.
    """

    def __init__(self, run: Runner, *, label: str) -> None:
        crop = spec_of(NAME).crop
        assert crop is not None  # it reads face crops
        self.crop, self.label, self._run = crop, label, run

    def __call__(self, target: Image) -> Mask:
        """The probability that a pixel shows no visible face.

        Args:
            target: ``(S, S, 3)`` RGB uint8, cut out as :attr:`crop` says; another S is brought to its size first.

        Returns:
            ``(S, S)`` float32 in [0, 1].

        Raises:
            ImageError: not a square RGB uint8 crop.
        """
        return self.batch([target])[0]

    def batch(self, targets: Sequence[Image]) -> list[Mask]:
        """The probabilities of several targets in one run of the network."""
        if not targets:
            return []
        for target in targets:
            if (
                target.ndim != 3
                or target.shape[0] != target.shape[1]
                or target.shape[2] != 3
                or target.dtype != np.uint8
            ):
                raise ImageError(
                    f"The occlusion network reads (S, S, 3) uint8 crops, got {target.shape} {target.dtype}; align the face first."
                )
        side = self.crop.size_px
        hidden = self._run(to_planes(np.stack([_resized(target, side) for target in targets])))
        inner = hidden[:, 0, RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
        whole = np.pad(inner, ((0, 0), (RIM_PX, RIM_PX), (RIM_PX, RIM_PX)), mode="edge")
        return [_resized(own, len(target)) for own, target in zip(whole, targets, strict=True)]


def load_occlusion(*, device: str = "cpu", path: Path | None = None, threads: int = 1) -> OcclusionModel:
    """The network that ships, or one trained elsewhere: on a CPU in C of this project's own, or ONNX Runtime where that cannot
    run; in PyTorch elsewhere.

    Args:
        device: see :func:`~mobilefaceswap_core.runtime.devices.choose_device`.
        path: a file of the program ``occlusion``; the shipped weights if not given.
        threads: on the CPU.

    Raises:
        WeightsError: missing, damaged, or of another network.
        BackendError: the device or ONNX Runtime is not there.
    """
    from ..runtime.devices import device_name, is_cpu
    from ..runtime.graphs import arrays_of

    where = device_name(device)
    if not is_cpu(where):
        return OcclusionModel(_torch_runner(_loaded(path).to(where), where), label=f"{where} / torch")
    tensors = load_arrays(NAME) if path is None else arrays_of(_loaded(path))
    if not missing_for_native():
        return OcclusionModel(_native_runner(tensors, threads), label="cpu / native")
    from ..runtime.sessions import device_of, open_session
    from .occlusion_graph import occlusion_graph

    graph = occlusion_graph(tensors)
    session = open_session(graph.SerializeToString(), threads=threads, spinning=False)

    def run(crops: NDArray[np.float32]) -> NDArray[np.float32]:  # one by one, for the memory's sake: no slower on a CPU
        return np.concatenate([session.run(["hidden"], {"crop": crop[None]})[0] for crop in crops])

    return OcclusionModel(run, label=device_of(session))


def _loaded(path: Path | None) -> Any:
    """The network as a module: what ships, or one of a file."""
    from .occlusion_network import OcclusionNet

    network = OcclusionNet().eval().requires_grad_(False)
    load_into(network, load_tensors(NAME) if path is None else read_safetensors([path]), what=str(path or NAME))
    return network


def _native_runner(tensors: Arrays, threads: int) -> Runner:
    from .occlusion_kernels import packed_occlusion

    network, weights = Compiled("occlusion"), packed_occlusion(tensors)

    def run(crops: NDArray[np.float32]) -> NDArray[np.float32]:
        hidden = np.empty((len(crops), 1, *crops.shape[2:]), np.float32)
        for_each(len(crops), lambda i: network(crops[i], weights, hidden[i]), threads=threads)
        return hidden

    return run


def _torch_runner(network: Any, where: Any) -> Runner:
    import torch

    def run(crops: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return torch.sigmoid(network(torch.from_numpy(crops).to(where)).float()).cpu().numpy()

    return run


class Occluder(Protocol):
    """What :func:`hidden_in` asks: a function of a crop, and how that is cut out (``None``: as the swapper's)."""

    @property
    def crop(self) -> CropSpec | None: ...

    def __call__(self, target: Image, /) -> Mask: ...


def hidden_in(model: Occluder, target: AlignedFace, spec: CropSpec, *, frame: Image | None = None) -> Mask:
    """What hides a face, in the crop of any swapper.

    Args:
        model: the network.
        target: the face as the swapper's contract cuts it out.
        spec: that contract.
        frame: what it was cut out of; without it a crop of another contract is warped, whose border may lie inside of the
            network's.

    Returns:
        ``(S, S)`` float32 in [0, 1], at the target's own side.
    """
    own = model.crop
    if own is None or (spec.template, spec.fit) == (own.template, own.fit):
        return model(target.image)
    side = len(target.image)
    own_from_frame = crop_of_contract(target.crop_from_frame, replace(spec, size_px=side), own)
    crop_from_own = compose(target.crop_from_frame, invert(own_from_frame))
    if frame is None:
        cut = warp_to_crop(target.image, invert(crop_from_own), own.size_px)
    else:
        cut = warp_to_crop(frame, own_from_frame, own.size_px)
    return warp(model(cut), crop_from_own, (side, side), border=cv2.BORDER_REPLICATE)


def visible_weight(hidden: Mask) -> Mask:
    """What the mask is multiplied by: 1 where the face is visible, 0 where it is hidden.

    Args:
        hidden: probability in [0, 1], any shape.
    """
    weight = np.subtract(CERTAINLY_HIDDEN, hidden, dtype=np.float32)
    weight *= np.float32(1 / (CERTAINLY_HIDDEN - CERTAINLY_VISIBLE))
    return np.clip(weight, 0, 1, out=weight)  # in place: at full size new memory costs more than arithmetic


def guided(hidden: Mask, guide: Image) -> Mask:
    """The probability at the size of an image, its edges where those of the image are.

    The fast guided filter: about each pixel the probability is a line of the guide's luma, fitted where the network
    answered and applied to the full-size luma. So a frame of glasses two pixels wide stays two pixels wide.

    Args:
        hidden: ``(S, S)`` float32 in [0, 1].
        guide: ``(T, T, 3)`` RGB uint8, the same crop at its native size, T at least S for a gain.

    Returns:
        ``(T, T)`` float32 in [0, 1].

    Raises:
        OptionError: the guide is not square.

    Source:
        He and Sun, "Fast Guided Filter", arXiv 1505.00996, with a box window.
    """
    if guide.shape[0] != guide.shape[1]:
        raise OptionError(f"The guide is {guide.shape[1]} x {guide.shape[0]} px; wanted the square crop of the face.")
    luma = cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY)
    side, full = len(hidden), len(guide)
    small = small_luma(guide, side) / np.float32(255)
    window = (2 * _GUIDE_RADIUS_PX + 1,) * 2
    mean, mean_hidden = cv2.blur(small, window), cv2.blur(hidden, window)
    variance = cv2.blur(small * small, window) - mean * mean
    slope: NDArray[Any] = (cv2.blur(small * hidden, window) - mean * mean_hidden) / (
        variance + np.float32(_GUIDE_VARIANCE)
    )
    offset = cv2.blur(mean_hidden - slope * mean, window)
    slope = cv2.blur(slope, window) / np.float32(255)
    line = _resized(slope, full)
    cv2.multiply(line, luma, dst=line, dtype=cv2.CV_32F)
    cv2.add(line, _resized(offset, full), dst=line)
    return np.clip(line, 0, 1, out=line)


class SteadyOcclusion:
    """The probability of one face of a clip, averaged over time in the crop's own coordinates. One object per face.

    Args:
        half_life_s: time in which the past loses half of its say.
    """

    def __init__(self, *, half_life_s: float = HALF_LIFE_S) -> None:
        if not half_life_s > 0:
            raise OptionError(f"Got a half life of {half_life_s} s; wanted more than 0.")
        self._half_life_s = half_life_s
        self._average: Mask | None = None
        self._crop_from_frame: Matrix | None = None
        self._time_s = 0.0
        self._carried = 0  # frames since the network looked
        self._looked_at: Mask | None = None
        self._looked_s = 0.0

    def reset(self) -> None:
        """Forget the past: at a cut, or when the face was lost."""
        self._average = self._crop_from_frame = None

    def carried(self, crop_from_frame: Matrix, *, time_s: float, target: Image | None = None) -> Mask | None:
        """What was known a frame ago, moved to this one: every second frame of a quick clip does without the network, and of
        a face at rest up to four of five, however slowly frames come.

        Args:
            crop_from_frame: ``(2, 3)`` of this frame's crop.
            time_s: when the frame is shown.
            target: ``(S, S, 3)`` RGB uint8, this frame's crop. While it is at rest more frames are carried; never two in
                a row where it is not given.

        Returns:
            ``(S, S)``, or ``None`` when the network has to look: at the start, after carried frames, or after a gap.
        """
        parts = None if target is None else small_luma(target, _PARTS)
        before, place = self._average, self._crop_from_frame
        gap_s = time_s - self._time_s
        is_next = not self._carried and gap_s < _LONGEST_CARRY_S
        may = before is not None and place is not None and gap_s > 0
        if not may or not (is_next or self._is_at_rest(parts, time_s)):
            self._looked_at = parts
            return None
        assert before is not None and place is not None
        self._carried += 1
        self._average = _moved(before, place, crop_from_frame)
        self._crop_from_frame, self._time_s = crop_from_frame, time_s
        return self._average

    def __call__(self, hidden: Mask, crop_from_frame: Matrix, *, time_s: float) -> Mask:
        """The average up to this frame.

        An occluder stands still in the frame more often than in the crop, so what was seen is moved by the change of
        the crops' matrices first.

        Args:
            hidden: ``(S, S)`` of this frame.
            crop_from_frame: ``(2, 3)`` of this frame's crop.
            time_s: when the frame is shown; not later than the one before, or much later, begins anew.
        """
        gap_s = time_s - self._time_s
        before, place = self._average, self._crop_from_frame
        self._time_s = self._looked_s = time_s
        self._crop_from_frame, self._carried = crop_from_frame, 0
        if before is None or place is None or before.shape != hidden.shape or not 0 < gap_s < _LONGEST_GAP_S:
            self._average = hidden
            return hidden
        moved = _moved(before, place, crop_from_frame)
        keep = 0.5 ** (gap_s / self._half_life_s)
        average: NDArray[Any] = cv2.addWeighted(moved, keep, hidden, 1 - keep, 0)
        self._average = average
        return average

    def _is_at_rest(self, parts: Mask | None, time_s: float) -> bool:
        """Whether a crop looks as it did when the network looked at it, a short while ago."""
        if parts is None or self._looked_at is None or self._carried >= _MOST_CARRIED:
            return False
        if time_s - self._looked_s >= _LONGEST_REST_S:
            return False
        return float(np.abs(parts - self._looked_at).max()) < _AT_REST_LEVELS


def _moved(hidden: Mask, crop_from_frame: Matrix, new_crop_from_frame: Matrix) -> Mask:
    """A probability from one frame's crop to the next one's."""
    new_from_old = compose(new_crop_from_frame, invert(crop_from_frame))
    return warp(hidden, new_from_old, (len(hidden), len(hidden)), border=cv2.BORDER_REPLICATE)


def _resized(image: NDArray[Any], side: int) -> NDArray[Any]:
    if len(image) == side:
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if len(image) > side else cv2.INTER_LINEAR)
