"""The critic of the student's adversarial losses."""

from __future__ import annotations

import pytest
import torch

from mobilefaceswap_core.training.loop.options import LoopOptions
from mobilefaceswap_core.training.loop.trainer import batch_generator
from mobilefaceswap_core.training.losses import terms as losses
from mobilefaceswap_core.training.student.options import StudentConfig, StudentLosses
from mobilefaceswap_core.training.student.task import StudentTask
from tests.fakes.training_faces import noise_faces, stored

torch.set_num_threads(1)
LOOP = LoopOptions(steps=2, batch=2, precision="float32", log_every=1, warmup_steps=1)


@pytest.fixture(scope="module")
def faces():
    return noise_faces([str(i) for i in range(10)])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, faces):
    return stored(tmp_path_factory.mktemp("stored") / "pairs", faces)


def _task(faces, pairs, **changes) -> StudentTask:
    return StudentTask(StudentConfig(loop=LOOP, **changes), faces, pairs)


def test_the_critic_learns_to_tell_the_student_from_the_teacher_and_pulls_it_there(tmp_path, faces, pairs):
    weights = StudentLosses(
        distil=0, gradient=0, identity=0, perceptual=0, mask=0, activation=0, adversarial=1.0, r1=0.0
    )
    task = _task(faces, pairs, losses=weights, discriminator_width=4)
    critic = task.critic
    assert critic is not None and critic.ramp == 0.0
    real, fake = torch.full((4, 3, 32, 32), 0.9), torch.full((4, 3, 32, 32), 0.1, requires_grad=True)
    for _ in range(40):
        critic.train(real, fake)
    scores, _ = critic.judge(fake)
    assert losses.generator_hinge(critic.judge(real)[0]) < losses.generator_hinge(scores)
    assert fake.grad is None, "the critic's own step leaves the student alone"
    losses.generator_hinge(scores).backward()
    assert fake.grad.sum() < 0, "going against the gradient makes the image brighter, like the real ones"
    assert all(p.grad is None or p.requires_grad for p in critic.discriminator.parameters())
    terms = task.losses(3, batch_generator(1, 3, 0, torch.device("cpu")))
    assert 0 < critic.ramp < 1 and set(terms) == {"distil", "adversarial"}, "a weight of 0 leaves its term out"
    both = critic.terms(fake.detach(), real, adversarial=1.0, feature_matching=2.0)
    assert set(both) == {"adversarial", "feature_matching"} and both["feature_matching"] > 0
    again = _task(faces, pairs, losses=weights, discriminator_width=4)
    again.load_state(task.state())
    assert again.critic.steps == critic.steps
    assert torch.equal(again.critic.judge(real)[0][0], critic.judge(real)[0][0])
    again.load_state({})  # a checkpoint from before there was a critic


def test_a_critic_that_answers_a_constant_for_long_stops_the_run(faces, pairs):
    critic = _task(faces, pairs, losses=StudentLosses(adversarial=1.0), discriminator_width=4).critic
    critic.steps = 5000
    for loss in (4.0, 3.996, 4.003, 4.0, 3.9, 4.0):  # one that lives passes this value now and then
        critic.note(loss)
        assert critic.diverged() == ""
    for _ in range(4):
        critic.note(4.0)
    assert "dead" in critic.diverged()
    critic.steps = 100
    assert critic.diverged() == ""
    critic.steps = 5000
    critic.note(3.0)
    assert critic.diverged() == ""


@pytest.mark.parametrize("real", ["teacher", "photos"])
def test_the_critic_takes_the_teachers_outputs_or_the_photos_for_real(faces, pairs, real):
    weights = StudentLosses(identity=0, perceptual=0, mask=0, activation=0, adversarial=1.0, feature_matching=2.0)
    task = _task(faces, pairs, losses=weights, discriminator_width=4, critic_real=real, self_pairs=0.0)
    batch = task.prepare(0, batch_generator(1, 0, 0, torch.device("cpu")))
    assert not torch.equal(batch.target, batch.wanted)
    seen = []
    train = task.critic.train
    task.critic.train = lambda real, fake: seen.append(real) or train(real, fake)
    terms = task.terms(task.turn(0), batch)
    assert torch.equal(seen[0], batch.target if real == "photos" else batch.wanted)
    # Features are matched with the teacher's output in both cases: those of the photo are nothing to be like.
    swapped = task.network(batch.target, *task.encoder(batch.source))[0]
    features, aim = task.critic.judge(swapped)[1], task.critic.judge(batch.wanted)[1]
    expected = 2.0 * losses.feature_matching(features, aim)
    assert terms["feature_matching"].item() == pytest.approx(expected.item(), rel=1e-3)
