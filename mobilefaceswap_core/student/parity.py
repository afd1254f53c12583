"""Does this port compute what the official implementation computes?

A parity file (``.npz``) holds inputs and outputs of the official network whose weights anyone can rebuild: every tensor is
drawn from a generator seeded by its official name. The weights are written as an official ``.pdparams`` file and read back
through :mod:`mobilefaceswap_core.student.official`, so the reader and the name mapping are part of what is checked.
"""

from __future__ import annotations

import io
import pickle
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import WeightsError
from ..files.npz import read_npz
from ..weights.load import load_into
from .network import MobileFaceSwapNet
from .official import Arrays, official_layout, read_pdparams, tensors_from_official

TOLERANCE = 1e-4  # float32 round-off of two frameworks over about 40 layers
# Measured on five seeds against the official network: with 8 the largest judged difference is 5.3e-5 and at most 0.6 % of
# the elements are left out; with 2 it passes 1e-4.
SAFETY = 8.0
PROBES = 4  # random round-offs; the largest change of four
MAX_UNDETERMINED = 0.02  # a network that float32 determines less than this is no basis for a judgement
_ROUND_OFF = 2.0**-23  # float32 unit of least precision, relative


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One compared array.

    Attributes:
        max_difference: largest absolute difference where float32 determines the value.
        max_difference_anywhere: the same over all elements.
        undetermined: share of elements that float32 does not determine to :data:`TOLERANCE`.
    """

    name: str
    shape: tuple[int, ...]
    max_difference: float
    max_difference_anywhere: float
    undetermined: float

    @property
    def passed(self) -> bool:
        # A comparison with NaN is false, so a result that is not a number never passes.
        return self.max_difference <= TOLERANCE and self.undetermined <= MAX_UNDETERMINED


def seeded_array(name: str, shape: tuple[int, ...], *, seed: int) -> NDArray[np.float32]:
    """The tensor of an official name in a seeded state; ranges keep activations of order 1."""
    rng = np.random.default_rng(zlib.crc32(name.encode()) ^ seed)
    if name.endswith("_variance"):
        array = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("_mean"):
        array = rng.normal(0, 0.1, shape)
    elif len(shape) == 1:
        array = rng.uniform(1.0, 1.5, shape) if name.endswith("weight") else rng.normal(0, 0.05, shape)
    elif len(shape) == 2:
        array = rng.normal(0, shape[0] ** -0.5, shape)
    else:
        array = rng.normal(0, 1.25 / np.sqrt(np.prod(shape[1:])), shape)
    return array.astype(np.float32)


def seeded_pdparams(*, seed: int) -> bytes:
    """The bytes of an official ``.pdparams`` file of the IIN and IDN with seeded weights."""
    layout = official_layout(MobileFaceSwapNet.official())
    arrays: Arrays = {name: seeded_array(name, shape, seed=seed) for name, shape in layout.values()}
    return pickle.dumps(arrays, protocol=4)


def seeded_network(*, seed: int) -> MobileFaceSwapNet:
    """The official layout with seeded weights, loaded the way the authors' file is."""
    network = MobileFaceSwapNet.official()
    arrays = read_pdparams(io.BytesIO(seeded_pdparams(seed=seed)), name="seeded.pdparams")
    load_into(network, tensors_from_official(network, arrays, name="seeded.pdparams"), what="seeded.pdparams")
    return network.eval()


