"""Estimators on data with a known answer."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from eval.judges import DEFAULT_JUDGES, load_judge, load_judges
from eval.judges.expression import landmark_actions
from eval.judges.face_model import fit_face, load_face_model, project, shape_of
from eval.judges.make_face_model import action_units
from eval.judges.mean_face import mean_shape_68, read_array_pickle
from eval.judges.onnx_file import OnnxContract, parse_onnx_argument
from eval.judges.pose import STEADY_POINTS, expected_angle, pnp_pose
from mobilefaceswap_core.errors import BackendError, NoFaceError, OptionError, WeightsError
from mobilefaceswap_core.faces.landmarks68 import MIRROR_68
from mobilefaceswap_core.types import Face
from tests.fakes.pooled_network import pooled_network

FAKES = Path(__file__).parent / "fakes"
MODEL = load_face_model()


def turned(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """Rotation of a model whose z points to the camera: pitch down, yaw to the image's right, roll clockwise."""
    p, y, r = np.radians([pitch, yaw, roll])
    rx = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return rz @ ry @ rx


def seen(
    shape: np.ndarray, rotation: np.ndarray, scale: float = 90.0, shift: tuple[float, float] = (130, 120)
) -> np.ndarray:
    return scale * shape @ rotation[:2].T + shift


def face_of(points: np.ndarray) -> Face:
    box = np.array([*points.min(0), *points.max(0)])
    return Face(
        box, 1.0, np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]), points
    )


@pytest.mark.parametrize("angles", [(0, 0, 0), (0, 25, 0), (15, 0, 0), (0, 0, -30), (10, -20, 12)])
def test_pnp_recovers_a_known_head_pose(angles):
    got = pnp_pose(seen(mean_shape_68(), turned(*angles)), mean_shape_68())
    assert (
        np.abs(got - angles).max() < 4.0
    )  # the data are orthographic, the estimator's camera stands at 12 half widths


def test_pnp_pose_does_not_change_with_place_and_size_of_the_face():
    points = seen(mean_shape_68(), turned(8, 15, 3))
    assert np.allclose(pnp_pose(points, mean_shape_68()), pnp_pose(points * 2.5 + 300, mean_shape_68()), atol=1e-4)


def reads(points: np.ndarray) -> np.ndarray:
    return load_judge("pnp").measure(np.zeros((8, 8, 3), np.uint8), face_of(points))


def test_an_expression_hardly_turns_the_head():
    """The mean turn over changed expressions of one shape and pose; all 68 points read twice as much and more."""
    random = np.random.default_rng(0)
    steady, every = [], []
    for _ in range(40):
        a, e, f = random.normal(size=len(MODEL.identity)), *random.normal(size=(2, len(MODEL.expression)))
        rotation = turned(*random.uniform([-8, -15, -5], [8, 15, 5]))
        before, after = (seen(shape_of(MODEL, a, x), rotation) for x in (e, f))
        steady.append(np.linalg.norm(reads(after) - reads(before)))
        every.append(np.linalg.norm(pnp_pose(after, mean_shape_68()) - pnp_pose(before, mean_shape_68())))
    assert np.mean(steady) < 0.5 * np.mean(every), (np.mean(steady), np.mean(every))


@pytest.mark.parametrize("angles", [(0, 0, 0), (0, 25, 0), (15, 0, 0), (0, 0, -30), (10, -20, 12)])
def test_the_judge_of_pose_recovers_a_known_head_pose(angles):
    assert np.abs(reads(seen(mean_shape_68(), turned(*angles))) - angles).max() < 4.0


def test_steady_points_are_those_that_the_face_model_moves_least():
    spread = np.sqrt((MODEL.expression**2).sum((0, 2)))
    others = np.setdiff1d(np.arange(68), STEADY_POINTS)
    assert spread[list(STEADY_POINTS)].max() < np.median(spread[others])


def test_judges_say_on_which_data_sets_weights_were_chosen_by_them():
    for name in ("dlib", "pnp", "facemodel", "actions"):
        info = load_judge(name).info
        assert not info.used_in_training and "builtin" in info.selected_on and "folders" not in info.selected_on
    assert not load_judge("facemodel-shape").info.selected_on


