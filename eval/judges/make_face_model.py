"""Make ``face_model_68.json`` from landmarks of many photos of many people.

``python -m eval.judges.make_face_model LANDMARKS.npz --out face_model_68.json``

The file holds ``lm`` ``(n, 68, 2)`` and ``ids`` ``(n,)``; no image is read. Expression directions are action units written
down as motions of the mean 3D face; their spread is measured within people. Identity directions are the principal
components of per-person shapes, found jointly over all photos of a person, so that several head poses give depth.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.landmarks68 import MIRROR_68
from mobilefaceswap_core.files.atomic import write_bytes
from mobilefaceswap_core.files.digest import bytes_sha256
from mobilefaceswap_core.files.npz import read_npz

from .face_model import FaceModel, pose_from_shape
from .mean_face import mean_shape_68

_ROUNDS = 6
# Ridge on a person's offset, against photos of weight one each: one photo's worth of belief in the mean shape.
_IDENTITY_RIDGE = 1.0
_EXPRESSION_RIDGE = 0.05


def action_units(mean: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Motions ``(68, 3)`` of the mean face, after the action units of the Facial Action Coding System (AU number given).

    Only the direction of each matters: the amplitude is set later to one standard deviation within people.
    """
    units: dict[str, NDArray[np.float64]] = {}

    def motion(moves: dict[int, tuple[float, float, float]]) -> NDArray[np.float64]:
        field = np.zeros((68, 3))
        for index, vector in moves.items():
            field[index] = vector
        return field

    # AU 26, jaw drop: a turn about the axis through both jaw joints, full at the chin and the lower lip.
    joint = (mean[0] + mean[16]) / 2
    arm = mean - joint
    turn = np.stack([np.zeros(68), arm[:, 2], -arm[:, 1]], 1)
    weight = np.zeros(68)
    top, chin = mean[[48, 54], 1].mean(), mean[8, 1]
    weight[1:16] = np.clip((mean[1:16, 1] - top) / (chin - top), 0, 1)
    weight[[55, 56, 57, 58, 59, 65, 66, 67]] = 1.0
    weight[[48, 54, 60, 64]] = 0.4
    units["jaw drop"] = turn * weight[:, None]

    # AU 12, lip corner puller, by side.
    pull = {48: 1.0, 60: 0.9, 49: 0.5, 59: 0.5, 61: 0.4, 67: 0.4, 50: 0.15, 58: 0.15}
    left = motion({i: (-0.8 * w, -0.6 * w, -0.4 * w) for i, w in pull.items()})
    units["smile, image left"], units["smile, image right"] = left, _mirrored(left)
    # AU 15, lip corner depressor.
    down = motion({i: (0.0, w, 0.0) for i, w in pull.items()})
    units["mouth corners down"] = down + _mirrored(down)
    # AU 18, lip pucker: corners come in, the lips forward.
    inward = motion({i: (w, 0.0, 0.2 * w) for i, w in pull.items()})
    units["pucker"] = inward + _mirrored(inward)
    units["pucker"][[50, 51, 52, 56, 57, 58, 61, 62, 63, 65, 66, 67], 2] += 0.4
    # AU 10 and 16 / 25, upper lip raiser and lower lip depressor (lips part).
    units["upper lip up"] = motion(dict.fromkeys((50, 51, 52, 61, 62, 63), (0, -1, 0))) + motion(
        dict.fromkeys((49, 53), (0, -0.5, 0))
    )
    units["lower lip down"] = motion(dict.fromkeys((56, 57, 58, 65, 66, 67), (0, 1, 0))) + motion(
        dict.fromkeys((55, 59), (0, 0.5, 0))
    )
    # AU 23 / 28, lips rolled in.
    units["lips rolled in"] = motion(
        {
            **dict.fromkeys((50, 51, 52), (0, 1, 0)),
            **dict.fromkeys((56, 57, 58), (0, -1, 0)),
            49: (0, 0.5, 0),
            53: (0, 0.5, 0),
        }
    ) + motion({55: (0, -0.5, 0), 59: (0, -0.5, 0)})
    # Mouth to one side.
    units["mouth aside"] = motion(dict.fromkeys(range(48, 68), (1, 0, 0)))
    # AU 43 / 45, eye closure, by side.
    lid = motion({37: (0, 1, 0), 38: (0, 1, 0), 41: (0, -0.2, 0), 40: (0, -0.2, 0)})
    units["eye closed, image left"], units["eye closed, image right"] = lid, _mirrored(lid)
    # AU 1, 2 and 4: inner and outer brow raiser, brow lowerer.
    inner = motion({21: (0, -1, 0), 20: (0, -0.7, 0), 19: (0, -0.3, 0)})
    outer = motion({17: (0, -0.8, 0), 18: (0, -1, 0), 19: (0, -0.7, 0), 20: (0, -0.3, 0)})
    lower = motion({21: (0.7, 0.7, 0), 20: (0.5, 0.6, 0), 19: (0.3, 0.4, 0)})
    units["inner brows up"] = inner + _mirrored(inner)
    units["outer brow up, image left"], units["outer brow up, image right"] = outer, _mirrored(outer)
    units["brows together"] = lower + _mirrored(lower)
    return units