def check_parity(path: str | Path, *, seed: int) -> list[ParityRow]:
    """Compare every output in a parity file with this package's network.

    Args:
        path: ``.npz`` with ``emb``, ``fmap``, ``x`` and any of ``y``, ``mask``, ``encI``, ``decI`` (depthwise kernels of
            encoder or decoder stage I), ``encmodI``, ``decmodI`` (modulated pointwise kernels).
        seed: the number the weights were seeded with.

    Raises:
        WeightsError: the file is missing, is no such file, or names an array this network does not have.
    """
    expected = _read_parity_file(path)
    network = seeded_network(seed=seed).double()
    inputs = [torch.from_numpy(expected[name]).double() for name in ("emb", "fmap", "x")]
    with torch.inference_mode():
        outputs = _outputs(network, *inputs)
        spread = _round_off_spread(network, inputs, outputs, seed=seed)
    rows = []
    for name in sorted(expected.keys() - {"emb", "fmap", "x"}):
        if name not in outputs:
            raise WeightsError(
                f"{path}: the network has no array {name!r}; wanted y, mask, encI, decI, encmodI, decmodI."
            )
        want = torch.from_numpy(expected[name]).double()
        if outputs[name].numel() != want.numel():
            raise WeightsError(
                f"{path}: {name} has shape {tuple(want.shape)}, the network gives {tuple(outputs[name].shape)}."
            )
        rows.append(_compare(name, outputs[name].reshape(want.shape), want, spread[name].reshape(want.shape)))
    return rows


def _outputs(network: MobileFaceSwapNet, emb: Tensor, fmap: Tensor, x: Tensor) -> dict[str, Tensor]:
    """Every array a parity file may hold, by its name there."""
    weights = network.condition(emb, fmap)
    y, mask = network.idn(x, weights)
    named = {"y": y, "mask": mask}
    groups = {"enc": weights.encoder_depthwise, "dec": weights.decoder_depthwise}
    groups |= {"encmod": weights.encoder_pointwise, "decmod": weights.decoder_pointwise}
    for prefix, kernels in groups.items():
        named |= {f"{prefix}{i}": kernel for i, kernel in enumerate(kernels)}
    return named


def _round_off_spread(
    network: MobileFaceSwapNet, inputs: list[Tensor], outputs: dict[str, Tensor], *, seed: int
) -> dict[str, Tensor]:
    """Largest change of each output element when every weight and input is moved by one float32 round-off."""
    generator = torch.Generator().manual_seed(seed)

    def moved(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        return tensor * (
            1 + _ROUND_OFF * (2 * torch.randint(0, 2, tensor.shape, generator=generator, dtype=torch.int8) - 1)
        )

    state = network.state_dict()
    probe = MobileFaceSwapNet.official().double().eval()
    spread = {name: torch.zeros_like(value) for name, value in outputs.items()}
    for _ in range(PROBES):
        probe.load_state_dict({key: moved(value) for key, value in state.items()})
        for name, value in _outputs(probe, *map(moved, inputs)).items():
            spread[name] = torch.maximum(spread[name], (value - outputs[name]).abs())
    return spread


def _compare(name: str, got: Tensor, want: Tensor, spread: Tensor) -> ParityRow:
    difference = (got - want).abs()
    determined = spread * SAFETY <= TOLERANCE
    judged = difference[determined]
    return ParityRow(
        name,
        tuple(want.shape),
        float(judged.max()) if judged.numel() else float("nan"),
        float(difference.max()),
        1.0 - float(determined.double().mean()),
    )


def _read_parity_file(path: str | Path) -> Arrays:
    arrays = read_npz(path, error=WeightsError, what=".npz parity file")
    if odd := [name for name, array in arrays.items() if array.dtype.kind not in "fiu"]:
        raise WeightsError(f"{path}: {odd[0]!r} holds {arrays[odd[0]].dtype}, wanted numbers.")
    shapes = {"emb": (512,), "fmap": (512, 7, 7), "x": (3, 224, 224)}
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape[1:] != shape:
            raise WeightsError(f"{path}: wanted an input {name!r} of shape (N, {', '.join(map(str, shape))}).")
    if len({len(arrays[name]) for name in shapes}) > 1:
        raise WeightsError(f"{path}: emb, fmap and x hold different numbers of inputs; wanted as many of each.")
    if len(arrays) == len(shapes):
        raise WeightsError(f"{path}: there is no output in it to compare with.")
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
