"""Stored teacher outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.teachers.graphics import GraphicsSwapper
from mobilefaceswap_core.training.data.faces import faces_from_packs
from mobilefaceswap_core.training.student.cache import UNUSABLE, TeacherOutput, load_pairs, make_pairs, take_best
from mobilefaceswap_core.types import CropSpec
from tests.fakes.training_faces import LOOSE, Copier, noise_faces, noise_pack, stored

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def encoder():
    return load_identity_encoder()


@pytest.fixture(scope="module")
def faces():
    return noise_faces([str(i) for i in range(10)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("stored") / "pairs"


@pytest.fixture(scope="module")
def pairs(folder, faces):
    return stored(folder, faces)


def test_a_stored_pair_is_the_teachers_output_with_its_mask(pairs, faces):
    assert pairs.about["teachers"] == [{"name": "swaps", "weights_sha256": {}}]
    assert all(torch.equal(pairs.swapped[k], faces.crops[pairs.source[k]]) for k in range(len(pairs)))
    assert (pairs.masks == 255).all() and (pairs.similarity > 0.99).all()


def test_of_several_outputs_identity_then_expression_decide_and_a_refusal_never_wins(faces, encoder):
    source, other = (faces.aligned(k).image for k in (0, 1))
    mask = np.ones((32, 32), np.float32)
    teachers = [
        [TeacherOutput(other, mask, 1.0), TeacherOutput(source, mask, 8.0), None],
        [TeacherOutput(source, mask, 1.0), TeacherOutput(source, mask, 2.0), TeacherOutput(other, mask, 9.0)],
    ]
    sources = faces.images(torch.tensor([0, 0, 0]))
    chosen, similarity, quality = take_best(teachers, sources, encoder, None)
    assert chosen == [1, 1, 1] and similarity[:2] == pytest.approx([1.0, 1.0], abs=1e-4) and quality == [1.0] * 3
    artefacts = iter([torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0.1, 0.1, 0.1])])
    chosen, _, _ = take_best(teachers, sources, encoder, lambda images: next(artefacts))
    assert chosen == [0, 0, 1], "a bad quality outweighs identity and expression, and what was refused stays refused"
    assert take_best([[None]], sources[:1], encoder, None)[1] == [UNUSABLE]


def test_pairs_for_validation_are_of_held_out_people_alone(pairs, faces):
    held = set(faces.identity[torch.cat([pairs.target[pairs.validation], pairs.source[pairs.validation]])].tolist())
    trained = set(faces.identity[torch.cat([pairs.target[pairs.training], pairs.source[pairs.training]])].tolist())
    assert held and trained and not held & trained
    assert len(pairs.training) == 12 and 0 < len(pairs.validation) <= 6


def test_stored_pairs_refuse_other_faces_another_hold_out_and_an_existing_folder(pairs, folder, faces, encoder):
    with pytest.raises(OptionError, match="another faces"):
        load_pairs(folder, noise_faces(["a", "b"]), hold_out=0.3, seed=1)
    with pytest.raises(OptionError, match="another hold_out"):
        load_pairs(folder, faces, hold_out=0.2, seed=1)
    with pytest.raises(OptionError, match="exists"):
        make_pairs(faces, [Copier("x")], encoder, folder, LOOSE, hold_out=0.3, seed=1)


def test_a_source_that_every_teacher_refuses_is_never_drawn(tmp_path, faces, encoder):
    means = faces.crops.float().mean((1, 2, 3))
    limit = float(means.median())
    make_pairs(faces, [Copier("x", refuses=limit)], encoder, tmp_path / "p", LOOSE, hold_out=0.0, seed=1)
    stored = load_pairs(tmp_path / "p", faces, hold_out=0.0, seed=1)
    assert 0 < len(stored.training) < len(stored) and (means[stored.source[stored.training]] >= limit - 0.5).all()


def test_a_failing_teacher_leaves_nothing_behind(tmp_path, faces, encoder):
    teacher = Copier("x")
    teacher.swap = lambda targets, conditions: 1 / 0
    with pytest.raises(ZeroDivisionError):
        make_pairs(faces, [teacher], encoder, tmp_path / "p", LOOSE, hold_out=0.0, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_processes_and_one_thread_store_the_same(tmp_path, encoder, monkeypatch):
    monkeypatch.setattr("mobilefaceswap_core.training.student.cache._CHUNKS_FOR_PROCESSES", 2)
    faces = faces_from_packs([noise_pack([str(i) for i in range(10)], side=64)], [1.0], size_px=64)
    columns = []
    for workers in (1, 2):
        teacher, options = GraphicsSwapper(CropSpec(64)), replace(LOOSE, count=40, workers=workers)
        make_pairs(faces, [teacher], encoder, tmp_path / str(workers), options, hold_out=0.0, seed=1)
        with np.load(tmp_path / str(workers) / "pairs.npz") as file:
            columns.append(
                {name: file[name] for name in file.files}
                | {"swapped": np.load(tmp_path / str(workers) / "swapped.npy")}
            )
    alone, shared = columns
    assert len(alone["target"]) == 40 and alone["swapped"].any((1, 2, 3)).all(), "every pair has an output"
    assert set(alone) == set(shared) and all(np.array_equal(alone[name], shared[name]) for name in alone)
