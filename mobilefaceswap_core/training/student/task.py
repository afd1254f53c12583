"""Distil the student from stored teacher outputs.

The recipe is the one that worked on two CPU cores (docs/training.md): many steps of small batches, the distillation in
charge, windows of the face first and whole crops (mask, surroundings) last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ...identity.encoder import load_identity_encoder
from ...types import Image
from ..data import augment
from ..data.faces import Faces
from ..export import write_network
from ..landmarks.task import load_landmark_net
from ..loop.distributed import Place
from ..loop.trainer import Task
from ..losses import terms as losses
from ..losses.critic import Critic
from ..losses.perceptual import load_perceptual
from ..networks.onnx_network import Recogniser, load_recogniser
from .cache import StoredPairs
from .finished import as_shown, shown_weights
from .network import LAYOUT, NAME, TrainableStudent, build_student, freeze_all_but_mask
from .options import StudentConfig
from .reweighting import sample_weight

_WINDOW_DOWN = 20 / 224  # the face's centre lies this far below the crop's (template: eyes at 0.46, mouth at 0.82)
_WINDOW_MOVE_PX = 8
_SELF_SIMILARITY = 0.8  # weighs a self pair like a very good teacher output (cos^2 / .36 reaches the upper clamp)
_ACTIVATION_EVERY = 4  # the penalty moves slowly; every fourth step at four times its weight
_GRID_COLUMNS = 8


@dataclass(frozen=True, eq=False)
class Batch:
    """Augmented samples, and whatever else of a step is random.

    Attributes:
        target: ``(B, 3, S, S)`` in [0, 1].
        source: the same shape and range.
        wanted: what the teacher drew, in the same shape and range.
        mask: ``(B, 1, S, S)``.
        weight: ``(B,)``.
        shaken: ``(B, 2, 3)`` matrices by which the identity loss sees the results moved.
        grey: ``(B,)`` whether it sees them without colour.
        shown: ``(B, 3, S, S)`` where it sees the target in them, see ``finished.py``; ``None`` where it never does.
        view: where the other losses look.
    """

    target: Tensor
    source: Tensor
    wanted: Tensor
    mask: Tensor
    weight: Tensor
    shaken: Tensor
    grey: Tensor
    shown: Tensor | None = None
    view: tuple[slice | EllipsisType, ...] = (...,)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step computes.

    Attributes:
        identity: weight of the identity loss in this step.
        perceptual: weight of the perceptual loss in this step.
        recogniser: whose turn it is.
        activations: whether the penalty on them is computed.
        critic: whether its step is one with the R1 penalty.
    """

    identity: float
    perceptual: float
    recogniser: int
    activations: bool
    critic: bool


