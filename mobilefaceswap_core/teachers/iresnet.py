"""InsightFace's improved ResNets (ArcFace): recognisers of GHOST (100 layers) and of inswapper (50 layers, as ONNX).

Paper: Deng, Guo, Xue, Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019. Layout and
tensor names as in InsightFace's ``arcface_torch`` (iresnet), written anew. Input ``(N, 3, 112, 112)`` in [-1, 1].
"""

from __future__ import annotations

from torch import Tensor, nn

LAYERS = {50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}


class ResidualBlock(nn.Module):
    """Norm, conv, norm, PReLU, conv (stride), norm, sum."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.prelu = nn.PReLU(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.downsample: nn.Module | None = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    """``(N, 3, 112, 112)`` -> embedding ``(N, 512)``, not normalised."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, depth: int = 100) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        cin = 64
        for number, (blocks, cout) in enumerate(zip(LAYERS[depth], (64, 128, 256, 512), strict=True), start=1):
            strides = [2] + [1] * (blocks - 1)
            stage = [ResidualBlock(cin if i == 0 else cout, cout, stride) for i, stride in enumerate(strides)]
            setattr(self, f"layer{number}", nn.Sequential(*stage))
            cin = cout
        self.bn2 = nn.BatchNorm2d(512)
        self.dropout = nn.Dropout(0.0)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))  # (N, 64, 112, 112)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, 512, 7, 7)
        return self.features(self.fc(self.dropout(self.bn2(x)).flatten(1)))
