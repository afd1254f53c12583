"""The whole of MobileFaceSwap as one module: injection network (once per source) and IDN (every frame)."""

from __future__ import annotations

from torch import Tensor, nn

from .idn import Idn, IdnWeights
from .injection import CompactInjection, InjectionNetwork, OfficialInjection


class MobileFaceSwapNet(nn.Module):
    """Identity embedding and map -> kernels -> swapped crops. State names start with ``injection.`` and ``idn.``."""

    def __init__(self, injection: InjectionNetwork) -> None:
        super().__init__()
        self.injection = injection
        self.idn = Idn()

    @classmethod
    def compact(cls) -> MobileFaceSwapNet:
        """The layout of the weights that ship: 4.4 M parameters, 0.50 M of them used per frame."""
        return cls(CompactInjection())

    @classmethod
    def official(cls) -> MobileFaceSwapNet:
        """The authors' layout: 21 M parameters, 0.50 M of them used per frame."""
        return cls(OfficialInjection())

    def condition(self, embedding: Tensor, feature_map: Tensor) -> IdnWeights:
        """Kernels of N sources from unit embeddings ``(N, 512)`` and maps ``(N, 512, 7, 7)``."""
        return self.injection(embedding, feature_map)

    def forward(self, crops: Tensor, embedding: Tensor, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """Swap ``(B, 3, S, S)`` crops in [0, 1] with one source or B sources; result and mask as :class:`Idn` gives."""
        return self.idn(crops, self.condition(embedding, feature_map))