class StudentTask(Task):
    """Train the student; see :class:`~.options.StudentConfig`.

    Args:
        faces: all crops, on the device.
        pairs: stored teacher outputs made from them.
    """

    def __init__(
        self,
        config: StudentConfig,
        faces: Faces,
        pairs: StoredPairs,
        *,
        device: torch.device | str = "cpu",
        place: Place = Place(),
    ) -> None:
        self.config, self.faces, self.pairs = config, faces, pairs
        self.device = torch.device(device)
        torch.manual_seed(config.loop.seed)  # initialisation only
        self.encoder = load_identity_encoder(self.device)
        self.network: TrainableStudent = build_student(config.start, faces, self.encoder).to(self.device)
        for module in (self.encoder.network, self.network):  # less CPU time a step; see training_log.md, Speed
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # None stands for the encoder that every step runs anyway.
        self._recognisers = [
            None if name == "shipped" else load_recogniser(name, device=device) for name in config.recognisers
        ]
        self._training = pairs.training
        if config.only_mask:
            freeze_all_but_mask(self.network)
        self._perceptual = load_perceptual(config.perceptual, device=device) if config.losses.perceptual else None
        self._landmarks = (
            load_landmark_net(config.landmarks, device=device)
            if config.losses.landmarks or config.losses.pose or config.losses.eyes or config.losses.mouth
            else None
        )
        weights = config.losses
        self.critic: Critic | None = None
        if (weights.adversarial or weights.feature_matching) and not config.only_mask:
            self.critic = Critic(
                width=config.discriminator_width,
                r1=weights.r1,
                device=device,
                place=place,
            )

    def losses(self, step: int, generator: Generator) -> dict[str, Tensor]:
        return self.terms(self.turn(step), self.prepare(step, generator))

    def turn(self, step: int) -> Turn:
        identity, perceptual = self.config.losses.identity, self.config.losses.perceptual
        if self.config.alternate and identity and perceptual:
            identity, perceptual = (2 * identity, 0.0) if step % 2 else (0.0, 2 * perceptual)
        return Turn(
            identity,
            perceptual,
            # Every second step has an identity loss where it alternates with the perceptual one.
            recogniser=step // 2 % len(self._recognisers),
            activations=bool(self.config.losses.activation) and step % _ACTIVATION_EVERY == 0,
            critic=self.critic is not None and self.critic.regularises,
        )

    def can_record(self, turn: Turn) -> bool:
        # Windows move by numbers that Python reads; the R1 penalty's second derivatives are rare enough as they are.
        return self.device.type == "cuda" and not (self.config.crop_px or turn.critic)

    def replayed(self) -> None:
        if self.critic is not None:
            self.critic.steps += 1

    def terms(self, turn: Turn, batch: Batch) -> dict[str, Tensor]:
        weights = self.config.losses
        with torch.no_grad():
            embedding, feature_map = self.encoder(batch.source)
        if self.config.only_mask:
            return {"mask": weights.mask * self._mask_term(batch, embedding, feature_map)}
        view = batch.view
        target, wanted, mask = (
            x[view].contiguous(memory_format=torch.channels_last) for x in (batch.target, batch.wanted, batch.mask)
        )
        swapped, logits, squares = self.network(target, embedding, feature_map, activations=turn.activations)
        terms = {"distil": weights.distil * losses.weighted_l1(swapped, wanted, batch.weight)}
        if weights.colour:
            terms["colour"] = weights.colour * losses.colour_loss(swapped, wanted, batch.weight)
        if weights.gradient:
            terms["gradient"] = weights.gradient * losses.gradient_loss(swapped, wanted)
        if weights.detail:
            terms["detail"] = weights.detail * losses.detail_loss(swapped, wanted)
        if weights.low_frequency:
            cells = [losses.low_frequency_loss(swapped, wanted, mask, cell_px=side) for side in (4, 8)]
            terms["low_frequency"] = weights.low_frequency * torch.stack(cells).sum()
        if weights.mask:
            only = self.config.mask_background_only
            terms["mask"] = weights.mask * losses.mask_loss(logits, mask, background_only=only)
        if squares is not None:
            terms["activation"] = weights.activation * _ACTIVATION_EVERY * losses.activation_penalty(squares)
        if self.critic is not None:
            terms |= self.critic.terms(
                swapped,
                target if self.config.critic_real == "photos" else wanted,
                wanted=wanted,
                adversarial=weights.adversarial,
                feature_matching=weights.feature_matching,
            )
        whole = batch.wanted.clone()
        whole[view] = swapped
        if self._landmarks is not None:
            with torch.no_grad():
                still = self._landmarks(batch.target)  # read by the network too, so that its own error cancels
            if weights.eyes:
                terms["eyes"] = weights.eyes * losses.eye_loss(whole, batch.wanted, still, batch.weight)
            if weights.mouth:
                terms["mouth"] = weights.mouth * losses.mouth_loss(whole, batch.wanted, still, batch.weight)
            moved = self._landmarks(whole, still)
            if weights.landmarks:
                terms["landmarks"] = weights.landmarks * losses.landmark_consistency(moved, still)
            if weights.pose:
                terms["pose"] = weights.pose * losses.pose_consistency(moved, still)
        if turn.identity:
            seen = whole if batch.shown is None else as_shown(whole, batch.target, batch.shown)
            # A slightly different crop each time, or the network learns patterns on the recogniser's pixel grid.
            shown = augment.warp_images(seen, batch.shaken)
            if self.config.identity_grey:  # what sees no colour rewards shapes, not tinted eyes
                shown = augment.remove_colour(shown, batch.grey)
            own = self._identity_term(self._recognisers[turn.recogniser], shown, batch.source, embedding)
            terms["identity"] = turn.identity * own
        if turn.perceptual and self._perceptual is not None:
            with torch.no_grad():
                features = self._perceptual(_at_most(wanted, self.config.perceptual_px))
            seen_features = self._perceptual(_at_most(swapped, self.config.perceptual_px))
            terms["perceptual"] = turn.perceptual * losses.perceptual_distance(seen_features, features)
        return terms

    def _mask_term(self, batch: Batch, embedding: Tensor, feature_map: Tensor) -> Tensor:
        with torch.no_grad():
            deepest, _ = self.network.idn.encode(batch.target, self.network.condition(embedding, feature_map))
        only = self.config.mask_background_only
        return losses.mask_loss(self.network.idn.mask(deepest), batch.mask, background_only=only)

    def _identity_term(self, recogniser: Recogniser | None, shown: Tensor, source: Tensor, embedding: Tensor) -> Tensor:
        """Identity loss by a recogniser, or by the one that ships, whose embedding of the source is ``embedding``."""
        if recogniser is None:
            return losses.identity_loss(self.encoder(shown)[0], embedding)
        with torch.no_grad():
            wanted, _ = recogniser(source)
        return losses.identity_loss(recogniser(shown)[0], wanted)

    def prepare(self, step: int, generator: Generator) -> Batch:
        """A random, augmented batch of training pairs."""
        count = self.config.loop.batch
        chosen = torch.randint(len(self._training), (count,), generator=generator, device=self.device)
        target, source, wanted, mask, weight = self._read(self._training[chosen])
        if self.config.self_pairs:  # the source is the target itself: nothing may change
            own = augment.chance(count, self.config.self_pairs, generator)
            source, wanted = (torch.where(own[:, None, None, None], target, x) for x in (source, wanted))
            similar = torch.full((count,), _SELF_SIMILARITY, device=self.device)
            weight = torch.where(own, sample_weight(similar, torch.ones_like(similar), self.config.reweight), weight)
        colours = augment.random_colours(count, 0.1, generator)
        target, wanted = augment.jitter_colours(target, colours), augment.jitter_colours(wanted, colours)
        source = augment.jitter_colours(source, augment.random_colours(count, 0.1, generator))
        layers = [target, wanted, mask]
        if self.config.finished:
            layers.append(
                self._shown(chosen) * augment.chance(count, self.config.finished, generator)[:, None, None, None]
            )
        together = augment.flip_images(torch.cat(layers, 1), augment.coin(count, generator))
        matrices = augment.random_affine(count, generator, degrees=12, scale=0.1, shift=0.04)
        target, wanted, mask, *shown = augment.warp_images(together, matrices).split([x.shape[1] for x in layers], 1)
        source = augment.flip_images(source, augment.coin(count, generator))
        return Batch(
            target.contiguous(),
            source,
            wanted.contiguous(),
            mask.contiguous(),
            weight,
            shaken=augment.random_affine(count, generator, degrees=3, scale=0.03, shift=0.015),
            grey=augment.chance(count, self.config.identity_grey, generator),
            shown=shown[0].contiguous() if shown else None,
            view=_window(self.config.crop_px, target.shape[-1], generator),
        )

    def _read(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        pairs = self.pairs
        target, source = self.faces.images(pairs.target[chosen]), self.faces.images(pairs.source[chosen])
        wanted = pairs.swapped[chosen].float().div_(255)
        mask = pairs.masks[chosen][:, None].float().div_(255)
        mask = F.interpolate(mask, size=target.shape[-2:], mode="bilinear", align_corners=False)
        weight = sample_weight(pairs.similarity[chosen], pairs.quality[chosen], self.config.reweight)
        return target, source, wanted, mask, weight

    def _shown(self, chosen: Tensor) -> Tensor:
        """Where the targets of some pairs show once their swaps are finished, ``(N, 3, S, S)``."""
        landmarks = self.faces.landmarks[self.pairs.target[chosen]].cpu().numpy()
        return torch.from_numpy(shown_weights(landmarks, self.faces.crops.shape[-1])).to(self.device)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """On pairs of held-out people, in float32: identity cosines by the encoder that ships (it was trained with; the
        judge of ``evaluate`` was not), and the distance to the teacher relative to that of no swap, inside the mask.

        A run on windows also says how like the source its windows are: what it learnt there holds in whole crops, which a
        student reads in use, only after it has trained on them.
        """
        chosen = self.pairs.validation
        if not len(chosen):
            return {}
        rows = []
        for part in chosen.split(16):
            target, source, wanted, mask, _ = self._read(part)
            embedding, feature_map = self.encoder(source)
            swapped, _, _ = network(target, embedding, feature_map)
            seen, own = self.encoder(swapped)[0], self.encoder(target)[0]
            figures = {
                "source_cosine": (seen * embedding).sum(1),
                "target_cosine": (seen * own).sum(1),
                "error": ((swapped - wanted).abs() * mask).sum((1, 2, 3)),
                "unswapped": ((target - wanted).abs() * mask).sum((1, 2, 3)),
            }
            if len(view := _window(self.config.crop_px, target.shape[-1])) > 1:
                pasted = target.clone()
                pasted[view] = network(target[view].contiguous(), embedding, feature_map)[0]
                figures["source_cosine_windows"] = (self.encoder(pasted)[0] * embedding).sum(1)
            rows.append(figures)
        means = {name: float(torch.cat([row[name] for row in rows]).double().mean()) for name in rows[0]}
        error = means.pop("error") / max(means.pop("unswapped"), 1e-9)
        return means | {"teacher_error": error}

    @torch.no_grad()
    def grid(self, network: nn.Module) -> Image | None:
        """Rows: sources, targets, teacher, student, mask."""
        chosen = (self.pairs.validation if len(self.pairs.validation) else self.pairs.training)[:_GRID_COLUMNS]
        target, source, wanted, _, _ = self._read(chosen)
        swapped, logits, _ = network(target, *self.encoder(source))
        return image_grid([source, target, wanted, swapped, torch.sigmoid(logits).expand(-1, 3, -1, -1)])

    def export(self, network: nn.Module, folder: Path, facts: dict[str, str]) -> list[Path]:
        return [write_network(network, folder / f"{NAME}.safetensors", layout=LAYOUT, facts=facts)]

    def diverged(self, terms: dict[str, float], step: int) -> str:
        if step > 200 and self.config.losses.mask and terms.get("mask", 0.0) / self.config.losses.mask > 1.0:
            return "the mask collapsed (its cross entropy is over 1)."
        return self.critic.diverged() if self.critic is not None else ""

    def state(self) -> dict[str, Any]:
        return self.critic.state() if self.critic is not None else {}

    def load_state(self, state: dict[str, Any]) -> None:
        if self.critic is not None and state:  # a run may gain a critic on the way
            self.critic.load_state(state)


def _window(side: int, whole: int, generator: Generator | None = None) -> tuple[slice | EllipsisType, ...]:
    """Where the losses look: the whole crop, or a window of ``side`` pixels about the face, moved a little at random."""
    if not side or side >= whole:
        return (...,)
    down, across = 0, 0
    if generator is not None:
        low, span = -_WINDOW_MOVE_PX, 2 * _WINDOW_MOVE_PX + 1
        moves = torch.randint(0, span, (2,), generator=generator, device=generator.device).tolist()
        down, across = low + moves[0], low + moves[1]
    middle = (whole - side) // 2
    top = min(max(middle + round(_WINDOW_DOWN * whole) + down, 0), whole - side)
    left = min(max(middle + across, 0), whole - side)
    return (..., slice(top, top + side), slice(left, left + side))


def _at_most(images: Tensor, side: int) -> Tensor:
    return F.interpolate(images, size=(side, side), mode="area") if images.shape[-1] > side else images


def image_grid(rows: Sequence[Tensor]) -> Image:
    """Rows of ``(N, 3, S, S)`` in [0, 1] as one RGB uint8 image."""
    lines = [torch.cat(list(row.float().clamp(0, 1)), 2) for row in rows]
    return (torch.cat(lines, 1) * 255).round().byte().permute(1, 2, 0).cpu().contiguous().numpy()
