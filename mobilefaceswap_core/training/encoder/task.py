"""Distil a small recogniser from a stronger one: unit embedding, last map, and how the faces of a batch relate."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ...identity.contract import INPUT_PX, MOBILEFACENET_CONTRACT
from ...identity.mobilefacenet import MobileFaceNet
from ..data import augment
from ..data.faces import Faces, split
from ..export import write_network
from ..loop.trainer import Task
from ..networks.onnx_network import load_recogniser
from .options import EncoderConfig

LAYOUT = "mobilefaceswap_core.identity.mobilefacenet.MobileFaceNet"
_COARSE_PX = 48  # a sixth of the batch is seen as small as this, so that small faces keep their identity
_COARSE_SHARE = 6


class EncoderTask(Task):
    """Train an identity encoder; see :class:`~.options.EncoderConfig`."""

    def __init__(self, config: EncoderConfig, faces: Faces, *, device: torch.device | str = "cpu") -> None:
        self.config, self.faces, self.device = config, faces, torch.device(device)
        torch.manual_seed(config.loop.seed)  # initialisation only
        self.network = MobileFaceNet().to(self.device)
        self.recogniser = load_recogniser(config.recogniser, device=self.device)
        self._mean = torch.tensor(MOBILEFACENET_CONTRACT.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(MOBILEFACENET_CONTRACT.std, device=self.device).view(1, 3, 1, 1)
        self._training, self._kept = split(faces, config.data.hold_out, seed=config.loop.seed)

    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        images = self.draw(generator)
        with torch.no_grad():
            wanted, wanted_map = self.recogniser(images)
        embedding, feature_map = self.network((images - self._mean) / self._std)
        unit = F.normalize(embedding.float(), dim=1)
        terms = {
            "cosine": (1 - (unit * wanted).sum(1)).mean(),
            "relations": self.config.relations * relation_loss(unit, wanted),
        }
        if wanted_map is not None and self.config.feature_map:
            error = (feature_map.float() - wanted_map).square().mean() / wanted_map.square().mean()
            terms["map"] = self.config.feature_map * error
        return terms

    def draw(self, generator: Generator) -> Tensor:
        """Augmented crops ``(B, 3, 112, 112)`` in [0, 1]."""
        count = self.config.loop.batch
        images = self.faces.images(self.faces.draw(count, generator, among=self._training))
        images = augment.flip_images(images, augment.coin(count, generator))
        images = augment.warp_images(images, augment.random_affine(count, generator, degrees=8, scale=0.1, shift=0.05))
        images = augment.jitter_colours(images, augment.random_colours(count, 0.25, generator))
        images = F.interpolate(images, size=(INPUT_PX, INPUT_PX), mode="area")
        coarse = F.interpolate(images[: count // _COARSE_SHARE], size=(_COARSE_PX, _COARSE_PX), mode="area")
        images[: count // _COARSE_SHARE] = F.interpolate(coarse, size=(INPUT_PX, INPUT_PX), mode="bilinear")
        return images

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean cosine with the stronger recogniser on held-out people."""
        if not len(self._kept):
            return {}
        cosines = []
        for part in self._kept.split(64):
            images = F.interpolate(self.faces.images(part), size=(INPUT_PX, INPUT_PX), mode="area")
            embedding, _ = network((images - self._mean) / self._std)
            cosines.append((F.normalize(embedding.float(), dim=1) * self.recogniser(images)[0]).sum(1))
        return {"cosine": float(torch.cat(cosines).mean())}

    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        return [write_network(network, folder / "encoder_mobilefacenet.safetensors", layout=LAYOUT, facts=facts)]


def relation_loss(embedding: Tensor, wanted: Tensor) -> Tensor:
    """Smooth L1 distance between the cosine matrices of two sets of unit embeddings ``(B, D)`` (Park et al. 2019)."""
    return F.smooth_l1_loss(embedding @ embedding.T, wanted @ wanted.T)
