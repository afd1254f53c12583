"""The student as it is trained: the network with what its losses read, and how one begins."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ...identity.encoder import IdentityEncoder
from ...student.injection import CompactInjection, IdentityTrunk, with_mixing
from ...student.network import MobileFaceSwapNet
from ...weights.load import load_into, load_tensors, read_safetensors
from ..data.faces import Faces

NAME = "student_224"
LAYOUT = "mobilefaceswap_core.student.network.MobileFaceSwapNet.compact"


class TrainableStudent(MobileFaceSwapNet):
    """The student with the values its losses read beside the result; the same tensors under the same names."""

    def __init__(self) -> None:
        super().__init__(CompactInjection())

    def forward(  # type: ignore[override]
        self, crops: Tensor, embedding: Tensor, feature_map: Tensor, *, activations: bool = False
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Blended result ``(B, 3, S, S)`` float32, mask logits, and mean squares ``(9,)`` of all stages if asked for."""
        weights = self.condition(embedding, feature_map)
        deepest, skips = self.idn.encode(crops, weights)
        stages = self.idn.decode_stages(deepest, skips, weights)
        face = (1 + self.idn.draw(stages[-1]).float()) / 2
        # Detached as in the official network: the mask reads the features and does not shape them.
        logits = self.idn.mask(deepest.detach()).float()
        mask = torch.sigmoid(logits)
        squares = [x.float().square().mean() for x in (*skips, deepest, *stages)] if activations else None
        return face * mask + crops * (1 - mask), logits, None if squares is None else torch.stack(squares)


def freeze_all_but_mask(network: MobileFaceSwapNet) -> None:
    """Leave gradients and moving statistics to the mask head alone."""
    network.requires_grad_(False)
    network.idn.mask.requires_grad_(True)


def build_student(start: str, faces: Faces, encoder: IdentityEncoder) -> TrainableStudent:
    """A student to train.

    Args:
        start: ``shipped``, ``scratch`` or a safetensors file. From scratch the trunk whitens with statistics of ``faces``.
    """
    network = TrainableStudent()
    if start == "scratch":
        fit_whitening(network, faces, encoder)
        return network
    tensors = load_tensors(NAME) if start == "shipped" else read_safetensors([Path(start)])
    load_into(network, with_mixing(tensors, network), what=start)
    return network


@torch.no_grad()
def fit_whitening(network: MobileFaceSwapNet, faces: Faces, encoder: IdentityEncoder, *, count: int = 2700) -> None:
    """Set the trunk's statistics, and its map reduction to principal components, from up to ``count`` faces.

    Without whitening what all faces share fills the input, and after 800 steps the kernels hardly depend on the source.
    """
    chosen = torch.linspace(0, len(faces) - 1, min(count, len(faces)), device=faces.device).long()
    parts = [encoder(faces.images(part)) for part in chosen.split(64)]
    embeddings, maps = torch.cat([e for e, _ in parts]).cpu(), torch.cat([m for _, m in parts]).cpu()
    trunk = network.injection.trunk
    assert isinstance(trunk, IdentityTrunk)  # the compact layout
    trunk.get_buffer("embedding_mean").copy_(embeddings.mean(0))
    # Few faces give unsure deviations: a floor keeps a rare direction from filling the input.
    deviation = embeddings.std(0, correction=0)
    trunk.get_buffer("embedding_std").copy_(deviation.clamp(min=float(deviation.mean()) * 0.5 + 1e-6))
    vectors = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    vectors = vectors - vectors.mean(0)
    directions = torch.linalg.eigh(vectors.T @ vectors)[1].flip(1)[:, : trunk.MAP_CHANNELS]  # largest variance first
    trunk.reduce.weight.copy_(directions.T[:, :, None, None])
    nn.init.zeros_(trunk.reduce.bias)  # type: ignore[arg-type]
    reduced = trunk.reduce(maps)
    trunk.get_buffer("map_mean").copy_(reduced.mean(0))
    trunk.get_buffer("map_std").copy_(reduced.std(0, correction=0) + 0.05)
