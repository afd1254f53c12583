"""A recogniser with its input contract: face crops in, unit embeddings and feature maps out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..types import Image
from ..weights.load import load_into, load_tensors
from .contract import INPUT_PX, MOBILEFACENET_CONTRACT, EncoderContract
from .mobilefacenet import MobileFaceNet

_BATCH = 64  # crops per forward pass; bounds memory, not results


class IdentityEncoder:
    """Owns a frozen recogniser on a device; calls are pure and may come from several threads."""

    def __init__(self, network: nn.Module, contract: EncoderContract, *, device: torch.device | str = "cpu") -> None:
        self.contract = contract
        self.device = torch.device(device)
        self.network = network.to(self.device).eval().requires_grad_(False)
        self._mean = torch.tensor(contract.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(contract.std, device=self.device).view(1, 3, 1, 1)

    def __call__(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Encode ``(N, 3, S, S)`` crops in [0, 1], S a multiple of 112.

        Returns:
            Unit embeddings ``(N, 512)`` and feature maps ``(N, 512, 7, 7)``. Differentiable with respect to the crops.
        """
        small = crops if crops.shape[-1] == INPUT_PX else F.interpolate(crops, size=(INPUT_PX, INPUT_PX), mode="area")
        embedding, feature_map = self.network((small - self._mean) / self._std)
        return F.normalize(embedding.float(), dim=1), feature_map.float()

    def embed(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        """Unit embeddings ``(N, 512)`` of RGB uint8 crops cut out as ``contract.crop`` says."""
        parts = []
        with torch.inference_mode():
            for start in range(0, len(crops), _BATCH):
                batch = torch.from_numpy(np.stack(list(crops[start : start + _BATCH])))
                parts.append(self(to_unit_tensor(batch, self.device))[0].cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, 512), np.float32)


def to_unit_tensor(images: Tensor, device: torch.device | str) -> Tensor:
    """uint8 ``(N, H, W, 3)`` -> float32 ``(N, 3, H, W)`` in [0, 1] on a device."""
    return images.to(device).permute(0, 3, 1, 2).float().div_(255).contiguous()


def load_identity_encoder(device: torch.device | str = "cpu") -> IdentityEncoder:
    """The encoder that ships with the package, verified and in evaluation mode."""
    network = MobileFaceNet()
    load_into(network, load_tensors("encoder_mobilefacenet"), what="encoder_mobilefacenet")
    return IdentityEncoder(network, MOBILEFACENET_CONTRACT, device=device)
