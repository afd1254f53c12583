"""The training loop shared by all programs: schedule, precision, averaging, checkpoints, log, and an export at every end.

What a program trains is a :class:`Task`. Batch k of a run depends on (seed, process, k) alone, so a run that is resumed
from a checkpoint continues bit for bit as if it had not been stopped (in float32 on the CPU, with a length in steps).
"""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from ...errors import TrainingError
from ...teachers.embedding_swapper import resolve_precision
from ...types import Image
from .checkpoints import CHECKPOINT, load_checkpoint, save_checkpoint
from .distributed import Place, agree, average_buffers, average_gradients, signals_noted
from .logs import RunLog
from .options import LoopOptions
from .recorder import Recordable, Recorder

_SMOOTHING = 0.97  # of the logged losses, per step


class Task(ABC):
    """What is trained.

    Attributes:
        network: the trained module; its running average is what is validated and exported.
    """

    network: nn.Module

    @abstractmethod
    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        """One batch's loss terms, already weighted; their sum is minimised."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on held-out people; empty when none are held out."""
        return {}

    def grid(self, network: nn.Module) -> Image | None:
        """Sample images, RGB uint8."""
        return None

    @abstractmethod
    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        """Write the averaged network in its final form."""

    def diverged(self, terms: dict[str, float], step: int) -> str:
        """Why this run should stop, from smoothed loss terms; empty while all is well."""
        return ""

    def state(self) -> dict[str, Any]:
        """Whatever besides the network, its average and its optimiser belongs into a checkpoint."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back :meth:`state`."""
        return

    def progressed(self, fraction: float, network: nn.Module, folder: Path) -> None:
        """Called after each step with the fraction of the run that is done (the teacher keeps snapshots)."""
        return


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a call did.

    Attributes:
        steps: of the run so far, earlier calls included.
        seconds_per_step: mean of this call.
        before: validation figures of the averaged network before the run.
        after: the same at its end.
        exported: files written last.
        stopped: why it ended.
    """

    steps: int
    seconds_per_step: float
    before: dict[str, float]
    after: dict[str, float]
    exported: tuple[Path, ...]
    stopped: str


def batch_generator(seed: int, step: int, rank: int, device: torch.device) -> Generator:
    """The only source of randomness of one batch."""
    mixed = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(mixed >> 1))


def cosine(progress: float, *, end: float) -> float:
    """1 at progress 0, ``end`` at progress 1, half a cosine between."""
    return end + (1 - end) * (0.5 + 0.5 * math.cos(math.pi * min(max(progress, 0.0), 1.0)))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network: ``average = decay * average + (1 - decay) * network``, buffers included."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
        ours.lerp_(theirs, 1 - decay) if ours.is_floating_point() else ours.copy_(theirs)


class Trainer:
    """Runs a task in a folder: ``checkpoint.pt``, ``log.jsonl``, ``config.json``, ``samples/`` and ``export/``.

    Args:
        task: what to train; its network is already on ``device``.
        options: length, schedule, precision.
        folder: of the run; a checkpoint in it is resumed.
        device: of the network.
        place: this process among several.
        say: called with lines for people.
        clock: seconds, replaceable in tests.
    """

    def __init__(
        self,
        task: Task,
        options: LoopOptions,
        folder: Path,
        *,
        device: torch.device | str = "cpu",
        place: Place = Place(),
        say: Callable[[str], None] = print,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.task, self.options, self.folder = task, options, folder
        self.device, self.place, self._say, self._clock = torch.device(device), place, say, clock
        self.dtype = resolve_precision(options.precision, self.device)  # type: ignore[arg-type]
        self.average = copy.deepcopy(task.network).eval().requires_grad_(False)
        fused = self.device.type == "cuda"
        trained = [p for p in task.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(trained, 1.0, options.betas, fused=fused)
        self.step = 0
        self._recorder: Recorder | None = None
        if options.record and fused and place.processes == 1 and isinstance(task, Recordable):
            self._recorder = Recorder(task, self._backward, trained, say=say)
        if options.compile:
            task.network.compile()

    def run(self, *, began: float | None = None) -> RunResult:
        """Train until the steps or the minutes are used up, then save, validate and export.

        Also after an interruption from the keyboard. After a divergence nothing is saved.

        Args:
            began: when the budget of minutes started to run, by the trainer's clock; now if not given.

        Raises:
            TrainingError: the run diverged.
        """
        began = self._clock() if began is None else began
        self._resume()
        first = self.step
        before, grid_seconds = self._timed(lambda: self.task.validate(self.average))
        log = RunLog(self.folder, first_process=self.place.first, tensorboard=self.options.tensorboard)
        log.write("start", self.step, {**before, "precision": str(self.dtype), "processes": self.place.processes})
        self._say(f"start at step {self.step}: {_text(before)}")
        # The end of a budget holds validation, grid and export: about thrice what the first validation took.
        budget = self.options.minutes * 60 - 3 * grid_seconds - 2 if self.options.minutes else math.inf
        budget, _ = agree(budget, False, self.place)
        smooth: dict[str, float] = {}
        terms: dict[str, Tensor] = {}  # the last value of each: some are computed every second or fourth step only
        self.task.network.train()
        stopped, started = "steps used up", self._clock()
        saved, _ = agree(started - began, False, self.place)  # seconds since `began`, as all times below
        try:
            with signals_noted(self.place) as signals:
                while self.step < self.options.steps:
                    elapsed, interrupted = agree(self._clock() - began, bool(signals), self.place)
                    if interrupted or elapsed >= budget:
                        stopped = "interrupted" if interrupted else "minutes used up"
                        break
                    if elapsed - saved > self.options.save_minutes * 60:
                        self._save_and_export(log)
                        saved = elapsed
                    progress = self.step / self.options.steps
                    if math.isfinite(budget):
                        progress = max(progress, elapsed / budget)
                    terms |= self._train_step(progress, self.step - first)
                    self._watch(smooth, terms, log, last=first)
                    if self.place.first:
                        self.task.progressed(progress, self.average, self.folder)
        except KeyboardInterrupt:
            stopped = "interrupted"
        seconds = (self._clock() - started) / max(1, self.step - first)
        after, exported = self._save_and_export(log)
        log.close()
        return RunResult(self.step, seconds, before, after, tuple(exported), stopped)

    def _train_step(self, progress: float, since_start: int) -> dict[str, Tensor]:
        rate = self.options.learning_rate * cosine(progress, end=self.options.final_learning_rate)
        rate *= min(1.0, (since_start + 1) / max(1, self.options.warmup_steps)) if self._warms_up() else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        generator = batch_generator(self.options.seed, self.step, self.place.rank, self.device)
        if self._recorder is not None:
            terms = self._recorder.step(self.step, generator)
        else:
            self.optimiser.zero_grad(set_to_none=True)
            terms = self._backward(lambda: self.task.losses(self.step, generator))
        average_gradients(self.task.network, self.place)
        norm = nn.utils.clip_grad_norm_(self.task.network.parameters(), self.options.clip_norm)
        if self.device.type != "cuda":  # on a GPU reading it would wait for the step; there the log's lines are checked
            self._check_finite(float(norm))
        self.optimiser.step()
        self.step += 1
        # A young average follows the network closely, else it would be an average with the initial weights.
        decay = min(self.options.ema, (1 + self.step) / (10 + self.step))
        update_average(self.average, self.task.network, decay)
        extra = {"gradient_norm": norm.detach(), "rate": torch.tensor(rate)}
        return {name: term.detach() for name, term in terms.items()} | extra

    def _backward(self, losses: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Compute loss terms in the run's precision, and add their gradients to the parameters'."""
        low = self.dtype == torch.bfloat16
        with torch.autocast(self.device.type, dtype=torch.bfloat16) if low else nullcontext():
            terms = losses()
        total = torch.stack([term.float() for term in terms.values()]).sum()
        total.backward()
        return terms

    def _check_finite(self, norm: float) -> None:
        if not math.isfinite(norm):
            raise TrainingError(
                f"The gradient is not finite at step {self.step}. The last checkpoint is untouched: resume from it with a "
                "lower loop.learning_rate, or with loop.precision=float32."
            )

    def _warms_up(self) -> bool:
        # With a length in steps a resumed run must not warm up again: it would not be the same run.
        return bool(self.options.minutes) or self.step < self.options.warmup_steps

    def _watch(self, smooth: dict[str, float], terms: dict[str, Tensor], log: RunLog, *, last: int) -> None:
        if self.step % self.options.log_every and self.step != last + 1:
            return
        keep = _SMOOTHING**self.options.log_every
        for name, value in terms.items():
            number = float(value)
            smooth[name] = smooth.get(name, number) * keep + number * (1 - keep)
        smooth["rate"] = float(terms["rate"])
        self._check_finite(smooth["gradient_norm"])
        log.write("train", self.step, dict(smooth))
        self._say(f"step {self.step}: {_text(smooth)}")
        if reason := self.task.diverged(smooth, self.step):
            raise TrainingError(f"The run diverged at step {self.step}: {reason} The last checkpoint is untouched.")

    def _save_and_export(self, log: RunLog) -> tuple[dict[str, float], list[Path]]:
        self._check_finite(float(sum(p.sum() for p in self.average.parameters())))
        average_buffers(self.average, self.place)
        figures = self.task.validate(self.average)
        exported: list[Path] = []
        if self.place.first:
            state = {
                "network": self.task.network.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "task": self.task.state(),
                "step": self.step,
            }
            save_checkpoint(state, self.folder / CHECKPOINT)
            facts = {"steps": str(self.step), **{key: f"{value:.4f}" for key, value in figures.items()}}
            exported = self.task.export(self.average, self.folder / "export", facts)
            if (grid := self.task.grid(self.average)) is not None:
                log.image("samples", self.step, grid)
            log.write("validation", self.step, figures)
            self._say(f"saved at step {self.step}: {_text(figures)}")
        return figures, exported

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return
        state = load_checkpoint(path, self.device)
        self.task.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.task.load_state(state["task"])
        self.step = int(state["step"])

    def _timed(self, call: Callable[[], dict[str, float]]) -> tuple[dict[str, float], float]:
        began = self._clock()
        value = call()
        return value, self._clock() - began


def _text(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items()) or "nothing is held out"
