"""MobileFaceNet: the small recogniser that ships (1.2 M parameters).

Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices", 2018, with a
512-d embedding. The shipped weights had their batch norms folded into biases; the norms hold those biases.
"""

from __future__ import annotations

from torch import Tensor, nn

from .contract import MOBILEFACENET_BOTTLENECKS


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless linear, PReLU."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1, padding: int = 0, groups: int = 1,
        *, linear: bool = False,
    ) -> None:  # fmt: skip
        layers: list[nn.Module] = [
            nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(channels_out),
        ]
        super().__init__(*layers, *([] if linear else [nn.PReLU(channels_out)]))


class Bottleneck(nn.Module):
    """Inverted residual: expand 1x1, depthwise 3x3, project 1x1."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, expanded: int) -> None:
        super().__init__()
        self.residual = stride == 1 and channels_in == channels_out
        self.conv = nn.Sequential(
            ConvNorm(channels_in, expanded),
            ConvNorm(expanded, expanded, 3, stride, 1, expanded),
            ConvNorm(expanded, channels_out, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileFaceNet(nn.Module):
    """Input ``(N, 3, 112, 112)``, ``(rgb255 - 127) / 128``; output embedding ``(N, 512)`` and map ``(N, 512, 7, 7)``."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvNorm(3, 64, 3, 2, 1), ConvNorm(64, 64, 3, 1, 1, 64)]
        channels = 64
        for expanded, channels_out, repeats, stride in MOBILEFACENET_BOTTLENECKS:
            for repeat in range(repeats):
                layers.append(Bottleneck(channels, channels_out, stride if repeat == 0 else 1, expanded))
                channels = channels_out
        layers.append(ConvNorm(channels, 512))
        self.features = nn.Sequential(*layers)
        self.gdc = ConvNorm(512, 512, 7, groups=512, linear=True)  # global depthwise convolution
        self.embed = nn.Sequential(nn.Conv2d(512, 512, 1, bias=False), nn.BatchNorm2d(512))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        feature_map = self.features(x)  # (N, 512, 7, 7)
        return self.embed(self.gdc(feature_map)).flatten(1), feature_map
