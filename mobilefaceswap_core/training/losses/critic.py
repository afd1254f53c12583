"""The critic of the adversarial losses: two scales of plain convolutions, and how they are trained.

No spectral norm: in the short schedules tried here a spectrally normalised discriminator never learned; plain convolutions
with an R1 penalty every 16 steps did.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..loop.distributed import Place, average_gradients
from . import terms as losses

_SLOPE = 0.2
_R1_EVERY, _R1_SAMPLES = 16, 16  # lazy regularisation (StyleGAN2): every 16 steps, 16 times as strong
_RAMP_STEPS = 300  # of the adversarial loss, while the critic learns
_PATIENCE_STEPS = 2000  # after which a critic that still answers a constant counts as dead
_DEAD_READINGS = 5  # in a row; one alone stopped a run whose critic was well, at step 2,520


class Discriminator(nn.Module):
    """PatchGAN at full and half size (pix2pixHD, Wang et al. 2018).

    Args:
        width: channels of the first layer; doubled by each of the next three.
    """

    SCALES = 2

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.scales = nn.ModuleList(self._scale(width) for _ in range(self.SCALES))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, _SLOPE)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
                # Scores start small, so that the hinge is active for real and fake alike.
                module.weight.data.mul_(0.9 if module.out_channels > 1 else 0.2)

    @staticmethod
    def _scale(width: int) -> nn.ModuleList:
        channels = [3, width, 2 * width, 4 * width, 8 * width]
        layers = [nn.Conv2d(i, o, 4, 2, 1) for i, o in pairwise(channels)]
        return nn.ModuleList([*layers, nn.Conv2d(channels[-1], 1, 3, 1, 1)])

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Images in [0, 1] -> per scale a map of scores and four features, shallow first."""
        scores, features = [], []
        for number, layers in enumerate(self.scales):
            x = (images if number == 0 else F.avg_pool2d(images, 2)) * 2 - 1
            kept = []
            assert isinstance(layers, nn.ModuleList)
            for layer in layers[:-1]:
                x = F.leaky_relu(layer(x), _SLOPE)
                kept.append(x)
            scores.append(layers[-1](x))
            features.append(kept)
        return scores, features


class Critic:
    """A discriminator with its optimiser: one step of its own for each step of the network it judges.

    Args:
        width: see :class:`Discriminator`.
        r1: weight of the R1 penalty on real images, 0 for none.
        device: of the discriminator.
        learning_rate: constant; the default is that of the teacher's run.
        betas: of Adam, likewise.
        place: this process among several.
    """

    def __init__(
        self,
        *,
        width: int,
        r1: float,
        device: torch.device | str,
        learning_rate: float = 3e-4,
        betas: tuple[float, float] = (0.0, 0.99),
        place: Place = Place(),
    ) -> None:
        self.discriminator = Discriminator(width=width).to(device)
        cuda = torch.device(device).type == "cuda"
        self.optimiser = torch.optim.Adam(
            self.discriminator.parameters(), learning_rate, betas, fused=cuda, capturable=cuda
        )
        self.steps = 0  # its own: a run may gain a critic on the way
        self._steps = torch.zeros((), device=device)  # the same, counted by recorded steps too
        self._loss: Tensor | None = None
        self.dead_readings = 0  # in a row, at the loss of a constant answer
        self._r1, self._place, self._device = r1, place, torch.device(device)

    def train(self, real: Tensor, fake: Tensor) -> None:
        """One step on images ``(N, 3, H, W)`` in [0, 1]; ``fake`` is read without its graph."""
        scores, _ = self.discriminator(torch.cat([real, fake.detach()]))
        halves = [score.chunk(2) for score in scores]
        loss = losses.discriminator_hinge([r for r, _ in halves], [f for _, f in halves])
        if self.regularises:
            with torch.autocast(self._device.type, enabled=False):  # second derivatives lose too much in bfloat16
                images = real[:_R1_SAMPLES].detach().float().requires_grad_(True)
                means = [score.mean((1, 2, 3)) for score in self.discriminator(images)[0]]
                penalty = losses.r1_penalty(torch.stack(means).sum(0), images)
            loss = loss + self._r1 / 2 * _R1_EVERY * penalty
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self.discriminator, self._place)
        self.optimiser.step()
        self._loss = loss.detach()
        self._steps += 1
        self.steps += 1

    @property
    def regularises(self) -> bool:
        """Whether the next step has the R1 penalty."""
        return bool(self._r1) and self.steps % _R1_EVERY == 0

    def note(self, loss: float) -> None:
        """Take down one reading of the loss. A living critic of a good network passes this value now and then."""
        constant = abs(loss - 2 * Discriminator.SCALES) < 0.01
        self.dead_readings = self.dead_readings + 1 if constant else 0

    def judge(self, fake: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Scores and features of ``fake`` per scale; gradients reach ``fake`` alone."""
        self.discriminator.requires_grad_(False)
        scores, features = self.discriminator(fake)
        self.discriminator.requires_grad_(True)
        return scores, features

    def terms(
        self, fake: Tensor, real: Tensor, *, adversarial: float, feature_matching: float, wanted: Tensor | None = None
    ) -> dict[str, Tensor]:
        """One step of the critic, then the weighted losses of ``fake``; a weight of 0 leaves its term out.

        Args:
            wanted: whose features ``fake`` is to have; ``real`` if not given.
        """
        self.train(real, fake)
        scores, features = self.judge(fake)
        terms = {}
        if adversarial:
            ramp = (self._steps / _RAMP_STEPS).clamp(max=1.0)  # the property, but on the device
            terms["adversarial"] = adversarial * ramp * losses.generator_hinge(scores)
        if feature_matching:
            with torch.no_grad():
                _, aim = self.discriminator(real if wanted is None else wanted)
            terms["feature_matching"] = feature_matching * losses.feature_matching(features, aim)
        return terms

    @property
    def ramp(self) -> float:
        """How much of the adversarial weight to use now, from 0 to 1; the critic learns first."""
        return min(1.0, self.steps / _RAMP_STEPS)

    def diverged(self) -> str:
        """Why the run should stop, or nothing; asked at the log's lines, where its loss is read."""
        if self._loss is not None:
            self.note(float(self._loss))
        if self.steps > _PATIENCE_STEPS and self.dead_readings >= _DEAD_READINGS:
            return "the discriminator is dead (its hinge loss stays at the value of a constant answer)."
        return ""

    def state(self) -> dict[str, Any]:
        """What belongs into a checkpoint."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "critic_optimiser": self.optimiser.state_dict(),
            "critic_steps": self.steps,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back :meth:`state`."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["critic_optimiser"])
        self.steps = int(state["critic_steps"])
        self._steps.fill_(self.steps)
