"""Closed formulas for the cost of the Identity-aware Dynamic Network, from its channel lists alone.

They check the counters, and split the IDN into parts that no counter sees: what biases, norms, activations and bilinear
interpolation add, which explains the distance between the paper's figure and a count of multiply-adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from mobilefaceswap_core.student.layout import (
    DECODER_IN_CHANNELS,
    DECODER_KERNEL,
    DECODER_OUT_CHANNELS,
    ENCODER_CHANNELS,
    ENCODER_KERNEL,
    MASK_CHANNELS,
)

FINAL_CHANNELS = (DECODER_OUT_CHANNELS[-1], 8, 3, 3)  # official `final`: 1x1, 3x3, 3x3
DEEPEST = 2 ** (len(ENCODER_CHANNELS) - 1)  # the encoder halves this many times


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the IDN in the official arrangement.

    Attributes:
        part: ``encoder``, ``decoder``, ``final`` or ``mask``.
        name: what it is.
        weights: kernel values.
        biases: bias values (the official decoder and encoder hold biases that are always zero; they count as none).
        multiply_adds: of the kernel.
        written: values of its output.
        normed: whether a batch norm follows; activated: whether an activation follows.
        interpolated: values written by the upsampling before it.
    """

    part: str
    name: str
    weights: int
    biases: int
    multiply_adds: int
    written: int
    normed: bool = False
    activated: bool = False
    interpolated: int = 0


def idn_layers(size_px: int = 224) -> list[Layer]:
    """Every layer in order, for one crop.

    Args:
        size_px: side of the crop, a multiple of 32.

    >>> sum(layer.multiply_adds for layer in idn_layers(224))  # the paper's network: 0.306 G
    305722368
    """
    return [*_encoder(size_px), *_decoder(size_px), *_final(size_px), *_mask(size_px)]


def _encoder(size: int) -> Iterable[Layer]:
    side = size
    for i, (cin, cout) in enumerate(pairwise(ENCODER_CHANNELS)):
        side //= 2
        k2, area = ENCODER_KERNEL**2, side * side
        yield Layer("encoder", f"depthwise {i}", cin * k2, 0, cin * k2 * area, cin * area)
        yield Layer("encoder", f"pointwise {i}", cin * cout, 0, cin * cout * area, cout * area, activated=True)


def _decoder(size: int) -> Iterable[Layer]:
    side = size // DEEPEST
    for i, (cin, cout) in enumerate(zip(DECODER_IN_CHANNELS, DECODER_OUT_CHANNELS, strict=True)):
        side *= 2
        k2, area = DECODER_KERNEL**2, side * side
        yield Layer("decoder", f"depthwise {i}", cin * k2, 0, cin * k2 * area, cin * area, interpolated=cin * area)
        yield Layer("decoder", f"pointwise {i}", cin * cout, 0, cin * cout * area, cout * area, activated=True)


def _final(size: int) -> Iterable[Layer]:
    area = size * size
    for i, (cin, cout) in enumerate(pairwise(FINAL_CHANNELS)):
        k2 = 1 if i == 0 else 9
        yield Layer(
            "final", f"convolution {i}", cin * cout * k2, cout, cin * cout * k2 * area, cout * area,
            normed=i < 2, activated=True, interpolated=cin * area if i == 0 else 0,
        )  # fmt: skip


def _mask(size: int) -> Iterable[Layer]:
    side = size // DEEPEST
    for i, (cin, cout) in enumerate(pairwise(MASK_CHANNELS)):
        side *= 2
        area = side * side
        yield Layer("mask", f"depthwise {i}", cin * 9, cin, cin * 9 * area, cin * area, interpolated=cin * area)
        yield Layer(
            "mask", f"pointwise {i}", cin * cout, cout, cin * cout * area, cout * area, normed=True, activated=True
        )
    cin = MASK_CHANNELS[-1]
    yield Layer("mask", "convolution", cin * 9, 1, cin * 9 * size * size, size * size, activated=True)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Operations of the IDN for one crop, by kind. One multiply-add is one."""

    convolutions: int
    biases: int
    norms: int
    activations: int
    interpolation: int

    @property
    def total(self) -> int:
        return self.convolutions + self.biases + self.norms + self.activations + self.interpolation


def breakdown(layers: Iterable[Layer]) -> Breakdown:
    """Multiply-adds of the kernels, and what a counter of all operations adds.

    A bias and an activation are one operation per value, a batch norm in evaluation mode is one multiply-add per value, a
    bilinearly interpolated value is four.
    """
    rows = list(layers)
    return Breakdown(
        convolutions=sum(r.multiply_adds for r in rows),
        biases=sum(r.written for r in rows if r.biases),
        norms=sum(r.written for r in rows if r.normed),
        activations=sum(r.written for r in rows if r.activated),
        interpolation=4 * sum(r.interpolated for r in rows),
    )


def idn_parameters(layers: Iterable[Layer]) -> int:
    """Kernels, biases, and scale and shift of the batch norms."""
    norms = 0
    total = 0
    for layer in layers:
        total += layer.weights + layer.biases
        norms += 2 * layer.biases if layer.normed else 0
    return total + norms


def official_zero_biases() -> int:
    """Biases of the encoder and decoder that the official code creates, counts and never sets."""
    encoder = sum(cin + cout for cin, cout in pairwise(ENCODER_CHANNELS))
    return encoder + sum(DECODER_IN_CHANNELS) + sum(DECODER_OUT_CHANNELS)
