"""Several processes, one GPU each, started by ``torchrun``; a single process needs nothing of this.

Gradients are averaged explicitly after the backward pass instead of through ``DistributedDataParallel``: the teacher's
discriminator runs twice a step and several losses use parts of a network, which its hooks do not allow, and the sums are
small (16 MB for the student).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Place:
    """This process among all."""

    rank: int = 0
    processes: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0


def join(device: str) -> tuple[Place, torch.device]:
    """Join the group that ``torchrun`` announced; alone without one. Returns the place and this process's device."""
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        return Place(), torch.device(chosen)
    if chosen == "cuda":
        chosen = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(chosen)
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if chosen.startswith("cuda") else "gloo")
    return Place(dist.get_rank(), processes), torch.device(chosen)


def average_(tensors: Iterable[Tensor], place: Place) -> None:
    """Replace tensors by their mean over all processes, in one message per dtype."""
    if place.processes == 1:
        return
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        by_dtype.setdefault(tensor.dtype, []).append(tensor)
    for group in by_dtype.values():
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        dist.all_reduce(flat)
        flat /= place.processes
        for tensor, mean in zip(group, flat.split([t.numel() for t in group]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def agree(elapsed: float, stop: bool, place: Place) -> tuple[float, bool]:
    """The first process's time, and whether any process wants to stop; the same answer everywhere.

    Clocks and signals differ between processes: one that saves, or leaves, while the others train would meet them in the
    wrong exchange, and learning rates by the own clock would let the copies of the network drift apart.
    """
    if place.processes == 1:
        return elapsed, stop
    values = torch.tensor(
        [elapsed if place.first else 0.0, float(stop)], dtype=torch.float64
    )  # on the CPU: no GPU waits
    dist.all_reduce(values)
    return float(values[0]), bool(values[1] > 0)


@contextmanager
def signals_noted(place: Place) -> Iterator[list[int]]:
    """Among several processes, SIGINT and SIGTERM are noted in the list instead of raised, so that all stop at one step.

    Alone, or outside of the main thread, signals do what they did.
    """
    noted: list[int] = []
    if place.processes == 1 or threading.current_thread() is not threading.main_thread():
        yield noted
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda got, _: noted.append(got)) for number in numbers}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def average_gradients(network: nn.Module, place: Place) -> None:
    """Mean gradient over all processes, after the backward pass. Every process must have used the same parameters."""
    average_([p.grad for p in network.parameters() if p.grad is not None], place)


def average_buffers(network: nn.Module, place: Place) -> None:
    """Mean of batch-norm statistics over all processes."""
    average_([b for b in network.buffers() if b.is_floating_point()], place)
