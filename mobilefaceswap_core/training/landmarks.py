"""A differentiable landmark network for the consistency losses of teacher and student; it reads aligned crops only."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ..errors import OptionError
from ..weights.load import load_into, read_safetensors
from . import augment
from .config import LandmarksConfig
from .data import Faces, split
from .export import write_network
from .loop import Task

INPUT_PX = 112
LAYOUT = "mobilefaceswap_core.training.landmarks.LandmarkNet"


class LandmarkNet(nn.Module):
    """Convolutions to a 7 x 7 map, then 68 points as fractions of the crop.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        w = width
        stages = ((3, w, 2), (w, 2 * w, 2), (2 * w, 2 * w, 1), (2 * w, 4 * w, 2), (4 * w, 4 * w, 1), (4 * w, 8 * w, 2))
        layers: list[nn.Module] = []
        for channels_in, channels_out, stride in (*stages, (8 * w, 8 * w, 1)):
            layers += [
                nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False),
                nn.BatchNorm2d(channels_out),
                nn.LeakyReLU(0.1),
            ]
        self.features = nn.Sequential(*layers, nn.Conv2d(8 * w, 4 * w, 1), nn.LeakyReLU(0.1))
        self.points = nn.Linear(4 * w * 49, 136)

    def forward(self, crops: Tensor) -> Tensor:
        """``(N, 3, S, S)`` in [0, 1] -> ``(N, 68, 2)``."""
        x = F.interpolate(crops, size=(INPUT_PX, INPUT_PX), mode="area") * 2 - 1
        return self.points(self.features(x).flatten(1)).float().view(-1, 68, 2)


class LandmarksTask(Task):
    """See :class:`~.config.LandmarksConfig`."""

    def __init__(self, config: LandmarksConfig, faces: Faces, *, device: torch.device | str = "cpu") -> None:
        self.config, self.faces, self.device = config, faces, torch.device(device)
        torch.manual_seed(config.loop.seed)  # initialisation only
        self.network = LandmarkNet(width=config.width).to(self.device)
        self._training, self._kept = split(faces, config.data.hold_out, seed=config.loop.seed)

    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        count = self.config.loop.batch
        chosen = self.faces.draw(count, generator, among=self._training)
        mirrored = augment.coin(count, generator)
        matrices = augment.random_affine(count, generator, degrees=20, scale=0.15, shift=0.08)
        images = augment.warp_images(augment.flip_images(self.faces.images(chosen), mirrored), matrices)
        images = augment.jitter_colours(images, augment.random_colours(count, 0.2, generator))
        wanted = augment.warp_landmarks(augment.flip_landmarks(self.faces.landmarks[chosen], mirrored), matrices)
        return {"points": (self.network(images).float() - wanted).abs().mean()}

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean distance on held-out people in pixels of a 224 crop."""
        if not len(self._kept):
            return {}
        parts = [network(self.faces.images(part)) - self.faces.landmarks[part] for part in self._kept.split(64)]
        return {"error_px": float(torch.cat(parts).norm(dim=2).mean()) * 224}

    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        stated = facts | {"width": str(self.config.width)}
        return [write_network(network, folder / "landmarks.safetensors", layout=LAYOUT, facts=stated)]


def load_landmark_net(path: Path | str, *, device: torch.device | str = "cpu") -> LandmarkNet:
    """A trained landmark network, frozen.

    Raises:
        OptionError: ``path`` is empty: a config weighs the loss and names no network.
    """
    if not str(path):
        raise OptionError(
            "losses.landmarks and losses.pose need the file of a landmark network: train one with the program `landmarks` "
            "and name it in `landmarks`, or set both to 0."
        )
    tensors = read_safetensors([Path(path)])
    first = tensors.get("features.0.weight")
    network = LandmarkNet(width=32 if first is None else len(first))
    load_into(network, tensors, what=str(path))
    return network.to(device).eval().requires_grad_(False)
