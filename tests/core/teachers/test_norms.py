"""One norm, whether somebody wants its gradient or not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mobilefaceswap_core.teachers.norms import instance_norm


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("epsilon", [1e-5, 1e-8])
@pytest.mark.parametrize("wants_gradient", [False, True])
def test_it_is_torchs_with_a_scale_and_a_shift_for_each_image(memory, epsilon, wants_gradient) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (3 + 2 * torch.randn(2, 5, 9, 11, generator=generator)).to(memory_format=memory)
    scale, shift = torch.randn(2, 2, 5, generator=generator)
    plain = F.instance_norm(x, eps=epsilon)
    with torch.set_grad_enabled(wants_gradient):
        torch.testing.assert_close(instance_norm(x, epsilon=epsilon), plain, rtol=1e-5, atol=1e-5)
        own = instance_norm(x, scale=scale, shift=shift, epsilon=epsilon)
    wanted = plain * (1 + scale)[:, :, None, None] + shift[:, :, None, None]
    torch.testing.assert_close(own, wanted, rtol=1e-5, atol=1e-5)
    assert own.is_contiguous(memory_format=memory)


def test_gradients_pass() -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    scale, shift = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda *a: instance_norm(a[0], scale=a[1], shift=a[2]), (x, scale, shift))


def test_bfloat16_stays_bfloat16() -> None:
    x = torch.randn(1, 4, 8, 8).bfloat16()
    scale, shift = torch.randn(2, 1, 4).bfloat16()
    with torch.inference_mode():
        own = instance_norm(x, scale=scale, shift=shift)
    assert own.dtype == torch.bfloat16
    wanted = F.instance_norm(x.float()) * (1 + scale.float())[:, :, None, None] + shift.float()[:, :, None, None]
    assert (own.float() - wanted).abs().max() < 0.05
