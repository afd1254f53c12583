"""Differentiable landmark networks, for the losses that keep brows, eyes, lips and pose. They read aligned crops only.

Two networks serve:

* :class:`TightLandmarks`, the network that ships with the ``lite`` detector (``landmarks_68.onnx``). It needs no training and
  is the more accurate one: its mean error on CelebA crops is 2.5 px of 224, the jaw left out.
* :class:`LandmarkNet`, trained by the program ``landmarks``. After minutes of training its mean error was 2.7 to 3.3 px. Take
  this one where ``lite`` shall judge: the student has then never seen the judge's network.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ...detect.landmarks import BOTTOM, SIDES, SIZE_PX, TOP
from ...errors import OptionError
from ...weights.load import load_into, read_safetensors, weights_path
from ..data import augment
from ..data.faces import Faces, split
from ..export import write_network
from ..loop.trainer import Task
from ..networks.onnx_network import network_from_onnx
from .options import LandmarksConfig

INPUT_PX = 112
_LUMA = (0.299, 0.587, 0.114)  # of OpenCV's grey, which the network that ships was trained on
# Mean extent of the 68 landmarks in aligned crops, measured on 300 CelebA crops; where the first look goes.
_USUAL_EXTENT = [[0.139, 0.350], [0.869, 1.063]]
LAYOUT = "mobilefaceswap_core.training.landmarks.task.LandmarkNet"


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

    def forward(self, crops: Tensor, near: Tensor | None = None) -> Tensor:
        """``(N, 3, S, S)`` in [0, 1] -> ``(N, 68, 2)``. This network sees the whole crop and does not use ``near``."""
        x = F.interpolate(crops, size=(INPUT_PX, INPUT_PX), mode="area") * 2 - 1
        return self.points(self.features(x).flatten(1)).float().view(-1, 68, 2)


class LandmarksTask(Task):
    """Train a :class:`LandmarkNet` on the packs' landmarks; see :class:`~.options.LandmarksConfig`."""

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


class TightLandmarks(nn.Module):
    """The landmark network that ships, as a function of aligned crops. From each it cuts a tight grey crop of the face."""

    luma: Tensor
    usual: Tensor
    above: Tensor
    below: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        # Buffers: a constant made in each call would be copied to the GPU each time, and the GPU would wait for it.
        self.register_buffer("luma", torch.tensor(_LUMA)[:, None, None], persistent=False)
        self.register_buffer("usual", torch.tensor(_USUAL_EXTENT), persistent=False)
        self.register_buffer("above", torch.tensor([SIDES, TOP]), persistent=False)
        self.register_buffer("below", torch.tensor([SIDES, BOTTOM]), persistent=False)

    def forward(self, crops: Tensor, near: Tensor | None = None) -> Tensor:
        """Landmarks as fractions of the crop. Gradients reach the pixels, but not the place of the tight crop.

        Args:
            crops: ``(N, 3, S, S)`` in [0, 1].
            near: ``(N, 68, 2)`` landmarks to look around, such as those of the target before a swap. Without them the
                network looks twice: where faces usually are in aligned crops, and then around its own first answer.

        Returns:
            ``(N, 68, 2)``.
        """
        small = F.interpolate(crops, size=(INPUT_PX, INPUT_PX), mode="area")
        grey = (small * self.luma.to(small)).sum(1, keepdim=True)
        if near is None:
            usual = self.usual.to(grey).expand(len(grey), 2, 2)
            with torch.no_grad():
                near = self._look(grey, self._around(usual))
        return self._look(grey, self._around(near.detach()))

    def _look(self, grey: Tensor, box: Tensor) -> Tensor:
        low, size = box[:, :1], box[:, 1:] - box[:, :1]  # (N, 1, 2)
        ticks = (torch.arange(SIZE_PX, device=grey.device) + 0.5) / SIZE_PX
        across = low[..., 0] + ticks * size[..., 0]  # (N, 64)
        down = low[..., 1] + ticks * size[..., 1]
        shape = (len(grey), SIZE_PX, SIZE_PX)
        grid = torch.stack([across[:, None, :].expand(shape), down[:, :, None].expand(shape)], 3) * 2 - 1
        crop = F.grid_sample(grey.float(), grid, padding_mode="border", align_corners=False)
        points = self.network(crop * (255 / 256))  # the network's own scale of grey levels
        return low + points.float().view(-1, 68, 2) * size

    def _around(self, points: Tensor) -> Tensor:
        """``(N, 2, 2)`` low and high corner of the crop that the network wants around points ``(N, P, 2)``."""
        low, high = points.amin(1), points.amax(1)
        size = high - low
        return torch.stack([low - size * self.above.to(size), high + size * self.below.to(size)], 1)


def load_landmark_net(path: Path | str, *, device: torch.device | str = "cpu") -> LandmarkNet | TightLandmarks:
    """A trained landmark network, frozen.

    Args:
        path: ``shipped``, or a file of the program ``landmarks``.

    Raises:
        OptionError: ``path`` is empty: a config gives a landmark loss a weight and names no network.
    """
    if not str(path):
        raise OptionError(
            "losses.landmarks, losses.pose and losses.eyes need a landmark network: set `landmarks` to shipped, or to the file "
            "of one trained with the program `landmarks`; or set these losses to 0."
        )
    if str(path) == "shipped":
        network = network_from_onnx(weights_path("landmarks_68"), device=device)
        return TightLandmarks(network).to(device).eval().requires_grad_(False)
    tensors = read_safetensors([Path(path)])
    first = tensors.get("features.0.weight")
    network = LandmarkNet(width=32 if first is None else len(first))
    load_into(network, tensors, what=str(path))
    return network.to(device).eval().requires_grad_(False)
