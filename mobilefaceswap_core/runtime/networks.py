"""ONNX networks of others: a file is opened, its inputs and first output compared with what is wanted, and run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, ImageError, WeightsError
from .devices import is_cpu
from .openvino_cpu import OpenVinoSession
from .sessions import device_of, open_session

Array = NDArray[np.float32]
Shape = tuple[int, ...]

BACKENDS = ("onnxruntime", "openvino")  # what runs a foreign file
MOST_AT_ONCE = 8  # pictures per run where the graph takes several; bounds memory, changes nothing else
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_REMEDY = "It is no ONNX file; fetch it again."


class Network:
    """An ONNX file whose inputs and first output were checked.

    Args:
        path: the file.
        inputs: wanted shape by name without the batch; ``None`` as a name takes the one input, whatever it is called.
        output: wanted shape of the first output without the batch.
        settings: wanted whole shape of inputs that are no pictures and have no batch.
        device: where it runs.
        backend: ``auto`` or one of :data:`BACKENDS`; ``auto`` is ONNX Runtime.
        threads: on the CPU; all processors that this process may use if not given.

    Raises:
        WeightsError: the file cannot be loaded, or its graph is another one.
        BackendError: the backend is unknown, missing, or not for this device.
    """

    def __init__(
        self,
        path: Path,
        inputs: Mapping[str | None, Shape],
        output: Shape,
        *,
        settings: Mapping[str, Shape] | None = None,
        device: str = "cpu",
        backend: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._session, self.device = _opened(path, device, backend, threads)
        found = {item.name: item for item in self._session.get_inputs()}
        self._settings = settings or {}
        pictures = [name for name in found if name not in self._settings]
        if None in inputs and len(pictures) == 1:
            inputs = {pictures[0]: inputs[None]}
        fits = found.keys() == {*inputs, *self._settings} and all(
            _fits(found[name], shape) for name, shape in inputs.items() if name is not None
        )
        fits = fits and all(_is(found[name], shape) for name, shape in self._settings.items())
        outputs = self._session.get_outputs()
        if not fits or not _fits(outputs[0], output, open_rank=True):
            wanted = [f"{name or 'one input'} {_batched(shape)}" for name, shape in inputs.items()]
            wanted += [f"{name} ({', '.join(map(str, shape))})" for name, shape in self._settings.items()]
            raise WeightsError(
                f"{path} does not fit its contract: it has {_written(found.values())} -> {_written(outputs[:1])}, wanted "
                f"{', '.join(wanted)} -> {_batched(output)}. Check that the file belongs to the contract."
            )
        self._types = {name: _TYPES[item.type] for name, item in found.items()}
        self._pictures = pictures
        self._output = output
        self.name = path.name
        # A graph that fixes the batch of one of its inputs is run once per picture.
        self.batch = 1 if any(isinstance(found[name].shape[0], int) for name in pictures) else MOST_AT_ONCE

    def __call__(self, *values: NDArray[Any], **named: NDArray[Any]) -> Array:
        """The first output, ``(N, *output)``, float32.

        Args:
            values: of the one picture, if no names are given.
            named: values by input; settings are always named.

        Raises:
            ImageError: the output is not finite or has another shape.
        """
        feeds = named | dict(zip(self._pictures, values, strict=False))
        cast = {name: np.ascontiguousarray(value, self._types[name]) for name, value in feeds.items()}
        result = np.asarray(self._session.run(None, cast)[0], np.float32)
        count = len(feeds[self._pictures[0]])
        if result.size != count * int(np.prod(self._output)) or not np.isfinite(result).all():
            raise ImageError(
                f"{self.name} gave {result.shape}{'' if np.isfinite(result).all() else ' with values that are not finite'}; "
                f"wanted {(count, *self._output)}. Its weights are damaged, or its contract is another one."
            )
        return result.reshape(count, *self._output)


def _opened(path: Path, device: str, backend: str, threads: int | None) -> tuple[Any, str]:
    """A session and where it really runs."""
    if backend not in ("auto", *BACKENDS):
        raise BackendError(
            f"The backend {backend!r} runs no ONNX files of others; choose auto or one of {', '.join(BACKENDS)}."
        )
    if backend != "openvino":
        session = open_session(path, device=device, threads=threads, remedy=_REMEDY)
        return session, device_of(session)
    if not is_cpu(device):
        raise BackendError(
            f"The backend 'openvino' runs on the CPU only, got device {device}; use backend 'auto' or device 'cpu'."
        )
    compiled = OpenVinoSession(path, threads=threads, remedy=_REMEDY)
    return compiled, compiled.label


def _fits(item: Any, shape: Shape, *, open_rank: bool = False) -> bool:
    """Whether an input or output takes a shape, open sizes included; some graphs leave an output's shape open, or its batch out."""
    if item.type not in _TYPES:
        return False
    found = list(item.shape or ())
    if open_rank and not found:
        return True
    if len(found) == len(shape) and open_rank:
        found = [1, *found]
    if len(found) != len(shape) + 1 or (isinstance(found[0], int) and found[0] != 1):
        return False
    return all(not isinstance(side, int) or side == wanted for side, wanted in zip(found[1:], shape, strict=True))


def _is(item: Any, shape: Shape) -> bool:
    """Whether an input without a batch has a shape, open sizes included."""
    sides = list(item.shape or ())
    return (
        item.type in _TYPES
        and len(sides) == len(shape)
        and all(not isinstance(side, int) or side == wanted for side, wanted in zip(sides, shape, strict=True))
    )


def _written(items: Any) -> str:
    return ", ".join(
        f"{item.name} ({', '.join(str(s) if isinstance(s, int) else '?' for s in item.shape)})" for item in items
    )


def _batched(shape: Shape) -> str:
    return f"(1, {', '.join(map(str, shape))})"
