"""The quality network of the loss reweighting: how far was the teacher trained when it made this image?

Paper (public notes): a ResNet-18 that regresses the fraction of teacher training completed. Trained here on results of the
teacher's saved snapshots; artefacts of early snapshots pull its answer down, which is what the reweighting uses.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ...errors import OptionError
from ...identity.encoder import load_identity_encoder
from ...teachers.ours import TeacherGenerator
from ...weights.load import load_into, read_safetensors
from ..data import augment
from ..data.faces import Faces, split
from ..export import write_network
from ..loop.trainer import Task, batch_generator
from .options import QualityConfig

INPUT_PX = 112  # artefacts of a 224 crop are visible at half size, at a quarter of the cost
SNAPSHOT_PATTERN = "snapshot_*.safetensors"
LAYOUT = "mobilefaceswap_core.training.quality.task.QualityNet"
_VALIDATION_IMAGES = 64


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2015)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class QualityNet(nn.Module):
    """ResNet-18 with one output.

    Args:
        width: channels of the first stage; 64 is ResNet-18.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        channels = [width, width, 2 * width, 4 * width, 8 * width]
        blocks: list[nn.Module] = []
        for stage, (i, o) in enumerate(pairwise(channels)):
            blocks += [BasicBlock(i, o, 1 if stage == 0 else 2), BasicBlock(o, o, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """``(N, 3, S, S)`` in [0, 1] -> ``(N,)`` quality in [0, 1]."""
        x = F.interpolate(images, size=(INPUT_PX, INPUT_PX), mode="area") * 2 - 1
        x = self.blocks(self.stem(x)).mean((2, 3))
        return torch.sigmoid(self.head(x).float())[:, 0]


class QualityTask(Task):
    """Train the quality network; see :class:`~.options.QualityConfig`."""

    def __init__(self, config: QualityConfig, faces: Faces, *, device: torch.device | str = "cpu") -> None:
        self.config, self.faces, self.device = config, faces, torch.device(device)
        torch.manual_seed(config.loop.seed)  # initialisation only
        self.network = QualityNet(width=config.width).to(self.device)
        self.encoder = load_identity_encoder(self.device)
        self.snapshots = load_snapshots(Path(config.snapshots), device=self.device)
        self._training, self._kept = split(faces, config.data.hold_out, seed=config.loop.seed)

    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        images, fraction = self.draw(self._training, self.config.loop.batch, generator)
        return {"fraction": F.mse_loss(self.network(images).float(), fraction)}

    @torch.no_grad()
    def draw(self, among: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Results of random snapshots ``(N, 3, S, S)``, and each one's fraction of training ``(N,)``."""
        targets = self.faces.images(self.faces.draw(count, generator, among=among))
        embedding, _ = self.encoder(self.faces.images(self.faces.draw(count, generator, among=among)))
        which = torch.randint(len(self.snapshots), (count,), generator=generator, device=self.device)
        images, fraction = torch.empty_like(targets), torch.empty(count, device=self.device)
        for number, (done, snapshot) in enumerate(self.snapshots):
            rows = torch.nonzero(which == number)[:, 0]
            if len(rows):
                face, mask = snapshot(targets[rows], embedding[rows])
                images[rows] = face * mask + targets[rows] * (1 - mask)
                fraction[rows] = done
        return augment.flip_images(images, augment.coin(count, generator)), fraction

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean absolute error on held-out people, beside that of always answering one half."""
        if not len(self._kept):
            return {}
        generator = batch_generator(self.config.loop.seed, 0, 0, self.device)
        images, fraction = self.draw(self._kept, _VALIDATION_IMAGES, generator)
        answer = network(images)
        return {
            "error": float((answer - fraction).abs().mean()),
            "constant_error": float((fraction - 0.5).abs().mean()),
        }

    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        stated = facts | {"width": str(self.config.width)}
        return [write_network(network, folder / "quality.safetensors", layout=LAYOUT, facts=stated)]


def load_snapshots(folder: Path, *, device: torch.device | str = "cpu") -> list[tuple[float, TeacherGenerator]]:
    """Fraction of training and frozen generator of each snapshot, in order.

    Raises:
        OptionError: fewer than two snapshots.
    """
    from safetensors import safe_open

    paths = sorted(folder.glob(SNAPSHOT_PATTERN)) if folder.is_dir() else []
    if len(paths) < 2:
        raise OptionError(
            f"The folder snapshots={str(folder)!r} holds {len(paths)} teacher snapshots; wanted two or more. The program "
            "`teacher` writes them to RUN/snapshots."
        )
    loaded = []
    for path in paths:
        with safe_open(path, "pt") as file:
            fraction = float(file.metadata()["fraction"])
        loaded.append((fraction, _frozen_generator(path).to(device)))
    return loaded


def _frozen_generator(path: Path) -> TeacherGenerator:
    tensors = read_safetensors([path])
    first = tensors.get("encoder.0.conv.weight")
    blocks = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
    generator = TeacherGenerator(width=48 if first is None else len(first), blocks=len(blocks))
    load_into(generator, tensors, what=str(path))
    return generator.eval().requires_grad_(False)


def load_quality(path: Path, *, device: torch.device | str = "cpu") -> Callable[[Tensor], Tensor]:
    """A trained quality network, frozen."""
    tensors = read_safetensors([path])
    stem = tensors.get("stem.0.weight")
    network = QualityNet(width=64 if stem is None else len(stem))
    load_into(network, tensors, what=str(path))
    return network.to(device).eval().requires_grad_(False)