def test_same_landmarks_give_the_same_coefficients():
    points = seen(MODEL.mean, turned(3, 10, 2))
    assert np.array_equal(fit_face(points, MODEL).expression, fit_face(points.copy(), MODEL).expression)


def test_fit_does_not_see_shift_scale_and_turn_in_the_plane():
    points = seen(MODEL.mean + MODEL.expression[0] * 2, turned(3, 10, 0))
    moved = 2.2 * points @ turned(0, 0, 25)[:2, :2].T + [40, -70]
    assert np.abs(fit_face(points, MODEL).expression - fit_face(moved, MODEL).expression).max() < 1e-3


def test_fitted_landmarks_lie_on_the_given_ones():
    points = seen(shape_of(MODEL, np.eye(len(MODEL.identity))[0], 2 * MODEL_UNIT), turned(0, 12, 4))
    fit = fit_face(points, MODEL)
    assert fit.rms_px < 1.0 and np.abs(project(MODEL, fit) - points).max() < 4.0


MODEL_UNIT = np.eye(len(MODEL.expression))[0]


@pytest.mark.parametrize("name", ["jaw drop", "smile, image left", "eye closed, image right", "mouth corners down"])
def test_a_known_landmark_motion_is_recovered(name):
    at = MODEL.expression_names.index(name)
    neutral = seen(MODEL.mean, turned(2, 8, 1))
    acted = seen(MODEL.mean + 3 * MODEL.expression[at], turned(2, 8, 1))
    change = fit_face(acted, MODEL).expression - fit_face(neutral, MODEL).expression
    # A prior draws every estimate towards 0; a correlated neighbour may take a part. The right unit must lead.
    assert int(np.argmax(np.abs(change))) == at and change[at] > 0.8


def test_a_change_of_face_shape_counts_far_less_than_a_change_of_expression():
    random = np.random.default_rng(0)
    shape_moves, expression_moves = [], []
    for _ in range(30):
        a, b = random.normal(size=(2, len(MODEL.identity)))
        e, f = random.normal(size=(2, len(MODEL.expression)))
        rotation = turned(*random.uniform([-8, -15, -5], [8, 15, 5]))
        start = fit_face(seen(shape_of(MODEL, a, e), rotation), MODEL).expression
        shape_moves.append(np.linalg.norm(fit_face(seen(shape_of(MODEL, b, e), rotation), MODEL).expression - start))
        expression_moves.append(
            np.linalg.norm(fit_face(seen(shape_of(MODEL, a, f), rotation), MODEL).expression - start)
        )
    assert np.mean(shape_moves) < 0.4 * np.mean(expression_moves)


def test_the_expression_judge_reports_displacement_and_leaks_little_shape():
    judge = load_judge("facemodel")
    random = np.random.default_rng(1)
    shape_moves, expression_moves, true_moves = [], [], []
    for _ in range(20):
        a, b = random.normal(size=(2, len(MODEL.identity)))
        e, f = random.normal(size=(2, len(MODEL.expression)))
        rotation = turned(*random.uniform([-8, -15, -5], [8, 15, 5]))
        first, reshaped, acted = (
            judge.measure(np.zeros((1, 1, 3), np.uint8), face_of(seen(shape_of(MODEL, s, x), rotation)))
            for s, x in ((a, e), (b, e), (a, f))
        )
        shape_moves.append(np.linalg.norm(reshaped - first))
        expression_moves.append(np.linalg.norm(acted - first))
        true_moves.append(
            np.linalg.norm(np.tensordot(f - e, MODEL.expression, axes=1)) / np.linalg.norm(MODEL.expression)
        )
    assert np.mean(shape_moves) < 0.4 * np.mean(expression_moves)
    assert 0.6 < np.mean(expression_moves) / np.mean(true_moves) < 1.1


