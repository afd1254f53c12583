"""Several processes, one GPU each, started by ``torchrun``; a single process needs nothing of this.

Gradients are averaged explicitly after the backward pass instead of through ``DistributedDataParallel``: the teacher's
discriminator runs twice a step and several losses use parts of a network, which its hooks do not allow, and the sums are
small (16 MB for the student).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
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
        dist.init_process_group("nccl" if chosen.startswith("cuda") else "gloo")
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


def average_gradients(network: nn.Module, place: Place) -> None:
    """Mean gradient over all processes, after the backward pass. Every process must have used the same parameters."""
    average_([p.grad for p in network.parameters() if p.grad is not None], place)


def average_buffers(network: nn.Module, place: Place) -> None:
    """Mean of batch-norm statistics over all processes."""
    average_([b for b in network.buffers() if b.is_floating_point()], place)
