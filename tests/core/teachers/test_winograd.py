"""Convolutions in tiles give what PyTorch's give, and stay out of the way where they do not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobilefaceswap_core.teachers import winograd
from mobilefaceswap_core.teachers.winograd import TiledConv2d, prepare


def pair(channels: int = 256, *, bias: bool = True) -> tuple[TiledConv2d, nn.Conv2d]:
    """A layer that computes in tiles, and PyTorch's with the same weights."""
    torch.manual_seed(1)
    plain = nn.Conv2d(channels, 24, 3, padding=1, bias=bias)
    tiled = TiledConv2d(channels, 24, 3, padding=1, bias=bias)
    tiled.load_state_dict(plain.state_dict())
    prepare(tiled)
    return tiled, plain


@pytest.mark.parametrize("shape", [(1, 256, 8, 8), (3, 256, 6, 10)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
def test_tiles_give_what_the_convolution_gives(shape, layout, bias, monkeypatch):
    tiled, plain = pair(bias=bias)
    x = torch.randn(shape).to(memory_format=layout)
    with torch.no_grad():
        expected = plain(x)
        monkeypatch.setattr(nn.Conv2d, "forward", lambda *_: pytest.fail("PyTorch was asked"))
        torch.testing.assert_close(tiled(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["odd", "bfloat16", "autocast", "gradients", "narrow"])
def test_what_does_not_fit_is_left_to_pytorch(case, monkeypatch):
    tiled, plain = pair(16 if case == "narrow" else 256)
    x = torch.randn(1, plain.in_channels, 7 if case == "odd" else 8, 8)
    if case == "bfloat16":
        tiled, plain, x = tiled.bfloat16(), plain.bfloat16(), x.bfloat16()
    monkeypatch.setattr(winograd, "_convolved", lambda *_: pytest.fail("it was computed in tiles"))
    with torch.set_grad_enabled(case == "gradients"), torch.autocast("cpu", enabled=case == "autocast"):
        assert torch.equal(tiled(x), plain(x))


@pytest.mark.parametrize(
    ("capability", "vendor", "pays"),
    [("AVX2", "AuthenticAMD", True), ("AVX512", "GenuineIntel", True), ("AVX512", "AuthenticAMD", False)],
)
def test_tiles_are_taken_where_they_save_time(capability, vendor, pays, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(winograd, "cpu_features", lambda: {vendor})
    assert winograd.pays() is pays


def test_a_layer_that_was_not_prepared_is_pytorchs_own():
    layer = TiledConv2d(256, 8, 3, padding=1)
    x = torch.randn(1, 256, 8, 8)
    with torch.no_grad():
        assert torch.equal(layer(x), nn.Conv2d.forward(layer, x))
    assert set(layer.state_dict()) == {"weight", "bias"}
