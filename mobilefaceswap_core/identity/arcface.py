"""The official recogniser: ArcFace IR-SE ResNet [3, 4, 23, 3] (`models/arcface.py` of the official implementation).

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019. Its feature map passes a dropout,
so only ``eval()`` mode gives the values the official weights were trained for.
"""

from __future__ import annotations

from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Channel attention, Hu et al. 2018."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.PReLU(),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class ImprovedResidual(nn.Module):
    """Norm, conv, norm, PReLU, conv, norm, attention; one PReLU is shared by the middle and the sum."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_in, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.se = SqueezeExcite(channels_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.bn1(self.conv1(self.bn0(x))))
        y = self.se(self.bn2(self.conv2(y)))
        return self.prelu(y + (x if self.downsample is None else self.downsample(x)))


class ArcFaceIrSe(nn.Module):
    """Input ``(N, 3, 112, 112)``, ImageNet mean/std; output embedding ``(N, 512)`` and map ``(N, 512, 7, 7)``."""

    STAGES = ((64, 3), (128, 4), (256, 23), (512, 3))  # (channels, blocks)
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, bias=False)  # no padding: 112 -> 110
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU()
        self.maxpool = nn.MaxPool2d(2)
        channels_in = 64
        for number, (channels, blocks) in enumerate(self.STAGES, start=1):
            first = ImprovedResidual(channels_in, channels, stride=1 if number == 1 else 2)
            setattr(
                self,
                f"layer{number}",
                nn.Sequential(first, *(ImprovedResidual(channels, channels) for _ in range(blocks - 1))),
            )
            channels_in = channels
        self.bn2 = nn.BatchNorm2d(512)
        self.dropout = nn.Dropout()
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.bn3 = nn.BatchNorm1d(512)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.maxpool(self.prelu(self.bn1(self.conv1(x))))  # (N, 64, 55, 55)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, 512, 7, 7)
        feature_map = self.dropout(self.bn2(x))
        return self.bn3(self.fc(feature_map.flatten(1))), feature_map
