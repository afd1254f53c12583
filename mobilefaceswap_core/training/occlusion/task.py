"""Training of the occlusion network on faces with drawn occluders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ...blend.occlusion_network import OcclusionNet, folded, unfolded
from ...types import Image
from ...weights.load import load_into, load_tensors, read_safetensors
from ..data import augment
from ..data.faces import Faces, split
from ..export import write_network
from ..loop.trainer import Task, batch_generator
from .occluders import Cutouts, read_cutouts
from .options import OcclusionConfig
from .synthesis import Sample, beardless_area, occlude

NAME = "occlusion_224"
LAYOUT = "mobilefaceswap_core.blend.occlusion_network.OcclusionNet"
_VALIDATION_SAMPLES, _GRID_SAMPLES = 96, 10
_CALIBRATION_CROPS = 32
_BATCH = 32  # of validation; bounds memory, not results
_SMALLEST_OCCLUDER = 30  # px of a crop; below it an intersection over union says nothing
_TOO_FEW = 8  # draws in a row without a usable crop, after which hidden ones are taken too


class OcclusionTask(Task):
    """See :class:`~.options.OcclusionConfig`.

    Raises:
        OptionError: a file of cut-outs that is none.
        WeightsError: ``start`` is no occlusion network.
    """

    def __init__(self, config: OcclusionConfig, faces: Faces, *, device: torch.device | str = "cpu") -> None:
        self.config, self.faces, self.device = config, faces, torch.device(device)
        self._training, self._kept = split(faces, config.data.hold_out, seed=config.loop.seed)
        self.cutouts: Cutouts = read_cutouts(Path(config.cutouts)) if config.cutouts else ()
        self._judge: OcclusionNet | None = None
        self._usable: dict[int, bool] = {}
        torch.manual_seed(config.loop.seed)  # initialisation only
        if config.start == "scratch":
            self.network = OcclusionNet(norms=True).to(self.device)
        else:
            self._judge = load_occlusion_net(config.start).to(self.device)
            generator = batch_generator(config.loop.seed, 0, 0, self.device)
            chosen = faces.draw(_CALIBRATION_CROPS, generator, among=self._training)
            images, _, _ = self._samples(chosen, generator)
            self.network = unfolded(self._judge, images)
        self._held_out: tuple[Tensor, Tensor, Tensor] | None = None

    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        chosen = self._draw_usable(self.config.loop.batch, generator)
        images, hidden, known = augmented(*self._samples(chosen, generator), generator)
        logits = self.network(images).float()
        weight = known * (1 + self.config.occluder_weight * hidden)
        entropy = F.binary_cross_entropy_with_logits(logits, hidden, reduction="none")
        terms = {"entropy": (entropy * weight).sum() / weight.sum().clamp(min=1)}
        if self.config.dice:
            terms["dice"] = self.config.dice * dice_loss(logits, hidden, known)
        return terms

    def _samples(self, chosen: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Occluded crops ``(N, 3, S, S)`` in [0, 1], what is hidden and what is known ``(N, 1, S, S)``."""
        seeds = torch.randint(2**62, (len(chosen),), generator=generator, device=self.device).tolist()
        others = self.faces.draw(len(chosen), generator, among=self._training).tolist()
        samples = []
        for index, other, seed in zip(chosen.tolist(), others, seeds, strict=True):
            face, texture = self.faces.aligned(index), self.faces.aligned(other).image
            assert face.landmarks is not None  # every pack has them
            rng = np.random.default_rng(seed)
            samples.append(occlude(rng, face.image, face.landmarks, texture=texture, cutouts=self.cutouts))
        return _to_tensors(samples, self.device)

    def _draw_usable(self, count: int, generator: Generator) -> Tensor:
        """Crops whose own face nothing seems to hide, by the network of the start; each is looked at once."""
        if self._judge is None or self.config.hidden_share >= 1:
            return self.faces.draw(count, generator, among=self._training)
        found: list[int] = []
        for _ in range(_TOO_FEW):
            drawn = self.faces.draw(count, generator, among=self._training).tolist()
            self._look_at([index for index in dict.fromkeys(drawn) if index not in self._usable])
            found += [index for index in drawn if self._usable[index]]
            if len(found) >= count:
                return torch.tensor(found[:count], device=self.device)
        return self.faces.draw(count, generator, among=self._training)

    @torch.no_grad()
    def _look_at(self, indices: list[int]) -> None:
        if not indices or self._judge is None:
            return
        hidden = self._judge(self.faces.images(torch.tensor(indices, device=self.device)))[:, 0].cpu().numpy() > 0
        for index, own in zip(indices, hidden, strict=True):
            landmarks = self.faces.landmarks[index].cpu().double().numpy() * len(own)
            area = beardless_area(landmarks, len(own))
            self._usable[index] = bool(area.any()) and float(own[area].mean()) <= self.config.hidden_share

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """On held-out people: intersection over union of occluders, and the share of visible face called hidden."""
        if not len(self._kept):
            return {}
        images, hidden, known = self._validation()
        found = torch.cat([network(part) > 0 for part in images.split(_BATCH)])
        known, wanted = known > 0.5, hidden > 0.5
        both = (found & wanted & known).sum((1, 2, 3)).float()
        either = ((found | wanted) & known).sum((1, 2, 3)).float()
        occluded = (wanted & known).sum((1, 2, 3)) >= _SMALLEST_OCCLUDER
        visible = known & (hidden < 0.02)
        figures = {"false_share": float((found & visible).sum() / visible.sum().clamp(min=1))}
        if occluded.any():
            figures["iou"] = float((both / either.clamp(min=1))[occluded].mean())
        return figures

    def _validation(self) -> tuple[Tensor, Tensor, Tensor]:
        if self._held_out is None:
            generator = batch_generator(self.config.loop.seed, 1, 0, self.device)
            chosen = self.faces.draw(_VALIDATION_SAMPLES, generator, among=self._kept)
            self._held_out = self._samples(chosen, generator)
        return self._held_out

    @torch.no_grad()
    def grid(self, network: nn.Module) -> Image | None:
        """Rows: occluded crops, what is hidden, what the network says; the first held-out ones."""
        if not len(self._kept):
            return None
        images, hidden, _ = (part[:_GRID_SAMPLES] for part in self._validation())
        said = torch.sigmoid(network(images))
        rows = [torch.cat(list(part.expand(-1, 3, -1, -1)), 2) for part in (images, hidden, said)]
        return (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()

    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        assert isinstance(network, OcclusionNet)
        return [write_network(folded(network), folder / f"{NAME}.safetensors", layout=LAYOUT, facts=facts)]


def dice_loss(logits: Tensor, hidden: Tensor, known: Tensor) -> Tensor:
    """1 less the Dice coefficient of each sample, averaged; small occluders count as much as large ones."""
    said, wanted = torch.sigmoid(logits) * known, hidden * known
    smooth = 1e-3 * logits[0].numel()  # samples without an occluder must not divide by nothing
    both, sum_ = (said * wanted).sum((1, 2, 3)), said.sum((1, 2, 3)) + wanted.sum((1, 2, 3))
    return (1 - (2 * both + smooth) / (sum_ + smooth)).mean()


def augmented(images: Tensor, hidden: Tensor, known: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Mirrored, moved, and seen by another camera: all three together, colours of the images alone."""
    count = len(images)
    together = augment.flip_images(torch.cat([images, hidden, known], 1), augment.coin(count, generator))
    matrices = augment.random_affine(count, generator, degrees=18, scale=0.18, shift=0.08)
    images, hidden, known = augment.warp_images(together, matrices).split([3, 1, 1], 1)
    images = augment.jitter_colours(images, augment.random_colours(count, 0.3, generator))
    gamma = torch.exp(augment.uniform((count, 1, 1, 1), generator) * 0.4)
    images = augment.remove_colour(images.clamp(min=1e-4) ** gamma, augment.chance(count, 0.1, generator))
    grain = torch.randn(images.shape, generator=generator, device=images.device)
    amount = torch.rand((count, 1, 1, 1), generator=generator, device=images.device) * 0.03
    return (images + grain * amount).clamp(0, 1), hidden.clamp(0, 1), (known > 0.99).to(known)


def _to_tensors(samples: list[Sample], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    images = torch.from_numpy(np.stack([sample.image for sample in samples])).to(device)
    hidden = torch.from_numpy(np.stack([sample.hidden for sample in samples])).to(device)[:, None]
    known = torch.from_numpy(np.stack([sample.known for sample in samples])).to(device)[:, None]
    return images.permute(0, 3, 1, 2).float().div_(255), hidden.float(), known.float()


def load_occlusion_net(name: str) -> OcclusionNet:
    """The network that ships (``shipped``) or one of a file, on the CPU, in evaluation mode.

    Raises:
        WeightsError: no such file, or a file of another network.
    """
    network = OcclusionNet()
    tensors = load_tensors(NAME) if name == "shipped" else read_safetensors([Path(name)])
    load_into(network, tensors, what=name)
    return network.eval().requires_grad_(False)
