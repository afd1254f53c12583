"""Networks in ONNX files on disk, with their input contract stated beside the path.

``FILE.onnx?size=112&mean=127.5&std=127.5&order=rgb&margin=0&trained=1`` is how a command line names one. ``mean`` and ``std``
are in 0-255 units and may be three numbers separated by ``:``. A file may state all of that itself, in its metadata:
``contract`` (what would follow the question mark), ``title`` and ``licence``; what the command line says wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.runtime.sessions import open_session

_MOST_STATED = 300  # characters of what a file says about itself


@dataclass(frozen=True, slots=True)
class OnnxContract:
    """How a network reads its input: ``(pixel - mean) / std`` per channel, NCHW float32.

    Attributes:
        size_px: side of the square input, for files that leave it open; a size fixed in the file wins.
        mean: per channel, 0-255 units.
        std: per channel, 0-255 units.
        bgr: whether the network wants blue first.
        margin: how much larger than the face box the crop is, as a fraction of the box (pose networks).
        trained: whether a method of the table was trained against this network.
    """

    size_px: int = 0
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    bgr: bool = False
    margin: float = 0.0
    trained: bool = False


def parse_onnx_argument(text: str, default: OnnxContract) -> tuple[Path, OnnxContract]:
    """Split ``FILE?key=value&...``.

    Raises:
        OptionError: for an unknown key or a value that is no number.
    """
    path, _, query = text.partition("?")
    contract = default
    for key, value in parse_qsl(query, keep_blank_values=True):
        try:
            if key == "size":
                contract = replace(contract, size_px=int(value))
            elif key in ("mean", "std"):
                numbers = [float(v) for v in value.split(":")]
                triple = tuple(numbers * 3 if len(numbers) == 1 else numbers)
                if len(triple) != 3:
                    raise ValueError("wanted one or three numbers")
                contract = replace(contract, mean=triple) if key == "mean" else replace(contract, std=triple)
            elif key == "order" and value in ("rgb", "bgr"):
                contract = replace(contract, bgr=value == "bgr")
            elif key == "margin":
                contract = replace(contract, margin=float(value))
            elif key == "trained" and value in ("0", "1"):
                contract = replace(contract, trained=value == "1")
            else:
                raise OptionError(
                    f"{text!r}: {key}={value} is not known; wanted size, mean, std, order=rgb|bgr, margin or trained=0|1."
                )
        except ValueError as error:
            raise OptionError(f"{text!r}: {key}={value!r} is not a number ({error}).") from error
    if min(contract.std) <= 0:
        raise OptionError(f"{text!r}: std must be positive.")
    return Path(path), contract


class OnnxNetwork:
    """An ONNX file with one image input, run by onnxruntime on the CPU with one thread per session.

    Args:
        argument: the file, and after a question mark how pixels become its input.
        default: what neither that nor the file says.

    Attributes:
        contract: how pixels become its input.
        title: what the file calls itself; empty if it does not say.
        licence: what it says about its licence.
    """

    def __init__(self, argument: str, default: OnnxContract) -> None:
        path, _ = parse_onnx_argument(argument, default)
        if not path.is_file():
            raise WeightsError(f"No ONNX file at {path}; give the path of the network to judge with.")
        self._session = open_session(path, name=path.name)
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4:
            raise WeightsError(f"{path.name}: its input is {shape}; wanted one image (N, 3, H, W).")
        stated = self._session.get_modelmeta().custom_metadata_map
        self.title, self.licence = (_one_line(stated.get(key, "")) for key in ("title", "licence"))
        _, own = parse_onnx_argument(f"{path.name}?{_one_line(stated.get('contract', ''))}", default)
        _, self.contract = parse_onnx_argument(argument, own)
        fixed = shape[2] if isinstance(shape[2], int) else 0
        self.size_px = fixed or self.contract.size_px or 112
        self.sha256 = file_sha256(path)
        self.name = path.name
        self._input = self._session.get_inputs()[0].name

    def __call__(self, crop: NDArray[np.number]) -> list[NDArray[np.float64]]:
        """Run one ``(S, S, 3)`` RGB crop in 0-255 units; all outputs, flattened."""
        pixels = crop[..., ::-1] if self.contract.bgr else crop
        mean, std = (np.asarray(value, np.float32) for value in (self.contract.mean, self.contract.std))
        batch = (pixels.astype(np.float32) - mean) / std
        outputs = self._session.run(None, {self._input: np.ascontiguousarray(batch.transpose(2, 0, 1)[None])})
        return [np.asarray(output, np.float64).reshape(-1) for output in outputs]


def _one_line(text: str) -> str:
    """What a file says about itself, short enough for the foot of a table."""
    return " ".join(text.split())[:_MOST_STATED]
