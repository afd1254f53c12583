"""How long and how a network is trained; the same for every program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How long and how a network is trained.

    Attributes:
        steps: optimiser steps of the whole run; with ``minutes`` the length is the time and this only bounds it.
        minutes: wall-clock budget of this call, its final export included; 0 means no budget.
        batch: samples per step and process.
        learning_rate: peak of the cosine schedule.
        final_learning_rate: its end, as a fraction of the peak.
        warmup_steps: linear rise at the start of a run and of each resumed call that has a time budget.
        betas: of Adam.
        clip_norm: gradient norm above which gradients are scaled down.
        ema: decay of the averaged weights, which are what is exported.
        precision: ``auto`` takes bfloat16 on CUDA and on CPUs that multiply it, ``float32`` is bit-exact on resume.
        compile: run the network through ``torch.compile``.
        record: on one CUDA device, record steps of student and teacher as CUDA graphs: one launch each instead of some
            thousands.
        seed: of initialisation, batches and augmentation; batch k of a run depends on (seed, k) alone.
        log_every: steps between lines of the log.
        save_minutes: between checkpoints; every checkpoint is exported too.
        tensorboard: also write TensorBoard events.
    """

    steps: int = 100_000
    minutes: float = 0.0
    batch: int = 8
    learning_rate: float = 1.2e-3
    final_learning_rate: float = 0.01
    warmup_steps: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float = 10.0
    ema: float = 0.998
    precision: str = "auto"
    compile: bool = False
    record: bool = True
    seed: int = 1
    log_every: int = 20
    save_minutes: float = 10.0
    tensorboard: bool = False
