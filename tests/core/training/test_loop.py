"""The loop on a task small enough to be exact."""

from __future__ import annotations

import itertools
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mobilefaceswap_core.errors import TrainingError, WeightsError
from mobilefaceswap_core.training.loop.checkpoints import load_checkpoint, save_checkpoint
from mobilefaceswap_core.training.loop.distributed import Place, average_
from mobilefaceswap_core.training.loop.options import LoopOptions
from mobilefaceswap_core.training.loop.trainer import Task, Trainer, batch_generator, cosine, update_average

torch.set_num_threads(1)
OPTIONS = LoopOptions(steps=12, batch=4, learning_rate=1e-2, warmup_steps=3, precision="float32", log_every=5)


class Regression(Task):
    """Learn y = sum of the inputs, with a batch norm so that buffers take part."""

    def __init__(self, *, poison_at: int = -1) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.1), nn.Linear(8, 1))
        self.poison_at = poison_at
        self.memory = 0.0

    def losses(self, step, generator):
        x = torch.randn(16, 4, generator=generator)
        self.memory += float(x.sum())  # state of the task beside the network
        error = (self.network(x)[:, 0] - x.sum(1)).square().mean()
        return {"error": error * (float("nan") if step == self.poison_at else 1.0)}

    @torch.no_grad()
    def validate(self, network):
        x = torch.randn(256, 4, generator=torch.Generator().manual_seed(9))
        return {"error": float((network(x)[:, 0] - x.sum(1)).square().mean())}

    def export(self, network, folder, facts):
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), folder / "network.pt")
        return [folder / "network.pt"]

    def state(self):
        return {"memory": self.memory}

    def load_state(self, state):
        self.memory = state["memory"]


def _run(folder: Path, options: LoopOptions = OPTIONS, task: Task | None = None, **kwargs):
    trainer = Trainer(task or Regression(), options, folder, say=lambda line: None, **kwargs)
    return trainer.run(), trainer


def _interrupt_after(task: Regression, steps: int) -> Regression:
    inner, count = task.losses, itertools.count()

    def losses(step, generator):
        if next(count) == steps:
            raise KeyboardInterrupt
        return inner(step, generator)

    task.losses = losses
    return task


def test_a_run_interrupted_and_resumed_ends_bit_for_bit_like_one_that_was_not(tmp_path):
    _run(tmp_path / "whole")
    stopped, _ = _run(tmp_path / "parts", task=_interrupt_after(Regression(), 5))
    assert stopped.stopped == "interrupted" and stopped.steps == 5
    _run(tmp_path / "parts")
    a, b = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert a["step"] == b["step"] == 12 and a["task"] == b["task"]
    for part in ("network", "average"):
        assert all(torch.equal(a[part][key], b[part][key]) for key in a[part]), part
    moments = lambda state: [v for s in state["optimiser"]["state"].values() for v in s.values()]  # noqa: E731
    assert all(torch.equal(x, y) for x, y in zip(moments(a), moments(b), strict=True))


def test_training_improves_the_average_and_reports_before_and_after(tmp_path):
    result, _ = _run(tmp_path, LoopOptions(steps=150, learning_rate=3e-2, warmup_steps=5, precision="float32"))
    assert result.after["error"] < 0.3 * result.before["error"]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["kind"] == "start" and lines[-1]["kind"] == "validation"
    assert lines[-1]["error"] == pytest.approx(result.after["error"], abs=1e-5)


class Alternating(Regression):
    """Adds a term that only every second step computes, and that is the step's number."""

    def losses(self, step, generator):
        terms = super().losses(step, generator)
        return terms | {"every_second": terms["error"].detach() * 0 + step} if step % 2 == 0 else terms


def test_a_term_of_every_second_step_is_logged_as_it_is_and_not_as_it_began(tmp_path):
    _run(tmp_path, replace(OPTIONS, log_every=4), Alternating())  # lines at steps whose number is odd: no such term
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    logged = [line["every_second"] for line in lines if line["kind"] == "train"]
    assert len(logged) == 4 and logged[0] == 0 and sorted(set(logged)) == logged


def test_a_budget_of_minutes_ends_in_time_with_an_export(tmp_path):
    ticks = itertools.count(step=1.0)  # every look at the clock takes a second
    options = LoopOptions(steps=10_000, minutes=1.0, precision="float32")
    result, _ = _run(tmp_path, options, clock=lambda: next(ticks))
    assert result.stopped == "minutes used up" and 0 < result.steps < 60
    assert (tmp_path / "export" / "network.pt").is_file()