def _mirrored(field: NDArray[np.float64]) -> NDArray[np.float64]:
    return field[MIRROR_68] * [-1, 1, 1]


def build(landmarks: NDArray[np.float64], identities: NDArray[np.str_], *, components: int = 24) -> FaceModel:
    """Estimate mean, bases and noise by alternating least squares.

    Args:
        landmarks: ``(n, 68, 2)``, any scale.
        identities: ``(n,)`` labels; several photos per label.
        components: identity directions kept.

    Returns:
        The model. Expressions are zero on average over each person's photos: what a person's mouth always does counts as
        shape.
    """
    # A mirrored photo is a photo of a mirrored person: this makes the model symmetric and doubles the people.
    low, high = landmarks.min((1, 2), keepdims=True), landmarks.max((1, 2), keepdims=True)
    mirrored = landmarks[:, MIRROR_68] * [-1.0, 1.0] + [1.0, 0.0] * (low + high)
    points = np.concatenate([landmarks, mirrored])
    labels = np.concatenate([identities, np.char.add(identities.astype(str), "'")])
    _, person = np.unique(labels, return_inverse=True)
    people = int(person.max()) + 1

    mean = mean_shape_68()
    mean = (mean + _mirrored(mean)) / 2
    units = action_units(mean)
    basis = np.stack(list(units.values()))
    offset = np.zeros((people, 68, 3))
    action = np.zeros((len(points), len(basis)))
    residual = np.zeros((len(points), 68, 2))
    for _ in range(_ROUNDS):
        gram = np.zeros((people, 3, 3))
        moment = np.zeros((people, 68, 3))
        for i, observed in enumerate(points):
            shape = mean + offset[person[i]] + np.tensordot(action[i], basis, axes=1)
            rotation, scale, shift = pose_from_shape(shape, observed)
            unexplained = (observed - shift) / scale - (mean + offset[person[i]]) @ rotation[:2].T
            flat = (basis @ rotation[:2].T).reshape(len(basis), -1)  # (E, 136)
            ridge = _EXPRESSION_RIDGE * np.eye(len(basis))
            action[i] = np.linalg.solve(flat @ flat.T + ridge, flat @ unexplained.reshape(-1))
            without_action = (observed - shift) / scale - (mean + np.tensordot(action[i], basis, axes=1)) @ rotation[
                :2
            ].T
            gram[person[i]] += rotation[:2].T @ rotation[:2]
            moment[person[i]] += without_action @ rotation[:2]
            residual[i] = without_action - offset[person[i]] @ rotation[:2].T
        for j in range(people):
            offset[j] = np.linalg.solve(gram[j] + _IDENTITY_RIDGE * np.eye(3), moment[j].T).T
            always = action[person == j].mean(0)
            action[person == j] -= always
            offset[j] += np.tensordot(always, basis, axes=1)
        mean = mean + offset.mean(0)
        offset -= offset.mean(0)
    spread = action.std(0)
    _, values, rows = np.linalg.svd(offset.reshape(people, -1) / np.sqrt(people), full_matrices=False)
    return FaceModel(
        mean=mean,
        identity=(values[:components, None] * rows[:components]).reshape(components, 68, 3),
        expression=basis * spread[:, None, None],
        expression_names=tuple(units),
        noise=float(residual.std()),
    )


def main() -> None:
    """Read landmarks, build the model, write it with its provenance."""
    parser = argparse.ArgumentParser(description="Make the 68-landmark model of the expression judge.")
    parser.add_argument("landmarks", type=Path, help="npz with lm (n, 68, 2) and ids (n,)")
    parser.add_argument("--origin", default="unstated", help="one line: where the landmarks come from")
    parser.add_argument("--licence", default="unstated", help="one line: what the landmarks' terms allow")
    parser.add_argument("--hold-back", type=int, default=56, help="people left out, for validation")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("face_model_68.json"))
    options = parser.parse_args()
    data = read_npz(options.landmarks, error=OptionError, what="table of landmarks")
    landmarks, identities = data["lm"].astype(np.float64), data["ids"].astype(str)
    kept = np.unique(identities)[: -options.hold_back or None]
    use = np.isin(identities, kept)
    model = build(landmarks[use], identities[use])
    record = {
        "origin": options.origin,
        "licence": options.licence,
        "landmarks_sha256": bytes_sha256(np.ascontiguousarray(landmarks[use]).tobytes()),
        "photos": int(use.sum()),
        "people": len(kept),
        "made_by": "python -m eval.judges.make_face_model",
        "noise": round(model.noise, 6),
        "expression_names": list(model.expression_names),
        "mean": np.round(model.mean, 5).tolist(),
        "identity": np.round(model.identity, 5).tolist(),
        "expression": np.round(model.expression, 5).tolist(),
    }
    write_bytes(options.out, json.dumps(record).encode())


if __name__ == "__main__":
    main()
