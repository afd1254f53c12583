"""Train the teacher: a SimSwap-like generator with identity, reconstruction, adversarial, landmark and mask losses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ...faces.landmarks68 import BROWS, JAW
from ...identity.encoder import load_identity_encoder
from ...teachers.ours import TeacherGenerator
from ...types import Image
from ...weights.load import load_into, load_tensors, read_safetensors
from ..data import augment
from ..data.faces import Faces, split
from ..export import write_network, write_network_parts
from ..landmarks.task import load_landmark_net
from ..loop.distributed import Place
from ..loop.trainer import Task, batch_generator
from ..losses import terms as losses
from ..losses.critic import Critic
from ..losses.perceptual import load_perceptual
from ..networks.onnx_network import load_recogniser
from ..student.task import image_grid
from .options import TeacherConfig

LAYOUT = "mobilefaceswap_core.teachers.ours.TeacherGenerator"
_MASK_PX = 56  # the face region is drawn this small and smoothed
_FOREHEAD = 0.28  # of the way from chin to nose bridge, above the brows
_VALIDATION_PAIRS = 64


@dataclass(frozen=True, eq=False)
class Batch:
    """Augmented samples, and whatever else of a step is random.

    Attributes:
        target: ``(B, 3, S, S)`` in [0, 1].
        source: the same shape and range.
        landmarks: ``(B, 68, 2)`` of the target, fractions of the crop.
        region: ``(B, 1, S, S)`` the target's face, see :func:`face_region`.
        same: ``(B,)`` whether both show one person.
        shaken: ``(B, 2, 3)`` matrices by which the identity loss sees the results moved.
    """

    target: Tensor
    source: Tensor
    landmarks: Tensor
    region: Tensor
    same: Tensor
    shaken: Tensor


class TeacherTask(Task):
    """Train the teacher; see :class:`~.options.TeacherConfig`."""

    def __init__(
        self, config: TeacherConfig, faces: Faces, *, device: torch.device | str = "cpu", place: Place = Place()
    ) -> None:
        self.config, self.faces, self.device, self._place = config, faces, torch.device(device), place
        torch.manual_seed(config.loop.seed)  # initialisation only
        self.network: TeacherGenerator = build_teacher(config.start, width=config.width, blocks=config.blocks).to(
            device
        )
        self.critic = Critic(
            width=config.discriminator_width, learning_rate=config.loop.learning_rate, betas=config.loop.betas,
            r1=config.losses.r1, device=device, place=place,
        )  # fmt: skip
        self.encoder = load_identity_encoder(device)
        self.recogniser = load_recogniser(config.recogniser, device=device)
        self._perceptual = load_perceptual(config.perceptual, device=device) if config.losses.perceptual else None
        self._landmarks = load_landmark_net(config.landmarks, device=device) if config.losses.landmarks else None
        self._training, self._kept = split(faces, config.data.hold_out, seed=config.loop.seed)
        self._snapshots = 0

    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        return self.terms(self.turn(step), self.prepare(step, generator))

    def turn(self, step: int) -> bool:
        """Whether the critic's step is one with the R1 penalty: the one thing in which steps differ."""
        return self._uses_critic and self.critic.regularises

    def can_record(self, turn: bool) -> bool:
        return self.device.type == "cuda" and not turn

    def replayed(self) -> None:
        if self._uses_critic:
            self.critic.steps += 1

    def terms(self, turn: bool, batch: Batch) -> dict[str, Tensor]:
        target = batch.target
        with torch.no_grad():
            embedding, _ = self.encoder(batch.source)
            wanted, _ = self.recogniser(batch.source)
        face, mask = self.network(target, embedding)
        swapped = face * mask + target * (1 - mask)
        weights = self.config.losses
        terms: dict[str, Tensor] = {}
        if self._uses_critic:
            terms |= self.critic.terms(
                swapped, target, adversarial=weights.adversarial, feature_matching=weights.feature_matching
            )
        seen, _ = self.recogniser(augment.warp_images(swapped, batch.shaken))
        terms["identity"] = weights.identity * losses.identity_loss(seen, wanted)
        terms["reconstruction"] = weights.reconstruction * losses.reconstruction_loss(swapped, target, batch.same)
        logits = torch.logit(mask.float(), eps=1e-6)
        terms["mask"] = weights.mask * losses.mask_loss(logits, batch.region, background_only=False)
        if self._landmarks is not None:
            moved = self._landmarks(swapped, batch.landmarks)
            terms["landmarks"] = weights.landmarks * losses.landmark_consistency(moved, batch.landmarks)
        if self._perceptual is not None:
            with torch.no_grad():
                features_of_target = self._perceptual(target)
            distance = losses.perceptual_distance(self._perceptual(swapped), features_of_target)
            terms["perceptual"] = weights.perceptual * distance
        return terms

    def prepare(self, step: int, generator: Generator) -> Batch:
        """A random, augmented batch; a part of it shows one person as target and source."""
        count = self.config.loop.batch
        targets = self.faces.draw(count, generator, among=self._training)
        sources = self.faces.draw(count, generator, among=self._training)
        own = round(self.config.same_identity * count)
        sources[:own] = self.faces.same_person(targets[:own], generator)
        same = self.faces.identity[targets] == self.faces.identity[sources]
        mirrored = augment.coin(count, generator)
        matrices = augment.random_affine(count, generator, degrees=10, scale=0.1, shift=0.04)
        target = augment.warp_images(augment.flip_images(self.faces.images(targets), mirrored), matrices)
        target = augment.jitter_colours(target, augment.random_colours(count, 0.08, generator))
        landmarks = augment.warp_landmarks(augment.flip_landmarks(self.faces.landmarks[targets], mirrored), matrices)
        source = augment.flip_images(self.faces.images(sources), augment.coin(count, generator))
        source = augment.jitter_colours(source, augment.random_colours(count, 0.1, generator))
        return Batch(
            target.contiguous(memory_format=torch.channels_last),
            source,
            landmarks,
            face_region(landmarks, target.shape[-1]),
            same,
            shaken=augment.random_affine(count, generator, degrees=4, scale=0.03, shift=0.015),
        )

    @property
    def _uses_critic(self) -> bool:
        return bool(self.config.losses.adversarial or self.config.losses.feature_matching)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Identity cosines on pairs of held-out people."""
        if not len(self._kept):
            return {}
        source_cosines, target_cosines = [], []
        for part in self._validation_pairs().split(8):
            target = self.faces.images(part[:, 0])
            embedding, _ = self.encoder(self.faces.images(part[:, 1]))
            face, mask = network(target, embedding)
            seen, _ = self.encoder(face * mask + target * (1 - mask))
            source_cosines.append((seen * embedding).sum(1))
            target_cosines.append((seen * self.encoder(target)[0]).sum(1))
        return {
            "source_cosine": float(torch.cat(source_cosines).mean()),
            "target_cosine": float(torch.cat(target_cosines).mean()),
        }

    @torch.no_grad()
    def grid(self, network: nn.Module) -> Image | None:
        """Rows: sources, targets, teacher, mask."""
        if not len(self._kept):
            return None
        pairs = self._validation_pairs()[:8]
        target, source = self.faces.images(pairs[:, 0]), self.faces.images(pairs[:, 1])
        face, mask = network(target, self.encoder(source)[0])
        return image_grid([source, target, face * mask + target * (1 - mask), mask.expand(-1, 3, -1, -1)])

    def _validation_pairs(self) -> Tensor:
        generator = batch_generator(self.config.loop.seed, 0, 0, self.device)
        return torch.stack([self.faces.draw(_VALIDATION_PAIRS, generator, among=self._kept) for _ in range(2)], 1)

    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        return write_network_parts(network, folder / "teacher_224.safetensors", layout=LAYOUT, facts=facts)

    def progressed(self, fraction: float, network: nn.Module, folder: Path) -> None:
        wanted = self.config.snapshots
        if wanted and fraction * wanted >= self._snapshots:
            path = folder / "snapshots" / f"snapshot_{self._snapshots:03d}.safetensors"
            write_network(network, path, layout=LAYOUT, facts={"fraction": f"{fraction:.4f}"})
            self._snapshots += 1

    def diverged(self, terms: dict[str, float], step: int) -> str:
        if step > 500 and terms["mask"] > 0.6 * self.config.losses.mask:
            return "the mask collapsed (its cross entropy is over 0.6)."
        return self.critic.diverged() if self._uses_critic else ""

    def state(self) -> dict[str, Any]:
        return self.critic.state() | {"snapshots": self._snapshots}

    def load_state(self, state: dict[str, Any]) -> None:
        self.critic.load_state(state)
        self._snapshots = int(state["snapshots"])


def build_teacher(start: str, *, width: int = 48, blocks: int = 6) -> TeacherGenerator:
    """A generator to train: ``shipped``, ``scratch`` or a safetensors file."""
    generator = TeacherGenerator(width=width, blocks=blocks)
    if start != "scratch":
        tensors = load_tensors("teacher_224") if start == "shipped" else read_safetensors([Path(start)])
        load_into(generator, tensors, what=start)
    return generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def face_region(landmarks: Tensor, side: int) -> Tensor:
    """The face's region from landmarks, softly: jaw line and raised brows as a polygon.

    Args:
        landmarks: ``(N, 68, 2)`` fractions of the crop.

    Returns:
        ``(N, 1, side, side)`` in [0, 1].
    """
    up = landmarks[:, 27:28] - landmarks[:, 8:9]  # chin to nose bridge
    polygon = torch.cat([landmarks[:, JAW], landmarks[:, BROWS].flip(1) + up * _FOREHEAD], 1)  # (N, 27, 2)
    ticks = (torch.arange(_MASK_PX, device=landmarks.device) + 0.5) / _MASK_PX
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    points = torch.stack([x, y], -1).view(1, -1, 1, 2)  # (1, pixels, 1, 2)
    a, b = polygon[:, None], polygon.roll(-1, 1)[:, None]
    # Even-odd rule: a pixel is inside if a ray to the right crosses an odd number of edges.
    straddles = (a[..., 1] > points[..., 1]) != (b[..., 1] > points[..., 1])
    slope = (b[..., 0] - a[..., 0]) / (b[..., 1] - a[..., 1] + 1e-9)
    crossing = slope * (points[..., 1] - a[..., 1]) + a[..., 0]
    inside = (straddles & (points[..., 0] < crossing)).sum(-1) % 2
    region = inside.float().view(-1, 1, _MASK_PX, _MASK_PX)
    region = F.avg_pool2d(F.pad(region, (2, 2, 2, 2), mode="replicate"), 5, 1)
    return F.interpolate(region, size=(side, side), mode="bilinear", align_corners=False)
