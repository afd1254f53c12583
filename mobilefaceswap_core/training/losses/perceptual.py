"""Feature extractors of the perceptual loss, all frozen and behind one callable: images in [0, 1] -> list of maps.

* ``recogniser`` (default): early layers of the identity encoder that ships. It is fully convolutional up to its last map,
  so it reads crops at their full size, and it needs no other file.
* ``lpips``: AlexNet of the package lpips (extra); torchvision downloads its weights at first use.
* ``FILE.onnx:NAME,NAME``: any ONNX network through onnx2torch (extra), the named values as features.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import BackendError, OptionError
from ...identity.encoder import load_identity_encoder
from ...identity.mobilefacenet import MobileFaceNet

Features = Callable[[Tensor], list[Tensor]]
# Of MobileFaceNet.features: after the first two convolutions (1/2 of the input's side), and the last block at 1/4.
_RECOGNISER_TAPS = (1, 6)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_perceptual(name: str, *, device: torch.device | str = "cpu") -> Features:
    """Load an extractor.

    Raises:
        OptionError: unknown name, or an ONNX file without names of values.
        BackendError: the package it needs is not installed.
    """
    if name == "recogniser":
        return _recogniser(device)
    if name == "lpips":
        return _lpips(device)
    path, _, taps = name.partition(".onnx:")
    if taps:
        return _onnx(Path(f"{path}.onnx"), taps.split(","), device)
    raise OptionError(f"Unknown perceptual features {name!r}; wanted recogniser, lpips, or FILE.onnx:VALUE,VALUE.")


def _recogniser(device: torch.device | str) -> Features:
    encoder = load_identity_encoder(device)
    network = encoder.network
    assert isinstance(network, MobileFaceNet)
    layers = list(network.features)[: _RECOGNISER_TAPS[-1] + 1]
    mean = torch.tensor(encoder.contract.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(encoder.contract.std, device=device).view(1, 3, 1, 1)

    def features(images: Tensor) -> list[Tensor]:
        x, kept = (images - mean) / std, []
        for number, layer in enumerate(layers):
            x = layer(x)
            if number in _RECOGNISER_TAPS:
                kept.append(x)
        return kept

    return features


def _lpips(device: torch.device | str) -> Features:
    try:
        import lpips

        network = lpips.LPIPS(net="alex", verbose=False)
    except Exception as error:  # torchvision fails in several ways on a wrong wheel, and fetches AlexNet at first use
        raise BackendError(
            f"Perceptual features `lpips` need lpips, a working torchvision and its AlexNet weights ({error}). Install "
            "both and connect once, or use `recogniser`."
        ) from error
    network = network.to(device).eval().requires_grad_(False)

    def features(images: Tensor) -> list[Tensor]:
        outputs = network.net(network.scaling_layer(images * 2 - 1))
        return [lpips.normalize_tensor(output) for output in outputs]

    return features


def _onnx(path: Path, taps: list[str], device: torch.device | str) -> Features:
    from ..networks.onnx_network import network_from_onnx

    network: nn.Module = network_from_onnx(path, outputs=taps, device=device)
    mean = torch.tensor(IMAGENET_MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=device).view(1, 3, 1, 1)

    def features(images: Tensor) -> list[Tensor]:
        outputs = network((images - mean) / std)
        return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]

    return features
