"""The IDN's two heads as layers that run: batch norms and depthwise biases are folded into the convolutions beside them."""

from __future__ import annotations

from dataclasses import dataclass

from ..runtime.graphs import Array, Arrays, fold_norm
from .layout import MASK_CHANNELS


@dataclass(frozen=True, slots=True, eq=False)
class MaskStage:
    """Upsampling, then these, then a leaky ReLU.

    Attributes:
        depthwise: ``(C, 1, 3, 3)``.
        kernel: pointwise, ``(C_out, C, 1, 1)``.
        bias: ``(C_out,)``.
    """

    depthwise: Array
    kernel: Array
    bias: Array


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """What is learned and shared by all sources.

    Attributes:
        mask: the stages of the mask.
        mask_last: kernel ``(1, 2, 3, 3)`` and bias of its logits.
        pointwise: kernel ``(8, 32, 1, 1)`` and bias before the face is upsampled for the last time.
        draw: kernel and bias of the two 3x3 convolutions that draw the face.
    """

    mask: tuple[MaskStage, ...]
    mask_last: tuple[Array, Array]
    pointwise: tuple[Array, Array]
    draw: tuple[tuple[Array, Array], tuple[Array, Array]]


def folded(heads: Arrays) -> Heads:
    """Fold the tensors of the two heads, by the names of their state in :class:`~.idn.Idn`."""
    last = f"mask.{len(MASK_CHANNELS) - 1}"
    return Heads(
        tuple(_mask_stage(heads, i) for i in range(len(MASK_CHANNELS) - 1)),
        (heads[f"{last}.weight"], heads[f"{last}.bias"]),
        fold_norm(heads, "final.1", "final.2"),
        (fold_norm(heads, "final.4", "final.5"), (heads["final.7.weight"], heads["final.7.bias"])),
    )


def _mask_stage(heads: Arrays, i: int) -> MaskStage:
    depthwise, (kernel, bias) = f"mask.{i}.1", fold_norm(heads, f"mask.{i}.2", f"mask.{i}.3")
    # Only a pointwise convolution follows the depthwise bias, so it moves into that one's. In bfloat16 the signal would
    # ride on it, and the norm's mean takes it away again only after the rounding.
    return MaskStage(heads[f"{depthwise}.weight"], kernel, bias + kernel[:, :, 0, 0] @ heads[f"{depthwise}.bias"])
