"""How recognisers read their input, and the layout of the one that ships: what is known of them without loading any."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import CropSpec

INPUT_PX = 112  # every ArcFace-like recogniser reads 112 x 112


@dataclass(frozen=True)
class EncoderContract:
    """How a recogniser reads its input: ``(rgb01 - mean) / std`` per channel, from a crop of ``crop``."""

    name: str
    crop: CropSpec
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


# (rgb255 - 127) / 128 in terms of [0, 1].
MOBILEFACENET_CONTRACT = EncoderContract(
    "encoder_mobilefacenet", CropSpec(224, "arcface", "similarity"), (127 / 255,) * 3, (128 / 255,) * 3
)
# ImageNet statistics; official `image_test.py:get_id_emb`.
ARCFACE_CONTRACT = EncoderContract(
    "official_arcface", CropSpec(224, "arcface", "affine"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
)

# (expanded channels, output channels, repeats, stride of the first), Chen et al. 2018, table 1.
MOBILEFACENET_BOTTLENECKS = (
    (128, 64, 1, 2),
    (128, 64, 4, 1),
    (256, 128, 1, 2),
    (256, 128, 6, 1),
    (512, 128, 1, 2),
    (256, 128, 2, 1),
)
