"""LPIPS: learned perceptual distance of the swapped image and the target, by the ``lpips`` package.

The package ships its linear heads but not the backbones below them, which torchvision downloads: AlexNet, VGG or SqueezeNet.
Where the chosen one cannot be had the column says so; ``python -m mobilefaceswap_core fetch lpips`` brings it.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mobilefaceswap_core.errors import BackendError, OptionError, WeightsError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.types import Image
from mobilefaceswap_core.weights.published import COMMAND, PUBLISHED, Published, find

from .base import PIXELS, Metric, MetricSpec, check_image_pair

if TYPE_CHECKING:  # imported by what runs the network: tables, and the page, are there without it
    import torch

LPIPS = Metric(
    MetricSpec(
        key="lpips",
        label="LPIPS",
        higher_is_better=False,
        worst=1.0,
        definition="LPIPS v0.1 between swapped image and target, whole frame, with AlexNet unless VGG or SqueezeNet was chosen. "
        "Failed swap: 1.",
        source="Zhang et al. 2018 (package lpips)",
        decimals=3,
        headline=False,
    ),
    None,  # see load_lpips
    needs=PIXELS,
)
# By the names of package lpips: what to fetch, and what people call it.
BACKBONES = {"alex": ("lpips", "AlexNet"), "vgg": ("lpips_vgg", "VGG"), "squeeze": ("lpips_squeeze", "SqueezeNet")}
# AlexNet pools three times with window 3 and stride 2 after an 11 px convolution of stride 4; smaller images vanish. The
# others see a little less, and answer for the same images.
_SMALLEST = 64


def _entry(network: str) -> Published:
    """What is published of a backbone.

    Raises:
        OptionError: unknown.
    """
    if network not in BACKBONES:
        raise OptionError(f"--lpips {network}: wanted one of {', '.join(BACKBONES)}.")
    return PUBLISHED[BACKBONES[network][0]]


def find_backbone(path: Path | None = None, *, network: str = "alex") -> Path:
    """The backbone file: as given, or where `fetch` puts it and torch keeps its downloads.

    Args:
        path: a file of one's own.
        network: one of :data:`BACKBONES`.

    Raises:
        BackendError: when it is nowhere; the message says what the table's column then says.
        OptionError: an unknown network.
    """
    item = _entry(network)
    if path is not None:
        if not path.is_file():
            raise BackendError(f"--lpips-backbone {path}: no such file; wanted {item.file}.")
        return path
    found = find(item)
    if found is not None:
        return found
    raise BackendError(
        f"LPIPS backbone not found: run `{COMMAND} {item.name}`, or pass {item.file} as --lpips-backbone FILE."
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
    import torch

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
        backbone: file with torchvision's weights of the network; see :func:`find_backbone`.
        network: one of :data:`BACKBONES`.
        device: torch device.

    Attributes:
        backbone_sha256: of the file.
        official: whether the file is the one torchvision publishes, by its hash.
    """

    def __init__(self, backbone: Path, *, network: str = "alex", device: str = "cpu") -> None:
        import torch

        package, item = import_lpips(), _entry(network)
        self.backbone_sha256 = file_sha256(backbone)
        self.official = self.backbone_sha256.startswith(item.sha256)
        state = _read_state(backbone, item.file)
        with torch.random.fork_rng():
            model = package.LPIPS(net=network, pnet_rand=True, verbose=False)
        _load_backbone(model.net, state, backbone.name, BACKBONES[network][1])
        self._model = model.eval().to(device)
        self._device = device

    def __call__(self, swapped: Image, target: Image) -> float:
        """LPIPS of two ``(H, W, 3)`` RGB uint8 images of one size; 0 for equal images."""
        import torch

        check_image_pair(swapped, target)
        if min(swapped.shape[:2]) < _SMALLEST:
            raise BackendError(f"LPIPS needs at least {_SMALLEST} px on each side; got {swapped.shape[:2]}.")
        with torch.inference_mode():
            return float(self._model(self._tensor(swapped), self._tensor(target)).item())

    def _tensor(self, image: Image) -> torch.Tensor:
        import torch

        plane = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
        return plane.to(self._device).float() / 127.5 - 1.0


def _read_state(path: Path, wanted: str) -> dict[str, torch.Tensor]:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise WeightsError(f"{path.name}: not a torch checkpoint ({error}); wanted {wanted}.") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path.name}: holds a {type(state).__name__}, wanted the state dict of {wanted}.")
    return state


def _load_backbone(net: torch.nn.Module, state: dict[str, torch.Tensor], name: str, title: str) -> None:
    """Copy ``features.N.*`` into lpips' slices, which keep torchvision's numbering; strict both ways."""
    import torch

    own = dict(net.named_parameters())
    wanted = {key: "features." + key.split(".", 1)[1] for key in own}
    missing = [v for v in wanted.values() if v not in state]
    if missing:
        raise WeightsError(f"{name}: lacks {missing[0]} and {len(missing) - 1} more; wanted torchvision's {title}.")
    with torch.no_grad():
        for key, parameter in own.items():
            tensor = state[wanted[key]]
            if tensor.shape != parameter.shape:
                raise WeightsError(f"{name}: {wanted[key]} is {tuple(tensor.shape)}, wanted {tuple(parameter.shape)}.")
            parameter.copy_(tensor)


def load_lpips(backbone: Path | None, *, network: str = "alex", device: str = "cpu") -> tuple[Metric, str]:
    """The metric, without a measure where the network cannot be had, and the sentence that tables show about it.

    Raises:
        OptionError: an unknown network.
        WeightsError: the file is no such network.
    """
    try:
        meter = LpipsMeter(find_backbone(backbone, network=network), network=network, device=device)
    except BackendError as error:
        return LPIPS, str(error)
    title = BACKBONES[network][1]
    origin = f"torchvision's {title}" if meter.official else f"a backbone that is NOT torchvision's {title}"
    measured = replace(LPIPS, measure=lambda sample: meter(sample.swapped, sample.target))
    return measured, f"measured with {origin} (SHA-256 {meter.backbone_sha256[:12]})"
