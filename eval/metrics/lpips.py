"""LPIPS: learned perceptual distance of the swapped image and the target, by the ``lpips`` package.

The package ships its linear heads but not its AlexNet backbone, which torchvision downloads. Where the backbone cannot be
had the column says so; ``python -m mobilefaceswap_core fetch lpips`` brings it.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mobilefaceswap_core.errors import BackendError, WeightsError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.types import Image
from mobilefaceswap_core.weights.published import COMMAND, PUBLISHED, find

from .base import PIXELS, Metric, MetricSpec, check_image_pair

LPIPS = Metric(
    MetricSpec(
        key="lpips",
        label="LPIPS",
        higher_is_better=False,
        worst=1.0,
        definition="LPIPS v0.1 with AlexNet between swapped image and target, whole frame. Failed swap: 1.",
        source="Zhang et al. 2018 (package lpips)",
        decimals=3,
        headline=False,
    ),
    None,  # see load_lpips
    needs=PIXELS,
)
BACKBONE_NAME = PUBLISHED["lpips"].file
# AlexNet pools three times with window 3 and stride 2 after an 11 px convolution of stride 4; smaller images vanish.
_SMALLEST = 64


def find_backbone(path: Path | None = None) -> Path:
    """The backbone file: as given, or where `fetch` puts it and torch keeps its downloads.

    Raises:
        BackendError: when it is nowhere; the message says what the table's column then says.
    """
    if path is not None:
        if not path.is_file():
            raise BackendError(f"--lpips-backbone {path}: no such file; wanted {BACKBONE_NAME}.")
        return path
    found = find(PUBLISHED["lpips"])
    if found is not None:
        return found
    raise BackendError(
        f"LPIPS backbone not found: run `{COMMAND} lpips`, or pass {BACKBONE_NAME} as --lpips-backbone FILE."
    )


def import_lpips() -> Any:
    """Import the ``lpips`` package even where torchvision's compiled operators do not match torch.

    torchvision registers shape rules for its own operators while it is imported and fails when they were never loaded.
    LPIPS uses none of them: declaring their names first lets the import through, and a call would still fail loudly.

    Raises:
        BackendError: when lpips or torchvision is not installed.
    """
    if importlib.util.find_spec("lpips") is None:
        raise BackendError("The package lpips is not installed; pip install lpips.")
    try:
        import torchvision  # noqa: F401
    except ImportError as error:
        raise BackendError("LPIPS needs torchvision for its backbone's layout; pip install torchvision.") from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare_missing_operators()
        for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
            del sys.modules[name]
    import lpips

    return lpips


_declared: list[torch.library.Library] = []  # a library's names vanish when it is collected


def _declare_missing_operators() -> None:
    """Declare the operators that torchvision gives shape rules to without checking that they exist.

    Their names are read from torchvision's own source, since they differ between versions; the schemas are never used.
    """
    if _declared:
        return
    found = importlib.util.find_spec("torchvision")
    folder = Path(found.origin).parent if found is not None and found.origin else Path()
    source = (folder / "_meta_registrations.py").read_text(encoding="utf-8")
    names = sorted(
        set(re.findall(r"register_(?:fake|abstract|meta)\(\s*\"(?:torchvision::)?(\w+)\"", source)) | {"nms"}
    )
    library = torch.library.Library("torchvision", "DEF")
    for name in names:
        library.define(f"{name}(Tensor input) -> Tensor")
    _declared.append(library)


class LpipsMeter:
    """The network, loaded once.

    Args:
        backbone: file with torchvision's AlexNet weights; see :func:`find_backbone`.
        device: torch device.

    Attributes:
        backbone_sha256: of the file.
        official: whether the file is the one torchvision publishes, by its hash.
    """

    def __init__(self, backbone: Path, *, device: str = "cpu") -> None:
        package = import_lpips()
        self.backbone_sha256 = file_sha256(backbone)
        self.official = self.backbone_sha256.startswith(PUBLISHED["lpips"].sha256)
        state = _read_state(backbone)
        with torch.random.fork_rng():
            model = package.LPIPS(net="alex", pnet_rand=True, verbose=False)
        _load_backbone(model.net, state, backbone.name)
        self._model = model.eval().to(device)
        self._device = device

    def __call__(self, swapped: Image, target: Image) -> float:
        """LPIPS of two ``(H, W, 3)`` RGB uint8 images of one size; 0 for equal images."""
        check_image_pair(swapped, target)
        if min(swapped.shape[:2]) < _SMALLEST:
            raise BackendError(f"LPIPS needs at least {_SMALLEST} px on each side; got {swapped.shape[:2]}.")
        with torch.inference_mode():
            return float(self._model(self._tensor(swapped), self._tensor(target)).item())

    def _tensor(self, image: Image) -> torch.Tensor:
        plane = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
        return plane.to(self._device).float() / 127.5 - 1.0


def _read_state(path: Path) -> dict[str, torch.Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise WeightsError(f"{path.name}: not a torch checkpoint ({error}); wanted {BACKBONE_NAME}.") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path.name}: holds a {type(state).__name__}, wanted AlexNet's state dict.")
    return state


def _load_backbone(net: torch.nn.Module, state: dict[str, torch.Tensor], name: str) -> None:
    """Copy ``features.N.*`` into lpips' slices, which keep torchvision's numbering; strict both ways."""
    own = dict(net.named_parameters())
    wanted = {key: "features." + key.split(".", 1)[1] for key in own}
    missing = [v for v in wanted.values() if v not in state]
    if missing:
        raise WeightsError(f"{name}: lacks {missing[0]} and {len(missing) - 1} more; wanted torchvision's AlexNet.")
    with torch.no_grad():
        for key, parameter in own.items():
            tensor = state[wanted[key]]
            if tensor.shape != parameter.shape:
                raise WeightsError(f"{name}: {wanted[key]} is {tuple(tensor.shape)}, wanted {tuple(parameter.shape)}.")
            parameter.copy_(tensor)


def load_lpips(backbone: Path | None, *, device: str = "cpu") -> tuple[Metric, str]:
    """The metric, without a measure where the network cannot be had, and the sentence that tables show about it."""
    try:
        meter = LpipsMeter(find_backbone(backbone), device=device)
    except BackendError as error:
        return LPIPS, str(error)
    origin = "torchvision's AlexNet" if meter.official else "a backbone that is NOT torchvision's AlexNet"
    measured = replace(LPIPS, measure=lambda sample: meter(sample.swapped, sample.target))
    return measured, f"measured with {origin} (SHA-256 {meter.backbone_sha256[:12]})"
