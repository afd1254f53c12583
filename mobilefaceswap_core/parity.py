"""Does this port compute what the official implementation computes?

A parity file (``.npz``) holds inputs and outputs of the official network whose weights anyone can rebuild: every tensor is
drawn from a generator seeded by its official name. The weights are written as an official ``.pdparams`` file and read back
through :mod:`mobilefaceswap_core.official`, so the reader and the name mapping are part of what is checked.
"""

from __future__ import annotations

import io
import pickle
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import WeightsError
from .network import MobileFaceSwapNet
from .official import Arrays, official_layout, read_pdparams, tensors_from_official
from .weights.load import load_into

TOLERANCE = 1e-4  # float32 round-off of two frameworks over about 40 layers


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One compared array: its name, shape and largest absolute difference."""

    name: str
    shape: tuple[int, ...]
    max_difference: float

    @property
    def passed(self) -> bool:
        # A comparison with NaN is false, so a result that is not a number never passes.
        return self.max_difference <= TOLERANCE


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
    with torch.inference_mode():
        network = seeded_network(seed=seed)
        weights = network.condition(torch.from_numpy(expected["emb"]), torch.from_numpy(expected["fmap"]))
        y, mask = network.idn(torch.from_numpy(expected["x"]), weights)
    groups = {
        "enc": weights.encoder_depthwise,
        "dec": weights.decoder_depthwise,
        "encmod": weights.encoder_pointwise,
        "decmod": weights.decoder_pointwise,
    }
    rows = []
    for name in sorted(expected.keys() - {"emb", "fmap", "x"}):
        kernel = re.fullmatch(r"(enc|dec|encmod|decmod)(\d)", name)
        if kernel and int(kernel[2]) < len(groups[kernel[1]]):
            got = groups[kernel[1]][int(kernel[2])]
        elif name in ("y", "mask"):
            got = y if name == "y" else mask
        else:
            raise WeightsError(f"{path}: the network has no array {name!r}; wanted y, mask, encI, decI, encmodI, decmodI.")
        want = expected[name]
        if got.numel() != want.size:
            raise WeightsError(f"{path}: {name} has shape {want.shape}, the network gives {tuple(got.shape)}.")
        difference = float(np.abs(got.numpy().reshape(want.shape).astype(np.float64) - want).max())
        rows.append(ParityRow(name, want.shape, difference))
    return rows


def _read_parity_file(path: str | Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(f"{path} is not a readable .npz parity file: {error}.") from error
    shapes = {"emb": (512,), "fmap": (512, 7, 7), "x": None}
    for name, shape in shapes.items():
        if name not in arrays or (shape is not None and arrays[name].shape[1:] != shape):
            raise WeightsError(f"{path}: wanted an input {name!r}{f' of shape (N, {shape})' if shape else ''}.")
    if len(arrays) == len(shapes):
        raise WeightsError(f"{path}: there is no output in it to compare with.")
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
