"""The student's task, and the other tasks' one step."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.student.injection import with_mixing
from mobilefaceswap_core.student.network import MobileFaceSwapNet
from mobilefaceswap_core.training.data.faces import faces_from_packs
from mobilefaceswap_core.training.encoder.options import EncoderConfig
from mobilefaceswap_core.training.landmarks.options import LandmarksConfig
from mobilefaceswap_core.training.loop.checkpoints import load_checkpoint
from mobilefaceswap_core.training.loop.options import LoopOptions
from mobilefaceswap_core.training.loop.trainer import Trainer, batch_generator
from mobilefaceswap_core.training.quality.options import QualityConfig
from mobilefaceswap_core.training.student.network import TrainableStudent, build_student, freeze_all_but_mask
from mobilefaceswap_core.training.student.options import StudentConfig, StudentLosses
from mobilefaceswap_core.training.student.task import StudentTask
from mobilefaceswap_core.training.teacher.options import TeacherConfig, TeacherLosses
from mobilefaceswap_core.weights.load import load_into, load_tensors, read_safetensors
from tests.fakes.training_faces import noise_faces, noise_pack, stored

torch.set_num_threads(1)
LOOP = LoopOptions(steps=2, batch=2, precision="float32", log_every=1, warmup_steps=1)


@pytest.fixture(scope="module")
def encoder():
    return load_identity_encoder()


@pytest.fixture(scope="module")
def faces():
    return noise_faces([str(i) for i in range(10)])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, faces):
    return stored(tmp_path_factory.mktemp("stored") / "pairs", faces)


def _task(faces, pairs, **changes) -> StudentTask:
    values = {"loop": LOOP, "losses": StudentLosses(perceptual=0.0)} | changes
    return StudentTask(StudentConfig(**values), faces, pairs)


def test_the_trainable_student_computes_what_the_shipped_class_computes():
    trained, plain = TrainableStudent().eval(), MobileFaceSwapNet.compact().eval()
    for network in (trained, plain):
        load_into(network, with_mixing(load_tensors("student_224"), network), what="shipped")
    generator = torch.Generator().manual_seed(0)
    crops = torch.rand(2, 3, 64, 64, generator=generator)
    embedding = torch.nn.functional.normalize(torch.randn(2, 512, generator=generator), dim=1)
    feature_map = torch.randn(2, 512, 7, 7, generator=generator)
    with torch.no_grad():
        swapped, logits, squares = trained(crops, embedding, feature_map, activations=True)
        expected, mask = plain(crops, embedding, feature_map)
    assert torch.allclose(swapped, expected, atol=1e-6) and torch.allclose(torch.sigmoid(logits), mask, atol=1e-6)
    assert squares.shape == (9,) and (squares > 0).all()


def test_a_student_run_resumes_bit_for_bit_and_exports_what_the_student_loads(tmp_path, faces, pairs):
    run = lambda steps, where: Trainer(  # noqa: E731
        _task(faces, pairs, start="scratch", loop=LoopOptions(**{**_dict(LOOP), "steps": steps})),
        LoopOptions(**{**_dict(LOOP), "steps": steps}), tmp_path / where, say=lambda line: None,
    ).run()  # fmt: skip
    # The schedule's length belongs to a run: the first part of the interrupted run is cut short by hand.
    whole = run(2, "whole")
    task = _task(faces, pairs, start="scratch")
    trainer = Trainer(task, LOOP, tmp_path / "parts", say=lambda line: None)
    inner, task.losses = task.losses, None
    task.losses = lambda step, generator: (
        inner(step, generator) if step < 1 else (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert trainer.run().stopped == "interrupted"
    run(2, "parts")
    a, b = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert a["step"] == b["step"] == 2
    assert all(torch.equal(a["network"][k], b["network"][k]) for k in a["network"])
    assert all(torch.equal(a["average"][k], b["average"][k]) for k in a["average"])
    (exported,) = whole.exported
    load_into(MobileFaceSwapNet.compact(), read_safetensors([exported]), what="export")
    spec = json.loads(exported.with_suffix(".spec.json").read_text())
    assert spec["files"][exported.name]["size"] == exported.stat().st_size and spec["facts"]["steps"] == "2"
    assert (tmp_path / "whole" / "samples" / "0000002.png").is_file()
    assert set(whole.after) == {"source_cosine", "target_cosine", "teacher_error"}


def _dict(options) -> dict:
    from dataclasses import asdict

    return asdict(options)


def test_a_run_on_windows_says_what_its_windows_are_worth_beside_whole_crops(faces, pairs):
    whole, windows = (_task(faces, pairs, crop_px=side) for side in (0, 32))
    assert whole.validate(whole.network.eval()) == windows.validate(windows.network.eval()), "32 is the whole crop here"
    large = faces_from_packs([noise_pack([str(i) for i in range(10)], side=64)], [1.0], size_px=64)
    task = _task(large, replace(pairs, swapped=large.crops[pairs.source]), crop_px=32)
    figures = task.validate(lambda crops, embedding, feature_map: (crops, None, None))  # a network that swaps nothing
    assert figures["source_cosine_windows"] == figures["source_cosine"] < 0.9 and figures["teacher_error"] == 1.0
    figures = task.validate(lambda crops, embedding, feature_map: (torch.full_like(crops, 0.5), None, None))
    assert figures["source_cosine_windows"] != pytest.approx(figures["source_cosine"], abs=1e-3)


def test_losses_switched_off_are_not_computed_and_the_two_expensive_ones_take_turns(faces, pairs):
    task = _task(faces, pairs, losses=StudentLosses(), start="shipped")
    names = [set(task.losses(step, batch_generator(1, step, 0, torch.device("cpu")))) for step in (1, 2)]
    assert "identity" in names[0] and "perceptual" not in names[0]
    assert "perceptual" in names[1] and "identity" not in names[1]
    bare = StudentLosses(gradient=0, identity=0, perceptual=0, mask=0, activation=0)
    task = _task(faces, pairs, losses=bare)
    assert set(task.losses(0, batch_generator(1, 0, 0, torch.device("cpu")))) == {"distil"}


def test_a_pair_with_oneself_wants_no_change_and_is_as_frequent_as_asked(faces, pairs):
    def drawn(share: float):
        task = StudentTask(StudentConfig(loop=replace(LOOP, batch=40), self_pairs=share, crop_px=0), faces, pairs)
        batch = task.prepare(0, batch_generator(1, 0, 0, torch.device("cpu")))
        return (batch.target - batch.wanted).abs().flatten(1).amax(1) < 1e-6

    assert not drawn(0.0).any()
    assert drawn(1.0).all()
    assert 4 <= drawn(0.4).sum() <= 28  # 16 expected, deviation 3


def test_the_identity_loss_sees_grey_pictures_where_asked(faces, pairs):
    seen = []
    for share in (0.0, 1.0):
        task = StudentTask(StudentConfig(loop=LOOP, identity_grey=share, crop_px=0), faces, pairs)
        encode = task.encoder.__call__

        def watch(crops, encode=encode):
            seen.append((crops.amax(1) - crops.amin(1)).amax().item())
            return encode(crops)

        task.encoder = watch  # type: ignore[assignment]
        task.losses(1, batch_generator(1, 1, 0, torch.device("cpu")))
    sources, coloured, _, grey = seen
    assert coloured > 0.05 and grey < 1e-6 and sources > 0.05


def test_recognisers_of_the_identity_loss_take_turns(faces, pairs, monkeypatch):
    asked = []

    class Brightness:
        """A recogniser that sees how bright each channel is."""

        def __call__(self, crops):
            asked.append(len(crops))
            return torch.nn.functional.normalize(crops.mean((2, 3)) + 0.1, dim=1), None

    monkeypatch.setattr("mobilefaceswap_core.training.student.task.load_recogniser", lambda name, device: Brightness())
    weights = StudentLosses(distil=0, gradient=0, perceptual=3.0, mask=0, activation=0)
    task = _task(faces, pairs, losses=weights, recognisers=("shipped", "other.onnx"))
    counts = []
    for step in range(8):
        terms = task.losses(step, batch_generator(1, step, 0, torch.device("cpu")))
        counts.append((len(asked), "identity" in terms))
        asked.clear()
    # Odd steps have an identity loss; every second of them reads source and result with the other recogniser.
    assert counts == [(0, False), (0, True), (0, False), (2, True)] * 2
    terms["identity"].backward()
    assert task.network.injection.trunk.linear1.weight.grad.abs().sum() > 0


def test_training_the_mask_alone_leaves_the_face_as_it_is(tmp_path, faces, pairs):
    task = _task(faces, pairs, only_mask=True)
    before = {k: v.clone() for k, v in task.network.state_dict().items()}
    Trainer(task, LOOP, tmp_path, say=lambda line: None).run()
    changed = {k for k, v in task.network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and all(name.startswith("idn.mask.") for name in changed)
    network = TrainableStudent()
    freeze_all_but_mask(network)
    assert {n.split(".")[1] for n, p in network.named_parameters() if p.requires_grad} == {"mask"}


def test_from_scratch_the_trunk_sees_whitened_input(faces, encoder):
    torch.manual_seed(0)
    network = build_student("scratch", faces, encoder)
    trunk = network.injection.trunk
    with torch.no_grad():
        embedding, maps = encoder(faces.images(torch.arange(len(faces))))
        code = (embedding - trunk.embedding_mean) / trunk.embedding_std
        reduced = (trunk.reduce(maps) - trunk.map_mean) / trunk.map_std
    assert code.mean(0).abs().max() < 1e-3 and 0.5 < code.std() < 2 and reduced.mean(0).abs().max() < 1e-2


# The other programs


def test_the_teacher_trains_keeps_snapshots_and_a_quality_network_learns_from_them(tmp_path, faces):
    weights = TeacherLosses(landmarks=0.0, perceptual=0.0)
    config = TeacherConfig(
        loop=LOOP, losses=weights, snapshots=2, start="scratch", width=4, blocks=1, discriminator_width=4
    )
    from mobilefaceswap_core.training.teacher.task import TeacherTask

    result = Trainer(TeacherTask(config, faces), LOOP, tmp_path / "teacher", say=lambda line: None).run()
    assert result.steps == 2 and result.exported[0].is_file()
    snapshots = sorted((tmp_path / "teacher" / "snapshots").glob("*.safetensors"))
    assert len(snapshots) == 2
    from mobilefaceswap_core.training.quality.task import QualityTask, load_quality

    quality = QualityConfig(loop=LOOP, snapshots=str(snapshots[0].parent), width=4)
    done = Trainer(QualityTask(quality, faces), LOOP, tmp_path / "quality", say=lambda line: None).run()
    score = load_quality(done.exported[0])(torch.rand(3, 3, 32, 32))
    assert score.shape == (3,) and ((score > 0) & (score < 1)).all()


def test_the_landmark_network_feeds_the_consistency_losses(tmp_path, faces, pairs):
    from mobilefaceswap_core.training.landmarks.task import LandmarksTask, load_landmark_net
    from mobilefaceswap_core.training.teacher.task import TeacherTask

    loop = LoopOptions(**{**_dict(LOOP), "steps": 60, "learning_rate": 3e-3, "ema": 0.9, "batch": 8})
    result = Trainer(
        LandmarksTask(LandmarksConfig(loop=loop, width=4), faces), loop, tmp_path, say=lambda line: None
    ).run()
    assert result.after["error_px"] < result.before["error_px"]
    assert load_landmark_net(result.exported[0])(torch.rand(1, 3, 32, 32)).shape == (1, 68, 2)
    with pytest.raises(OptionError, match="program `landmarks`"):
        TeacherTask(TeacherConfig(loop=LOOP, discriminator_width=4), faces)
    for alone in (StudentLosses(eyes=2.0), StudentLosses(pose=2.0)):
        with pytest.raises(OptionError, match="program `landmarks`"):
            _task(faces, pairs, losses=alone)
    weights = StudentLosses(landmarks=2.0, eyes=2.0, identity=0, perceptual=0)
    with pytest.raises(OptionError, match="program `landmarks`"):
        _task(faces, pairs, losses=weights)
    task = _task(faces, pairs, losses=weights, landmarks=str(result.exported[0]))
    terms = task.losses(1, batch_generator(1, 1, 0, torch.device("cpu")))
    assert terms["eyes"] > 0
    term = terms["landmarks"]
    (gradient,) = torch.autograd.grad(term, next(task.network.idn.final.parameters()))
    assert term > 0 and gradient.abs().max() > 0, "moved landmarks must reach the student's weights"


def test_the_encoder_comes_closer_to_the_recogniser_it_is_distilled_from(tmp_path, faces):
    from mobilefaceswap_core.training.encoder.task import EncoderTask, relation_loss

    config = EncoderConfig(loop=LOOP)
    task = EncoderTask(config, faces)
    terms = task.losses(0, batch_generator(1, 0, 0, torch.device("cpu")))
    assert set(terms) == {"cosine", "relations", "map"} and all(torch.isfinite(t) for t in terms.values())
    load_into(task.network, load_tensors("encoder_mobilefacenet"), what="shipped")
    task.network.eval()
    assert task.validate(task.network)["cosine"] == pytest.approx(1.0, abs=1e-4)
    unit = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    assert relation_loss(unit, unit).item() == 0.0
    turned = unit @ torch.linalg.qr(torch.randn(8, 8))[0]
    assert relation_loss(turned, unit).item() == pytest.approx(0.0, abs=1e-6), "relations do not see a common rotation"


def test_the_face_region_is_one_on_the_nose_and_zero_in_the_corners(faces):
    from mobilefaceswap_core.training.teacher.task import face_region

    region = face_region(faces.landmarks[:1], 64)[0, 0]
    assert region[38, 32] == 1 and region[0, 0] == 0 and region[63, 63] == 0 and region[2, 32] == 0
    assert torch.allclose(region, region.flip(1), atol=0.1), "a symmetric face has a symmetric region"
