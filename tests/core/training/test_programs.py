"""The comparison of checkpoints, and the command line from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from mobilefaceswap_core.errors import OptionError, TrainingError
from mobilefaceswap_core.files.packs import write_pack
from mobilefaceswap_core.training.__main__ import app
from mobilefaceswap_core.training.data.faces import faces_from_packs
from mobilefaceswap_core.training.export import mean_tensors
from mobilefaceswap_core.training.measure.evaluate import compare, evaluation_pairs, table
from mobilefaceswap_core.training.measure.judge import expression
from mobilefaceswap_core.training.student.options import PairOptions
from mobilefaceswap_core.weights.load import load_tensors, read_safetensors
from tests.fakes.training_faces import noise_faces, noise_pack, schematic_face

SMALL = [
    "--set", "start=scratch", "--set", "data.size_px=64", "--set", "data.hold_out=0.3", "--set", "teacher.count=6",
    "--set", "loop.batch=2", "--set", "loop.precision=float32", "--set", "losses.perceptual=0", "--set",
    "losses.identity=0",
]  # fmt: skip


def test_an_expression_does_not_change_with_size_place_or_rotation_but_with_the_mouth():
    face = schematic_face() * 224
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    assert expression(face @ turn.T * 3 + 40) == pytest.approx(expression(face))
    spoken = face.copy()
    spoken[66, 1] += 10
    change = expression(spoken) - expression(face)
    eyes = np.linalg.norm(face[42:48].mean(0) - face[36:42].mean(0))
    assert change[0] == pytest.approx(10 / eyes) and change[1:] == pytest.approx(np.zeros(4))


def test_the_gallery_holds_another_photo_than_the_source_where_there_is_one():
    faces = noise_faces(["a", "a", "a", "b", "b", "c"])
    pairs, gallery = evaluation_pairs(faces, set(faces.names), 20, seed=0)
    assert gallery == {0: 0, 1: 3, 2: 5}
    sources = set(pairs[:, 1].tolist())
    assert not sources & {0, 3} and 5 in sources
    assert (faces.identity[pairs[:, 0]] != faces.identity[pairs[:, 1]]).all()
    with pytest.raises(OptionError, match="None of the people"):
        evaluation_pairs(faces, {"nobody"}, 4, seed=0)


def test_the_judge_finds_nothing_changed_in_a_target_and_the_source_in_itself():
    pytest.importorskip("dlib")
    pytest.importorskip("face_recognition_models")
    from mobilefaceswap_core.training.data.builtin_faces import builtin_pack
    from mobilefaceswap_core.training.measure.judge import DlibJudge

    faces = faces_from_packs([builtin_pack()], [1.0])
    loose = PairOptions(source_yaw=0.5, source_pitch=0.5, frontal=0.5)
    pairs, gallery = evaluation_pairs(faces, set(faces.names), 4, seed=0, options=loose)
    judge = DlibJudge()
    unswapped = [faces.aligned(int(t)).image for t, _ in pairs]
    kept = compare("none", unswapped, faces, pairs, gallery, judge)
    assert (kept.retrieval, kept.pose_error_deg, kept.expression_error, kept.outside_change) == (0, 0, 0, 0)
    assert kept.sharpness == pytest.approx(1.0) and kept.distance_to_source > 0.3
    # A photo put in the place of a target in another pose is still recognised as the source's, not as the target's.
    replaced = compare("copy", [faces.aligned(int(s)).image for _, s in pairs], faces, pairs, gallery, judge)
    assert replaced.distance_to_source < kept.distance_to_source and replaced.outside_change > 1
    assert table([kept, replaced]).count("\n") == 3


def test_the_command_line_trains_resumes_and_exports(tmp_path):
    write_pack(noise_pack([str(i) for i in range(8)], side=64), tmp_path / "p.npz")
    run = ["student", "--out", str(tmp_path / "run"), "--set", f"data.packs=['{tmp_path / 'p.npz'}']", *SMALL]
    first = CliRunner().invoke(app, [*run, "--steps", "1"])
    assert first.exit_code == 0, first.output
    assert "teacher_error" in first.output and "1 steps" in first.output
    second = CliRunner().invoke(app, [*run, "--steps", "2"])
    assert second.exit_code == 0 and "start at step 1" in second.output
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert kinds.count("start") == 2 and kinds.count("validation") == 2
    exported = tmp_path / "again.safetensors"
    assert CliRunner().invoke(app, ["export", str(tmp_path / "run"), "--out", str(exported)]).exit_code == 0
    ours = read_safetensors([tmp_path / "run" / "export" / "student_224.safetensors"])
    assert all((ours[k] == v).all() for k, v in read_safetensors([exported]).items())
    other = CliRunner().invoke(app, ["landmarks", "--out", str(tmp_path / "run"), "--steps", "1"])
    assert other.exit_code == OptionError.exit_code, "a folder belongs to one program"


def test_the_mean_of_two_students_is_halfway_between_them(tmp_path):
    shipped = load_tensors("student_224")
    moved = {name: tensor + 0.5 for name, tensor in shipped.items()}
    for name, tensors in (("a", shipped), ("b", moved)):
        save_file(tensors, tmp_path / f"{name}.safetensors")
    command = ["average", str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")]
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "mean.safetensors")])
    assert result.exit_code == 0, result.output
    mean = read_safetensors([tmp_path / "mean.safetensors"])
    assert all(torch.allclose(mean[name], tensor + 0.25, atol=2e-2) for name, tensor in shipped.items())
    for networks in ([shipped], [shipped, {"idn": torch.zeros(1)}]):
        with pytest.raises(TrainingError):
            mean_tensors(networks)


def test_a_job_that_is_told_to_end_saves_exports_and_frees_its_folder(tmp_path):
    write_pack(noise_pack([str(i) for i in range(8)], side=64), tmp_path / "p.npz")
    run = ["student", "--out", str(tmp_path / "run"), "--set", f"data.packs=['{tmp_path / 'p.npz'}']", *SMALL]
    log = tmp_path / "run" / "log.jsonl"
    command = [
        sys.executable,
        "-m",
        "mobilefaceswap_core.training",
        *run,
        "--steps",
        "100000",
        "--set",
        "loop.log_every=1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as job:
        try:
            while job.poll() is None and not (log.is_file() and '"train"' in log.read_text()):
                time.sleep(0.05)
            second = CliRunner().invoke(app, [*run, "--steps", "1"])
            assert second.exit_code == OptionError.exit_code and "Another process trains" in second.output
            job.terminate()
            said = job.communicate(timeout=120)[0]
        finally:
            job.kill()
    assert job.returncode == 0 and "interrupted after" in said
    assert (tmp_path / "run" / "checkpoint.pt").is_file() and list((tmp_path / "run" / "export").glob("*.safetensors"))
    assert CliRunner().invoke(app, [*run, "--steps", "1"]).exit_code == 0, "the folder is free again"


def test_two_processes_train_one_student_in_one_folder(tmp_path):
    write_pack(noise_pack([str(i) for i in range(8)], side=64), tmp_path / "p.npz")
    options = ["--set", f"data.packs=['{tmp_path / 'p.npz'}']", *SMALL]
    assert CliRunner().invoke(app, ["cache", "--out", str(tmp_path / "pairs"), *options]).exit_code == 0
    run = [
        "student",
        "--out",
        str(tmp_path / "run"),
        *options,
        "--set",
        f"pairs={tmp_path / 'pairs'}",
        "--device",
        "cpu",
    ]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    for steps in ("2", "4"):  # the second time both read what the first one claims the folder with
        job = subprocess.run(
            [*launch, "-m", "mobilefaceswap_core.training", *run, "--steps", steps],
            capture_output=True, text=True, timeout=240, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert job.returncode == 0, job.stderr[-2000:]
        assert job.stdout.count("exported") == 1 and f"after {steps} steps" in job.stdout, "only the first one speaks"
    assert "start at step 2" in job.stdout
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["processes"] for line in lines if line["kind"] == "start"] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["student", "--config", "huge"], "Unknown preset"),
        (["student", "--set", "losses.identity"], "wanted key=value"),
        (["student", "--set", "data.packs=['missing.npz']"], "does not exist"),
        (["prepare", "nowhere", "--out", "x.npz"], "not a folder"),
        (["quality", "--set", "data.packs=['missing.npz']"], "does not exist"),
    ],
)
def test_mistakes_end_with_one_line_and_a_status(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == OptionError.exit_code
    assert said in result.output and "Traceback" not in result.output
