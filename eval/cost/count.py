"""Multiply-adds and parameters by operator.

Convention: one multiply-add is one (as fvcore and most papers count; PyTorch's own counter counts it as two). Counted are
convolutions, transposed convolutions and matrix products. Everything else that computes (norms, activations, sums,
interpolation) is listed by name with the number of values it writes, so that nothing is left out in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call computes, for the batch it was called with.

    Attributes:
        parameters: values the network holds, buffers left out.
        multiply_adds: in all counted operators.
        by_operator: the same by operator, largest first.
        uncounted: values written by operators that compute without multiply-adds, by operator, largest first.
    """

    parameters: int
    multiply_adds: int
    by_operator: dict[str, int] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Cost) -> Cost:
        """Two networks run after each other."""
        return Cost(
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            _sorted(Counter(self.by_operator) + Counter(other.by_operator)),
            _sorted(Counter(self.uncounted) + Counter(other.uncounted)),
        )

    def __mul__(self, times: int) -> Cost:
        """One network run several times: its parameters are held once."""
        return Cost(
            self.parameters,
            self.multiply_adds * times,
            {name: value * times for name, value in self.by_operator.items()},
            {name: value * times for name, value in self.uncounted.items()},
        )


NOTHING = Cost(0, 0)

# Move, view or allocate values; they compute nothing.
_MOVES = frozenset({
    "view", "_unsafe_view", "reshape", "expand", "permute", "transpose", "t", "squeeze", "unsqueeze", "select",
    "slice", "split", "split_with_sizes", "chunk", "unbind", "alias", "detach", "clone", "copy_", "_to_copy",
    "to", "cat", "stack", "constant_pad_nd", "reflection_pad2d", "contiguous", "empty", "empty_like", "zeros",
    "zeros_like", "ones", "ones_like", "full", "new_zeros", "new_empty", "lift_fresh", "as_strided", "arange",
    "scalar_tensor", "dropout", "native_dropout", "index", "unfold", "repeat", "view_as_real", "narrow",
    "flatten",
})  # fmt: skip


class _Recorder(TorchDispatchMode):
    """Writes down every operator that reaches the backend and how many values it wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        first = next(iter(_tensors(out)), None)
        self.written[func.overloadpacket.__name__] += 0 if first is None else first.numel()
        return out


def count(call: Callable[..., Any], *inputs: Any, parameters: int | None = None) -> Cost:
    """Count one call.

    Args:
        call: a module or function of tensors; on ``meta`` tensors nothing is computed.
        inputs: its arguments.
        parameters: values it holds; a module's own parameters if not given.

    Returns:
        The cost of the whole batch given.
    """
    if parameters is None:
        parameters = sum(p.numel() for p in call.parameters()) if isinstance(call, nn.Module) else 0
    if isinstance(call, nn.Module):
        call.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter, _Recorder() as recorder:
        call(*inputs)
    counted = {op.__name__: flops for op, flops in counter.get_flop_counts().get("Global", {}).items()}
    multiply_adds = {name: flops // 2 for name, flops in counted.items()}
    others = {name: n for name, n in recorder.written.items() if name not in counted and name not in _MOVES and n}
    return Cost(parameters, sum(multiply_adds.values()), _sorted(multiply_adds), _sorted(others))


def transposed_multiply_adds(network: nn.Module, *inputs: Any) -> int:
    """Multiply-adds in transposed convolutions alone: input positions times kernel.

    Some counters (``paddle.flops``, thop) charge them per output position, which is stride squared times as much.
    """
    total = 0

    def hook(layer: nn.ConvTranspose2d, args: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        total += args[0].numel() * layer.weight[0].numel()

    layers = [layer for layer in network.modules() if isinstance(layer, nn.ConvTranspose2d)]
    handles = [layer.register_forward_hook(hook) for layer in layers]
    with torch.no_grad():
        network.eval()(*inputs)
    for handle in handles:
        handle.remove()
    return total


def meta(build: Callable[[], Any]) -> Any:
    """What ``build`` makes, with tensors that have shapes and no values: a 400 M network takes no memory."""
    with torch.device("meta"):
        return build()


def meta_tensor(*shape: int) -> Tensor:
    """A float32 tensor without values.

    >>> layer = meta(lambda: nn.Conv2d(3, 16, 3, padding=1))
    >>> cost = count(layer, meta_tensor(1, 3, 224, 224))
    >>> cost.parameters, cost.multiply_adds  # 16 x (3 x 9 + 1); 16 x 3 x 9 x 224 x 224
    (448, 21676032)
    """
    return torch.empty(shape, device="meta")


def _tensors(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)


def _sorted(values: dict[str, int] | Counter[str]) -> dict[str, int]:
    return dict(sorted(values.items(), key=lambda item: -item[1]))
