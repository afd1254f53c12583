"""The teacher's critic: two scales of plain convolutions.

No spectral norm: in the short schedules tried here a spectrally normalised discriminator never learned; plain convolutions
with an R1 penalty every 16 steps did.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

_SLOPE = 0.2


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