def test_a_gradient_that_is_not_finite_stops_the_run_and_leaves_the_last_checkpoint_alone(tmp_path):
    _run(tmp_path, LoopOptions(steps=3, precision="float32"))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(TrainingError, match="not finite at step 6"):
        _run(tmp_path, OPTIONS, Regression(poison_at=6))
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_task_that_says_it_diverged_stops_the_run(tmp_path):
    task = Regression()
    task.diverged = lambda terms, step: "the mask collapsed." if step >= 5 else ""
    with pytest.raises(TrainingError, match="step 5: the mask collapsed"):
        _run(tmp_path, task=task)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="not a checkpoint"):
        _run(tmp_path)


class Harmful:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_checkpoints_are_read_without_running_code(tmp_path, capsys):
    save_checkpoint({"x": Harmful()}, tmp_path / "c.pt")
    with pytest.raises(WeightsError):
        load_checkpoint(tmp_path / "c.pt")
    assert capsys.readouterr().out == ""


def test_the_average_is_a_linear_mix_and_copies_counters():
    ours, theirs = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        ours.weight.fill_(1.0)
        theirs.weight.fill_(3.0)
    theirs.running_mean.fill_(2.0)
    theirs.num_batches_tracked.fill_(7)
    update_average(ours, theirs, 0.75)
    assert ours.weight.tolist() == [1.5, 1.5] and ours.running_mean.tolist() == [0.5, 0.5]
    assert int(ours.num_batches_tracked) == 7


def test_the_schedule_falls_from_one_to_its_end_and_stays_there():
    values = [cosine(p, end=0.01) for p in (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)]
    assert values[0] == 1.0 and values[2] == pytest.approx(0.505) and values[4] == values[5] == pytest.approx(0.01)
    assert values == sorted(values, reverse=True)


def test_batches_depend_on_seed_step_and_process_alone():
    device = torch.device("cpu")
    draw = lambda *key: torch.rand(4, generator=batch_generator(*key, device)).tolist()  # noqa: E731
    assert draw(1, 5, 0) == draw(1, 5, 0)
    assert len({tuple(draw(*key)) for key in ((1, 5, 0), (2, 5, 0), (1, 6, 0), (1, 5, 1))}) == 4


def _average_in_process(rank: int, store: str, queue) -> None:
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    tensors = [torch.full((2, 2), float(rank)), torch.tensor([10.0 * rank])]
    average_(tensors, Place(rank, 2))
    queue.put([t.tolist() for t in tensors])
    dist.destroy_process_group()


def test_two_processes_end_with_the_same_mean(tmp_path):
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_average_in_process, args=(r, str(tmp_path / "store"), queue)) for r in range(2)]
    for worker in workers:
        worker.start()
    results = [queue.get(timeout=180) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
    assert results == [[[[0.5, 0.5], [0.5, 0.5]], [5.0]]] * 2


def _train_in_process(rank: int, store: str, folder: Path, signalled: bool, queue) -> None:
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    ticks = itertools.count()
    clock = lambda: next(ticks) * (1.0 + 0.7 * rank) + 1000 * rank  # noqa: E731  the second one's runs faster
    task = Regression()
    if signalled and rank == 1:
        inner, calls = task.losses, itertools.count()

        def losses(step, generator):
            if next(calls) == 5:
                os.kill(os.getpid(), signal.SIGTERM)  # only one of the two is told to stop
            return inner(step, generator)

        task.losses = losses
    options = replace(OPTIONS, steps=1000, minutes=1.0, save_minutes=0.1)
    result, trainer = _run(folder, options, task, place=Place(rank, 2), clock=clock)
    queue.put((result.stopped, result.steps, [p.tolist() for p in trainer.task.network.parameters()]))
    dist.destroy_process_group()


@pytest.mark.parametrize("signalled", [False, True])
def test_two_processes_with_different_clocks_save_and_stop_at_the_same_step(tmp_path, signalled):
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    (tmp_path / "run").mkdir()
    arguments = str(tmp_path / "store"), tmp_path / "run", signalled, queue
    workers = [context.Process(target=_train_in_process, args=(rank, *arguments)) for rank in range(2)]
    for worker in workers:
        worker.start()
    first, second = (queue.get(timeout=180) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
    assert first == second  # the reason, the step, and every weight: learning rates followed one clock
    assert first[0] == ("interrupted" if signalled else "minutes used up")
    assert first[1] == 6 if signalled else first[1] > 20
    said = [json.loads(line)["kind"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert said.count("validation") == 1 if signalled else said.count("validation") > 3


def test_one_process_averages_nothing():
    tensor = torch.tensor([3.0])
    average_([tensor], Place())
    assert tensor.item() == 3.0
