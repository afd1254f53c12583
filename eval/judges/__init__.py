"""Judges by name: who measures identity, pose, expression, shape and gaze. Other packages may bring their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mobilefaceswap_core import plugins
from mobilefaceswap_core.errors import OptionError

from .base import KINDS, Judge, JudgeInfo

__all__ = ["DEFAULT_JUDGES", "JUDGES", "Judge", "JudgeInfo", "load_judge", "load_judges"]

DEFAULT_JUDGES = ("dlib", "pnp", "facemodel", "actions", "facemodel-shape")


def _dlib(argument: str, device: str) -> Judge:
    from .recognisers import DlibRecogniser

    return DlibRecogniser()


def _insightface(argument: str, device: str) -> Judge:
    from .recognisers import insightface_recogniser

    return insightface_recogniser(argument)


def _arcface(argument: str, device: str) -> Judge:
    from .recognisers import published_recogniser

    return published_recogniser("arcface_w600k_r50")


def _onnx(argument: str, device: str) -> Judge:
    from .recognisers import OnnxRecogniser

    return OnnxRecogniser(argument)


def _mobilefacenet(argument: str, device: str) -> Judge:
    from .recognisers import OwnEncoder

    return OwnEncoder(device=device)


def _pnp(argument: str, device: str) -> Judge:
    from .pose import PnpPose

    return PnpPose()


def _insightface3d68(argument: str, device: str) -> Judge:
    from .pose import insightface_pose

    return insightface_pose(argument)


def _hopenet(argument: str, device: str) -> Judge:
    from .pose import HopenetPose

    return HopenetPose(argument)


def _facemodel(argument: str, device: str) -> Judge:
    from .expression import FaceModelExpression

    return FaceModelExpression()


def _facemodel_shape(argument: str, device: str) -> Judge:
    from .expression import FaceModelShape

    return FaceModelShape()


def _actions(argument: str, device: str) -> Judge:
    from .expression import LandmarkActions

    return LandmarkActions()


def _iris(argument: str, device: str) -> Judge:
    from .gaze import IrisGaze

    return IrisGaze(argument)


def _mediapipe(argument: str, device: str) -> Judge:
    from .expression import MediapipeBlendshapes

    return MediapipeBlendshapes(argument)


JUDGES: dict[str, Callable[[str, str], Judge]] = {
    "dlib": _dlib,
    "insightface": _insightface,
    "arcface_w600k_r50": _arcface,
    "onnx": _onnx,
    "mobilefacenet": _mobilefacenet,
    "pnp": _pnp,
    "insightface3d68": _insightface3d68,
    "hopenet": _hopenet,
    "facemodel": _facemodel,
    "facemodel-shape": _facemodel_shape,
    "actions": _actions,
    "mediapipe": _mediapipe,
    "iris": _iris,
}


def load_judge(spec: str, *, device: str = "cpu") -> Judge:
    """Load one judge.

    Args:
        spec: ``name`` or ``name:argument`` (a file, with its input contract after ``?``), where the name is one of
            :data:`JUDGES` or registered by an installed package (entry points in ``mobilefaceswap.judges``); or
            ``module:factory``, with an argument after ``?``. A factory returns a :class:`~eval.judges.base.Judge` and may
            take ``argument`` and ``device``.
        device: torch device of judges that use torch.

    Raises:
        OptionError: for an unknown name, or a factory that returns something else.
        BackendError, WeightsError: when its package or file is missing.
    """
    name, _, argument = spec.partition(":")
    if name in JUDGES:
        return JUDGES[name](argument, device)
    others = plugins.registered(plugins.JUDGES, taken=frozenset(JUDGES))
    if name in others:
        return _foreign(others[name].value, argument, device)
    reference, _, argument = spec.partition("?")
    if plugins.is_reference(reference):
        return _foreign(reference, argument, device)
    raise OptionError(
        f"Unknown judge {spec!r}; known are {', '.join([*JUDGES, *others])}, and module:factory with an argument after a "
        "question mark."
    )


def _foreign(reference: str, argument: str, device: str) -> Judge:
    judge: Judge = plugins.make(reference, Judge, argument=argument, device=device)
    info = judge.info
    if not isinstance(info, JudgeInfo):
        raise OptionError(f"{reference} returned a judge whose info is a {type(info).__name__}; wanted a JudgeInfo.")
    if info.kind not in KINDS or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", info.name):
        raise OptionError(
            f"{reference} returned the judge {info.name!r} of the kind {info.kind!r}; wanted a name of letters, digits, dots "
            f"and dashes, and one of {', '.join(KINDS)}."
        )
    return judge


def load_judges(specs: Sequence[str], *, device: str = "cpu") -> list[Judge]:
    """Load several judges; two of one name are refused, since records are keyed by name."""
    judges = [load_judge(spec, device=device) for spec in specs]
    names = [judge.info.name for judge in judges]
    if twice := {n for n in names if names.count(n) > 1}:
        raise OptionError(f"Two judges are called {sorted(twice)[0]!r}; rename one of the files.")
    if not any(judge.info.kind == "recogniser" for judge in judges):
        raise OptionError("No recogniser among the judges; ID retrieval needs one, such as dlib.")
    return judges