def test_actions_read_what_was_moved():
    points = seen(MODEL.mean, np.eye(3))
    base = landmark_actions(points)
    eyes = np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0))
    opened = points.copy()
    opened[65:68, 1] += 0.2 * eyes
    assert landmark_actions(opened) - base == pytest.approx([0, 0, 0.2, 0, 0, 0, 0, 0], abs=1e-9)
    raised = points.copy()
    raised[17:22, 1] -= 0.1 * eyes
    assert (landmark_actions(raised) - base)[6] == pytest.approx(0.1)
    assert np.allclose(landmark_actions(points * 3 + 11), base)


def test_mirror_is_its_own_inverse_and_action_units_come_in_pairs():
    assert np.array_equal(MIRROR_68[MIRROR_68], np.arange(68))
    units = action_units(MODEL.mean)
    assert tuple(units) == MODEL.expression_names
    left, right = units["smile, image left"], units["smile, image right"]
    assert np.allclose(left[MIRROR_68] * [-1, 1, 1], right) and left[48, 0] < 0 < right[54, 0]


def test_mean_face_pickle_is_read_through_an_allow_list():
    assert mean_shape_68().shape == (68, 3)
    with pytest.raises(BackendError, match="only a numpy array"):
        read_array_pickle(pickle.dumps(print))
    with pytest.raises(BackendError, match="expected an array"):
        read_array_pickle(pickle.dumps([1, 2]))


@pytest.fixture
def portrait(astronaut):
    points = seen(MODEL.mean, np.eye(3), 90, (221, 120))
    return astronaut, face_of(points)


def test_an_onnx_recogniser_gives_unit_embeddings_and_its_hash(tmp_path, portrait):
    pooled_network(tmp_path / "net.onnx", [16])
    judge = load_judge(f"onnx:{tmp_path}/net.onnx?trained=1")
    vector = judge.measure(*portrait)
    assert vector.shape == (16,) and np.linalg.norm(vector) == pytest.approx(1)
    assert judge.info.used_in_training and len(judge.info.files["net.onnx"]) == 64
    mirrored_order = load_judge(f"onnx:{tmp_path}/net.onnx?order=bgr").measure(*portrait)
    assert not np.allclose(vector, mirrored_order)


