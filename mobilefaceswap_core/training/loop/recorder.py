"""Training steps as CUDA graphs: recorded once, then replayed as one launch.

On a GPU a step of the student is some 4,600 small kernels, and launching them takes longer than running them
(docs/explanation/training_log.md, Speed). A replay repeats the recorded launches at the same addresses; it takes no branch
anew. So steps that branch differently are different *turns*, the task says which turn a step is, and each
turn has its own recording. Whatever is random or read from the data is prepared outside of the recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

_WARM_UP_STEPS = 3  # of each turn, as they come: libraries choose their kernels then, which a recording cannot wait for

Terms = dict[str, Tensor]


@runtime_checkable
class Recordable(Protocol):
    """A task whose steps can be recorded."""

    def prepare(self, step: int, generator: Generator) -> Any:
        """One batch with all that is random: a dataclass; its tensors have the same shapes at every step."""

    def turn(self, step: int) -> Hashable:
        """What is computed at this step; equal turns run the same code."""

    def can_record(self, turn: Hashable) -> bool:
        """Whether steps of this turn read nothing back to the CPU."""

    def terms(self, turn: Any, batch: Any) -> Terms:
        """The loss terms."""

    def replayed(self) -> None:
        """Called after a replay: what :meth:`terms` counts in Python has not been counted."""


@dataclass(frozen=True, eq=False)
class _Recording:
    graph: torch.cuda.CUDAGraph
    names: tuple[str, ...]
    values: Tensor  # of the terms, stacked; overwritten by the next replay


class Recorder:
    """Runs steps of a task on a CUDA device, recorded as soon as they are warm.

    A step that cannot be recorded, for whatever reason, runs as it would without a recorder; ``say`` tells why.

    Args:
        task: see :class:`Recordable`.
        compute: runs a function that gives loss terms and their backward pass, and returns the terms.
        parameters: of the trained network; their gradients stay in one place.
        say: called with lines for people.
    """

    def __init__(
        self,
        task: Recordable,
        compute: Callable[[Callable[[], Terms]], Terms],
        parameters: Sequence[Tensor],
        *,
        say: Callable[[str], None],
    ) -> None:
        self._task, self._compute, self._parameters, self._say = task, compute, parameters, say
        self._recordings: dict[Hashable, _Recording] = {}
        self._ran: Counter[Hashable] = Counter()
        self._pool = torch.cuda.graph_pool_handle()
        self._side = torch.cuda.Stream()
        self._batch: Any = None  # the one that all recordings read
        self._failed = False

    def step(self, step: int, generator: Generator) -> Terms:
        """Loss terms of a step; gradients of the parameters are then those of the step."""
        batch, turn = self._task.prepare(step, generator), self._task.turn(step)
        recording = self._recordings.get(turn)
        if recording is not None:
            self._load(batch)
            recording.graph.replay()
            self._task.replayed()
        elif self._failed or not self._task.can_record(turn) or self._ran[turn] < _WARM_UP_STEPS:
            self._ran[turn] += 1
            return self._run(turn, batch)
        else:
            recording = self._record(turn, batch)
            if recording is None:
                return self._run(turn, batch)
            recording.graph.replay()
        return dict(zip(recording.names, recording.values.clone().unbind(), strict=True))

    def _run(self, turn: Hashable, batch: Any) -> Terms:
        # On a stream of its own, as a recording will be: gradients are added up on the stream that first made them.
        self._side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._side):
            terms = self._cleared(turn, batch)
        torch.cuda.current_stream().wait_stream(self._side)
        return terms

    def _cleared(self, turn: Hashable, batch: Any) -> Terms:
        if gradients := [p.grad for p in self._parameters if p.grad is not None]:
            torch._foreach_zero_(gradients)  # in place: all recordings add to the same memory
        return self._compute(lambda: self._task.terms(turn, batch))

    def _record(self, turn: Hashable, batch: Any) -> _Recording | None:
        self._load(batch)
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._side):
                terms = self._cleared(turn, self._batch)
                values = torch.stack([term.detach().float() for term in terms.values()])
        except RuntimeError as error:
            self._failed = True
            self._say(f"steps are launched one kernel at a time, because recording failed: {error}")
            return None
        self._recordings[turn] = _Recording(graph, tuple(terms), values)
        return self._recordings[turn]

    def _load(self, batch: Any) -> None:
        tensors = {f.name: v for f in fields(batch) if isinstance(v := getattr(batch, f.name), Tensor)}
        if self._batch is None:
            self._batch = replace(batch, **{name: value.clone() for name, value in tensors.items()})
            return
        for name, value in tensors.items():
            getattr(self._batch, name).copy_(value)
