"""Recorded steps: which steps are recorded and replayed, and on a GPU that a replay computes what the step does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from mobilefaceswap_core.training.data.faces import faces_from_packs
from mobilefaceswap_core.training.loop.options import LoopOptions
from mobilefaceswap_core.training.loop.recorder import Recordable, Recorder
from mobilefaceswap_core.training.loop.trainer import Trainer, batch_generator
from mobilefaceswap_core.training.student.options import StudentConfig, StudentLosses
from mobilefaceswap_core.training.student.task import StudentTask
from mobilefaceswap_core.training.teacher.options import TeacherConfig, TeacherLosses
from mobilefaceswap_core.training.teacher.task import TeacherTask
from tests.fakes.training_faces import noise_faces, noise_pack, stored

CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Batch:
    x: Tensor
    note: str = "not a tensor"


class _Doubles:
    """Counts its work; odd steps take another turn than even ones, and every tenth cannot be recorded."""

    def __init__(self) -> None:
        self.weight = torch.nn.Parameter(torch.tensor(2.0))
        self.computed: list[str] = []
        self.replays = 0

    def prepare(self, step, generator):
        return _Batch(torch.tensor(float(step)))

    def turn(self, step):
        return "tenth" if step % 10 == 9 else ("even", "odd")[step % 2]

    def can_record(self, turn):
        return turn != "tenth"

    def terms(self, turn, batch):
        self.computed.append(turn)
        return {"product": self.weight * batch.x}

    def replayed(self):
        self.replays += 1


class _Graph:
    """Stands in for a CUDA graph: it runs what was recorded again."""

    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


@pytest.fixture
def cuda(monkeypatch):
    """The few parts of ``torch.cuda`` that the recorder needs; recording works unless ``fails`` holds something."""
    fails: list[str] = []

    @contextmanager
    def graph(recorded, pool, stream) -> Iterator[None]:
        yield
        if fails:
            raise RuntimeError(fails[0])

    class Stream:
        def wait_stream(self, other) -> None: ...

    for name, value in {
        "graph": graph, "CUDAGraph": _Graph, "Stream": Stream, "current_stream": Stream, "graph_pool_handle": object,
        "stream": lambda stream: nullcontext(), "synchronize": lambda: None,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    return fails


def _recorder(task, said):
    def compute(losses):
        terms = losses()
        sum(terms.values()).backward()
        return terms

    return Recorder(task, compute, [task.weight], say=said.append)


def test_each_turn_runs_three_times_is_recorded_once_and_then_replayed(cuda):
    task, said = _Doubles(), []
    recorder = _recorder(task, said)
    for step in range(20):
        terms = recorder.step(step, batch_generator(1, step, 0, CPU))
        assert set(terms) == {"product"}
    # Three warm steps and one recording each, and both tenths as they are.
    assert task.computed.count("even") == task.computed.count("odd") == 4 and task.computed.count("tenth") == 2
    assert task.replays == 20 - 4 - 4 - 2 and not said
    assert recorder._batch.x == 18.0 and recorder._batch.note == "not a tensor", "a replay reads the newest batch"


def test_gradients_stay_in_one_place_and_are_those_of_one_step(cuda):
    task = _Doubles()
    recorder = _recorder(task, [])
    recorder.step(3, batch_generator(1, 3, 0, CPU))
    gradient = task.weight.grad
    assert gradient == 3.0
    recorder.step(5, batch_generator(1, 5, 0, CPU))
    assert task.weight.grad is gradient and gradient == 5.0, "not added up, and in the same memory"


def test_where_recording_fails_every_step_still_runs_and_it_says_why(cuda):
    cuda.append("operation not permitted when stream is capturing")
    task, said = _Doubles(), []
    recorder = _recorder(task, said)
    for step in range(12):
        assert recorder.step(step, batch_generator(1, step, 0, CPU))["product"] == 2.0 * step
        assert task.weight.grad == step
    assert task.replays == 0 and len(said) == 1 and "not permitted" in said[0]


def test_windows_penalty_steps_and_cpus_are_not_recorded(tmp_path):
    faces = noise_faces([str(i) for i in range(10)])
    pairs = stored(tmp_path / "p", faces, hold_out=0.0)

    def task(**changes):
        weights = StudentLosses(adversarial=1.0)
        config = StudentConfig(loop=LoopOptions(batch=2), losses=weights, discriminator_width=4, **changes)
        return StudentTask(config, faces, pairs)

    whole, windows = task(), task(crop_px=16)
    assert isinstance(whole, Recordable) and not whole.can_record(whole.turn(1))
    for each in (whole, windows):
        each.device = torch.device("cuda")  # nothing is computed here
    assert whole.turn(1).critic and not whole.can_record(whole.turn(1)), "the critic's first step has the R1 penalty"
    whole.replayed()
    assert whole.critic.steps == 1 and whole.can_record(whole.turn(1)) and not windows.can_record(windows.turn(1))
    assert len({whole.turn(step) for step in range(40)}) == 3  # recogniser and penalties: few recordings


def test_the_teachers_steps_can_be_recorded_but_for_those_with_the_penalty():
    config = TeacherConfig(
        loop=LoopOptions(batch=2), start="scratch", width=8, blocks=1, discriminator_width=4, snapshots=0,
        losses=TeacherLosses(landmarks=0, perceptual=0),
    )  # fmt: skip
    task = TeacherTask(config, noise_faces([str(i) for i in range(10)]))
    assert isinstance(task, Recordable) and task.turn(0) and not task.can_record(False)
    batch = task.prepare(0, batch_generator(1, 0, 0, CPU))
    terms, again = (task.terms(True, batch) for _ in range(2))
    assert terms["identity"] == again["identity"], "nothing is drawn outside of the batch"
    assert task.critic.steps == 2 and not task.turn(2)
    task.device = torch.device("cuda")  # nothing is computed here
    assert task.can_record(False) and not task.can_record(True)
    task.replayed()
    assert task.critic.steps == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_replayed_step_has_the_terms_and_gradients_of_the_step(tmp_path):
    device = torch.device("cuda")
    faces = faces_from_packs([noise_pack([str(i) for i in range(10)])], [1.0], size_px=32, device=device)
    pairs = stored(tmp_path / "p", faces, hold_out=0.0)
    config = StudentConfig(loop=LoopOptions(batch=2, precision="float32"), alternate=False)
    task = StudentTask(config, faces, pairs, device=device)
    trainer = Trainer(task, config.loop, tmp_path / "run", device=device, say=lambda line: None)
    recorder = trainer._recorder
    assert recorder is not None
    for _ in range(5):
        replayed = recorder.step(1, batch_generator(1, 1, 0, device))
    assert recorder._recordings
    gradients = [p.grad.clone() for p in task.network.parameters()]
    task.network.zero_grad(set_to_none=True)
    plain = trainer._backward(lambda: task.losses(1, batch_generator(1, 1, 0, device)))
    assert all(replayed[name].item() == pytest.approx(plain[name].item(), rel=1e-3) for name in plain)
    for ours, parameter in zip(gradients, task.network.parameters(), strict=True):
        assert torch.allclose(ours, parameter.grad, rtol=1e-2, atol=1e-4)
