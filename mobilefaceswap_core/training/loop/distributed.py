"""Training in several processes, one per GPU, started by ``torchrun``. A single process does nothing here.

Each process runs the backward pass on its own samples. Then the gradients of all processes are averaged here, explicitly.
``DistributedDataParallel`` would do that by hooks, and its hooks allow neither a network that runs twice a step (the
teacher's discriminator) nor a loss that uses parts of a network. Averaging by hand costs little: the student's gradients are
16 MB.
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
    """Join the processes that ``torchrun`` started; without ``torchrun`` this process is alone.

    Returns:
        The place of this process, and its device.
    """
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
    """Give every process the same answer: the first process's time, and whether any process wants to stop.

    Clocks and signals differ between processes. If one process saved or left while the others trained, its next message
    would meet another one of theirs. If each took the learning rate from its own clock, the copies of the network would
    drift apart.
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
    """Note SIGINT and SIGTERM in the list that this gives, so that all processes can stop at the same step.

    A process that is alone keeps its usual handlers, and so does one that is not in its main thread.
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
