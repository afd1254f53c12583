"""Choose a detector, and say why."""

from __future__ import annotations

import importlib.util
from importlib.metadata import EntryPoint

from .. import plugins
from ..errors import BackendError, OptionError
from .detector import Detector

DETECTORS = ("insightface", "dlib", "lite")
# Best offline detector first, as measured in docs/detectors.md.
_OFFLINE = ("lite", "dlib")
_PACKAGES = {"insightface": ("insightface",), "dlib": ("dlib", "face_recognition_models"), "lite": ("onnxruntime",)}
_DEVICES = ("auto", "cpu", "cuda", "mps")


def load_detector(name: str = "auto", *, device: str = "auto", download: bool = False, fast: bool = False) -> Detector:
    """Load a detector.

    Args:
        name: ``auto``, ``insightface``, ``dlib`` or ``lite``; a name that another package registers; or
            ``module:factory``, a function that returns a :class:`Detector` and may take ``device`` and ``fast``. ``auto``
            takes insightface when a model pack is on disk, otherwise the better of the two offline backends.
        device: ``auto``, ``cpu``, ``cuda`` (or ``cuda:N``) or ``mps``: a wish. Detectors that cannot use it run on the
            CPU, and ``info`` tells.
        download: with ``insightface``, fetch the pack (non-commercial licence, 289 MB) when it is not on disk.
        fast: for video: ``lite`` searches the whole frame once, without windows and turns, and looks closely when it is
            asked to; ``dlib`` does not enlarge.

    Returns:
        The detector; ``info.reason`` says why this one.

    Raises:
        BackendError: the backend asked for is not installed or has no model; for ``auto``, none is.
        OptionError: unknown name or device.
        WeightsError: a file is missing or damaged, or the download failed.
    """
    if device.split(":")[0] not in _DEVICES:
        raise OptionError(f"Unknown device {device!r}; wanted one of {', '.join(_DEVICES)}.")
    if name == "auto":
        return _automatic(device, fast)
    others = _registered()
    if plugins.is_reference(name) or name in others:
        reference = others[name].value if name in others else name
        return plugins.make(reference, Detector, device=device, fast=fast)
    if name not in DETECTORS:
        known = ", ".join([*DETECTORS, *others])
        raise OptionError(f"Unknown detector {name!r}; wanted one of auto, {known}, or module:factory.")
    if name == "insightface" and download:
        from .insightface_scrfd import download_pack, find_pack

        if find_pack() is None:
            download_pack()
    return _load(name, device, fast, reason=f"{name} was asked for{_device_note(name, device)}")


def available_detectors() -> dict[str, str]:
    """For each backend, ``""`` when it can be loaded, otherwise what is missing. Loads nothing."""
    missing = dict.fromkeys((*DETECTORS, *_registered()), "")
    for name, packages in _PACKAGES.items():
        absent = [package for package in packages if importlib.util.find_spec(package) is None]
        if absent:
            missing[name] = f"not installed: {', '.join(absent)}"
    if not missing["insightface"]:
        from ..files.folders import insightface_folder
        from .insightface_scrfd import find_pack

        if find_pack() is None:
            missing["insightface"] = f"no model pack in {insightface_folder() / 'models'}"
    return missing


def _registered() -> dict[str, EntryPoint]:
    return plugins.registered(plugins.DETECTORS, taken=frozenset(("auto", *DETECTORS)))


def _automatic(device: str, fast: bool) -> Detector:
    passed_over = []
    missing = available_detectors()
    for name in ("insightface", *_OFFLINE):
        if missing[name]:
            passed_over.append(f"{name} passed over ({missing[name]})")
            continue
        because = (
            "a model pack is on disk" if name == "insightface" else "the better offline detector in our measurements"
        )
        if name == _OFFLINE[-1]:
            because = "the last one left"
        reason = "; ".join([f"{name}: {because}{_device_note(name, device)}", *passed_over])
        try:
            return _load(name, device, fast, reason=reason)
        except BackendError as error:
            passed_over.append(f"{name} passed over ({error})")
    raise BackendError(f"No detector can be used: {'; '.join(passed_over)}. Install onnxruntime.")


def _load(name: str, device: str, fast: bool, *, reason: str) -> Detector:
    if name == "insightface":
        from .insightface_scrfd import InsightFaceDetector

        return InsightFaceDetector(device=device, reason=reason)
    if name == "dlib":
        from .dlib_hog import DlibDetector

        return DlibDetector(enlarge=not fast, reason=reason)
    from .lite import LiteDetector

    if fast:
        return LiteDetector(device=device, levels=0, turn=False, reason=reason)
    return LiteDetector(device=device, reason=reason)


def _device_note(name: str, device: str) -> str:
    if device in ("auto", "cpu"):
        return ""
    if name != "dlib" and device.startswith("cuda"):
        from ..runtime.sessions import providers_for

        if providers_for(device)[0] == "CUDAExecutionProvider":
            return ""
    return f", on the CPU because it cannot use {device} here"