def test_the_recogniser_that_swappers_take_their_identity_from_judges_by_name_once_fetched(
    tmp_path, monkeypatch, portrait
):
    from eval.judges.listing import list_judges
    from mobilefaceswap_core.faces.geometry import align_face
    from mobilefaceswap_core.types import CropSpec
    from tests.fakes.foreign import BLOCK, write_recogniser

    for name in ("HOME", "MOBILEFACESWAP_HOME", "INSIGHTFACE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("MOBILEFACESWAP_MODELS", str(tmp_path))
    with pytest.raises(WeightsError, match="Run `python -m mobilefaceswap_core fetch arcface_w600k_r50`"):
        load_judge("arcface_w600k_r50")
    with pytest.raises(BackendError, match=r"at .*insightface_home/models/buffalo_l. Run `.* fetch buffalo_l`"):
        load_judge("insightface")
    write_recogniser(tmp_path / "arcface_w600k_r50.onnx")
    judge = load_judge("arcface_w600k_r50")
    assert {"simswap_256", "inswapper_128", "ghost_1_256"} <= set(judge.info.identity_of)
    assert "uniface_256" not in judge.info.identity_of and judge.info.licence == "non-commercial"
    crop = (align_face(*portrait, CropSpec(112)).image.astype(float) - 127.5) / 127.5
    means = crop.reshape(16, BLOCK, 16, BLOCK, 3).mean((1, 3)).transpose(2, 0, 1).ravel()[:512]
    assert np.allclose(judge.measure(*portrait), means / np.linalg.norm(means), atol=1e-5)
    assert judge.info.flatters({"model": "simswap_256"}) and not judge.info.flatters({"model": "student"})
    sha256 = judge.info.files["arcface_w600k_r50.onnx"]
    assert judge.info.flatters({"model": "mine", "weights_sha256": {"w600k_r50.onnx": sha256}})
    monkeypatch.setattr("eval.judges.listing.JUDGES", {"arcface_w600k_r50": None})
    (row,) = list_judges().to_dict("records")[:1]
    assert row["part in training"].startswith("gives the identity of simswap_256, ") and row["here"] == "yes"


def test_hopenet_bins_and_plain_angles_are_both_read(tmp_path, portrait):
    pooled_network(tmp_path / "bins.onnx", [66, 66, 66])
    pooled_network(tmp_path / "angles.onnx", [3])
    for name in ("bins", "angles"):
        assert load_judge(f"hopenet:{tmp_path}/{name}.onnx").measure(*portrait).shape == (3,)
    pooled_network(tmp_path / "other.onnx", [7])
    with pytest.raises(WeightsError, match="66 bins"):
        load_judge(f"hopenet:{tmp_path}/other.onnx").measure(*portrait)
    peak = np.full(66, -50.0)
    peak[40] = 50.0
    assert expected_angle(peak) == pytest.approx(40 * 3 - 99)


def test_insightface_landmark_network_gives_a_pose(tmp_path, portrait):
    pooled_network(tmp_path / "1k3d68.onnx", [3309])
    assert np.isfinite(load_judge(f"insightface3d68:{tmp_path}/1k3d68.onnx").measure(*portrait)).all()


@pytest.mark.parametrize("query", ["colour=rgb", "size=big", "std=0", "mean=1:2", "order=grey"])
def test_contracts_that_make_no_sense_are_refused(query):
    with pytest.raises(OptionError):
        parse_onnx_argument(f"net.onnx?{query}", OnnxContract())


def test_missing_files_and_unknown_judges_are_named(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    for spec, error in (
        (f"onnx:{tmp_path}/none.onnx", WeightsError),
        (f"onnx:{tmp_path}/bad.onnx", WeightsError),
        (f"insightface:{tmp_path}/none", BackendError),
        ("oracle", OptionError),
    ):
        with pytest.raises(error):
            load_judge(spec)
    with pytest.raises(OptionError, match="recogniser"):
        load_judges(["pnp"])


def test_mediapipe_needs_its_package_and_its_file(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(BackendError, match="pip install mediapipe"):
        load_judge(f"mediapipe:{tmp_path}/face_landmarker.task")
    monkeypatch.delitem(sys.modules, "mediapipe")
    monkeypatch.syspath_prepend(str(FAKES))
    with pytest.raises(BackendError, match=r"face_landmarker\.task"):
        load_judge(f"mediapipe:{tmp_path}/face_landmarker.task")


def test_mediapipe_blendshapes_are_read_around_the_face(tmp_path, monkeypatch):
    for name in ("mediapipe", "mediapipe.tasks", "mediapipe.tasks.python"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(FAKES))
    (tmp_path / "face_landmarker.task").write_bytes(b"model")
    judge = load_judge(f"mediapipe:{tmp_path}/face_landmarker.task")
    assert judge.info.kind == "expression" and len(judge.info.files["face_landmarker.task"]) == 64
    image = np.zeros((200, 200, 3), np.uint8)
    image[60:140, 60:140] = (
        255  # 40 % of the larger side of the face is added on every side: 144 x 144 px, clipped by nothing
    )
    face = Face(np.array([60.0, 60, 140, 140]), 1.0, np.zeros((5, 2)))
    expected = 80 * 80 / (144 * 144) * np.arange(52) / 51 * 10
    assert np.allclose(judge.measure(image, face), expected, atol=1e-9)
    with pytest.raises(NoFaceError):
        judge.measure(np.zeros_like(image), face)


def test_the_offline_judges_load_and_measure_a_photo(astronaut):
    from mobilefaceswap_core.detect import load_detector

    face = max(load_detector("dlib").detect(astronaut), key=lambda f: f.size_px)
    for judge in load_judges(DEFAULT_JUDGES):
        vector = judge.measure(astronaut, face)
        assert vector.ndim == 1 and np.isfinite(vector).all()
        assert np.array_equal(vector, judge.measure(astronaut, face))
        assert judge.info.title and not judge.info.used_in_training
