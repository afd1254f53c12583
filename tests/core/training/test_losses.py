"""Every loss against its closed form, or against what it must do at a point where the answer is known."""

from __future__ import annotations

import math

import pytest
import torch

from mobilefaceswap_core.faces.head_pose import MEAN_68
from mobilefaceswap_core.training.losses import terms as losses
from mobilefaceswap_core.training.student.options import ReweightOptions
from mobilefaceswap_core.training.student.reweighting import sample_weight
from tests.fakes.training_faces import schematic_face

torch.set_num_threads(1)


def test_identity_loss_is_zero_one_and_two_for_equal_orthogonal_and_opposite_embeddings():
    x = torch.eye(3)
    for wanted, expected in ((x, 0.0), (x.roll(1, 0), 1.0), (-x, 2.0)):
        assert losses.identity_loss(5 * x, wanted).item() == pytest.approx(expected, abs=1e-6)


def test_weighted_l1_is_the_mean_of_each_samples_difference_times_its_weight():
    wanted = torch.zeros(2, 3, 4, 4)
    swapped = torch.stack([torch.full((3, 4, 4), 0.2), torch.full((3, 4, 4), 0.6)])
    assert losses.weighted_l1(swapped, wanted).item() == pytest.approx(0.4)
    assert losses.weighted_l1(swapped, wanted, torch.tensor([1.0, 0.5])).item() == pytest.approx((0.2 + 0.3) / 2)


def test_gradient_loss_ignores_a_constant_shift_and_measures_the_slope_of_a_ramp():
    flat = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert losses.gradient_loss(flat + 0.3, flat).item() == pytest.approx(0.0, abs=1e-6)
    ramp = (torch.arange(8) * 0.1).expand(1, 3, 8, 8)
    assert losses.gradient_loss(ramp, torch.zeros_like(ramp)).item() == pytest.approx(0.1, abs=1e-6)
    both = ramp + ramp.transpose(2, 3)
    assert losses.gradient_loss(both, torch.zeros_like(both)).item() == pytest.approx(0.2, abs=1e-6)


def test_the_detail_loss_of_a_checkerboard_is_eight_ninths_of_its_amplitude():
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    board = torch.where((rows + columns) % 2 == 0, 0.5 + 0.1, 0.5 - 0.1).expand(2, 3, 64, 64)
    floor = 2 / 255  # halved, the board is flat: only the first level counts
    wanted = ((0.1 * 8 / 9) ** 2 + floor**2) ** 0.5 - floor
    flat = torch.full_like(board, 0.5)
    assert losses.detail_loss(flat, board).item() == pytest.approx(wanted, rel=1e-5)
    assert losses.detail_loss(board, board).item() == 0


def test_the_detail_loss_prefers_an_edge_in_the_wrong_place_to_a_blurred_one():
    columns = torch.arange(64.0).expand(1, 3, 64, 64)
    edge, shifted, blurred = ((columns - at) / width for at, width in ((34, 1), (36, 1), (34, 6)))
    edge, shifted, blurred = (x.add(0.5).clamp(0, 1) for x in (edge, shifted, blurred))
    assert losses.weighted_l1(blurred, edge) < losses.weighted_l1(shifted, edge)
    assert losses.detail_loss(shifted, edge) < 0.5 * losses.detail_loss(blurred, edge)


def _eyes_at(*places: tuple[float, float]) -> torch.Tensor:
    landmarks = torch.zeros(1, 68, 2)
    for eye, place in zip((slice(36, 42), slice(42, 48)), places, strict=True):
        landmarks[:, eye] = torch.tensor(place)
    return landmarks


def test_the_eye_loss_is_a_mean_about_the_eyes_and_nowhere_else():
    eyes = _eyes_at((0.25, 0.5), (0.75, 0.5))
    wanted = torch.full((1, 3, 80, 80), 0.5)
    assert losses.eye_loss(wanted + 0.1, wanted, eyes).item() == pytest.approx(0.1, rel=1e-5)
    half = wanted.clone()
    half[..., :40, :] += 0.2  # the upper half of the picture, and so of both eyes
    assert losses.eye_loss(half, wanted, eyes).item() == pytest.approx(0.1, rel=1e-5)
    mouth = wanted.clone()
    mouth[..., 70:, :] += 0.5  # 30 px below, 3.4 deviations of 0.22 * 40 px
    assert losses.eye_loss(mouth, wanted, eyes).item() < 1e-3
    one_eye = wanted.clone()
    one_eye[..., :40] += 0.2
    assert losses.eye_loss(one_eye, wanted, eyes).item() == pytest.approx(0.1, rel=1e-5)


def test_the_mouth_loss_is_a_mean_about_the_inner_lips():
    face = torch.from_numpy(schematic_face())[None].float()
    wanted = torch.full((1, 3, 80, 80), 0.5)
    assert losses.mouth_loss(wanted + 0.1, wanted, face).item() == pytest.approx(0.1, rel=1e-5)
    eyes, mouth = wanted.clone(), wanted.clone()
    eyes[..., :44, :] += 0.5  # the mouth's middle lies 20 px below, 3.8 deviations of 0.22 * 24 px
    mouth[..., 60:68, 36:44] += 0.5
    assert losses.mouth_loss(eyes, wanted, face).item() < 1e-3
    assert losses.mouth_loss(mouth, wanted, face).item() > 0.1


def test_the_eye_loss_weighs_samples_and_pulls_only_the_swapped_image():
    eyes = _eyes_at((0.3, 0.4), (0.7, 0.4)).expand(2, -1, -1).clone().requires_grad_()
    wanted = torch.full((2, 3, 32, 32), 0.5)
    swapped = (wanted + torch.tensor([0.1, 0.2])[:, None, None, None]).requires_grad_()
    loss = losses.eye_loss(swapped, wanted, eyes, torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((0.1 + 0.6) / 2, rel=1e-5)
    loss.backward()
    assert eyes.grad is None
    assert swapped.grad is not None
    assert swapped.grad[0, 0, 12, 9] > 10 * swapped.grad[0, 0, 28, 16]  # an eye, the chin


def test_the_colour_loss_ignores_light_and_counts_tint():
    grey = torch.full((2, 3, 4, 4), 0.5)
    assert losses.colour_loss(grey + 0.2, grey).item() == pytest.approx(0, abs=1e-7)
    red = grey + torch.tensor([0.3, 0.0, 0.0])[:, None, None]  # less its mean of 0.1: 0.2, -0.1, -0.1
    assert losses.colour_loss(red, grey).item() == pytest.approx(0.4 / 3)
    one = torch.stack([red[0], grey[0]])
    assert losses.colour_loss(one, grey, torch.tensor([3.0, 9.0])).item() == pytest.approx(
        0.2
    )  # mean of 3 * 0.4 / 3 and 0


def test_low_frequency_loss_sees_shading_but_no_checkerboard_and_only_inside_the_mask():
    checkers = ((torch.arange(8)[:, None] + torch.arange(8)) % 2 * 1.0 - 0.5).expand(1, 3, 8, 8)
    whole = torch.ones(1, 1, 8, 8)
    assert losses.low_frequency_loss(checkers, torch.zeros_like(checkers), whole, cell_px=4).item() == 0.0
    shaded = torch.full((1, 3, 8, 8), 0.25)
    shaded[..., 4:] = 0.75
    left = whole.clone()
    left[..., 4:] = 0
    # Four cells of area 1 each over 3 channels; two of them on the left.
    assert losses.low_frequency_loss(shaded, torch.zeros_like(shaded), whole, cell_px=4).item() == pytest.approx(0.5)
    assert losses.low_frequency_loss(shaded, torch.zeros_like(shaded), left, cell_px=4).item() == pytest.approx(0.25)


def test_perceptual_distance_sums_relative_differences_over_layers():
    a, b = torch.full((1, 2, 2, 2), 3.0), torch.full((1, 2, 2, 2), 2.0)
    assert losses.perceptual_distance([a, b], [b, b]).item() == pytest.approx(0.5, abs=1e-3)
    assert losses.perceptual_distance([a, b], [a, b]).item() == 0.0


def test_the_mask_loss_at_logit_zero_is_ln_2_and_with_background_only_the_face_is_free():
    face = torch.zeros(1, 1, 4, 4)
    face[..., :2] = 1
    assert losses.mask_loss(torch.zeros_like(face), face, background_only=False).item() == pytest.approx(math.log(2))
    logits = torch.zeros_like(face).requires_grad_(True)
    loss = losses.mask_loss(logits, face, background_only=True)
    assert loss.item() == pytest.approx(math.log(2))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[face == 1].abs().max() == 0 and torch.allclose(gradient[face == 0], torch.tensor(0.5 / 8))


def test_the_mask_loss_stays_finite_for_logits_far_beyond_bfloat16s_probabilities():
    logits = torch.tensor([[[[200.0, -200.0]]]])
    face = torch.tensor([[[[0.0, 1.0]]]])
    assert losses.mask_loss(logits.bfloat16(), face, background_only=False).item() == pytest.approx(200.0)
    assert losses.mask_loss(logits.bfloat16(), face, background_only=True).item() == pytest.approx(200.0)


def test_the_activation_penalty_is_zero_at_mean_square_one_and_symmetric_in_the_logarithm():
    assert losses.activation_penalty(torch.ones(9)).item() == pytest.approx(0.0, abs=1e-9)
    up, down = (losses.activation_penalty(torch.tensor([x])).item() for x in (math.e**2, math.e**-2))
    assert up == pytest.approx(4.0, rel=1e-4) and down == pytest.approx(4.0, rel=1e-4)


def test_reconstruction_counts_only_samples_of_the_same_person():
    target, swapped = torch.zeros(2, 3, 2, 2), torch.ones(2, 3, 2, 2)
    swapped[1] = 0.5
    assert losses.reconstruction_loss(swapped, target, torch.tensor([False, True])).item() == pytest.approx(0.5)
    assert losses.reconstruction_loss(swapped, target, torch.tensor([False, False])).item() == 0.0


def test_weak_feature_matching_leaves_out_the_shallow_layer():
    target = [[torch.zeros(1, 1)] * 4, [torch.zeros(1, 1)] * 4]
    shallow = [[torch.ones(1, 1)] + [torch.zeros(1, 1)] * 3] * 2
    assert losses.feature_matching(shallow, target).item() == 0.0
    every = [[torch.ones(1, 1)] * 4] * 2
    assert losses.feature_matching(every, target).item() == pytest.approx(2 * (0.5 + 1 + 1))


def test_the_hinge_losses_at_their_corners():
    sure, wrong = [torch.full((2, 1), 2.0)], [torch.full((2, 1), -2.0)]
    assert losses.discriminator_hinge(sure, wrong).item() == 0.0
    assert losses.discriminator_hinge(wrong, sure).item() == pytest.approx(6.0)
    zero = [torch.zeros(2, 1)] * 2
    assert losses.discriminator_hinge(zero, zero).item() == pytest.approx(4.0)  # a dead critic of two scales
    assert losses.generator_hinge(sure).item() == pytest.approx(-2.0)


def test_r1_of_a_linear_critic_is_its_squared_weight():
    weight = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(1))
    images = torch.rand(5, 3, 4, 4).requires_grad_(True)
    penalty = losses.r1_penalty((images * weight).sum((1, 2, 3)), images)
    assert penalty.item() == pytest.approx(weight.square().sum().item(), rel=1e-5)


def test_landmark_consistency_ignores_jaw_and_nose_and_turns_linear_far_away():
    wanted = torch.zeros(1, 68, 2)
    moved = wanted.clone()
    moved[:, :17] = 0.3
    moved[:, 27:36] = 0.3
    assert losses.landmark_consistency(moved, wanted).item() == 0.0
    near, far = (losses.landmark_consistency(torch.full((1, 68, 2), d), wanted).item() for d in (0.01, 0.1))
    assert near == pytest.approx(0.5 * 0.5**2) and far == pytest.approx(5 - 0.5)


def test_sample_weights_follow_the_squared_cosine_and_the_quality_and_can_be_switched_off():
    cosine, quality = torch.tensor([0.6, 0.6, -0.5, 0.95]), torch.tensor([1.0, 0.5, 1.0, 1.0])
    weights = sample_weight(cosine, quality, ReweightOptions())
    assert weights.tolist() == pytest.approx([1.0, 0.5, 0.1, 1.4])
    assert sample_weight(cosine, quality, ReweightOptions(quality=False)).tolist() == pytest.approx(
        [1.0, 1.0, 0.1, 1.4]
    )
    assert sample_weight(cosine, quality, ReweightOptions(identity=False)).tolist() == pytest.approx(
        [1.0, 0.5, 1.0, 1.0]
    )
    off = ReweightOptions(identity=False, quality=False)
    assert sample_weight(cosine, quality, off).tolist() == [1.0] * 4


def test_the_pose_loss_is_the_closed_form_of_a_turned_mean_face_and_ignores_size_and_place():
    def seen(yaw: float, size: float = 0.3, place: float = 0.5) -> torch.Tensor:
        x, y, z = (torch.from_numpy(MEAN_68[:, i]) for i in range(3))
        return torch.stack([math.cos(yaw) * x + math.sin(yaw) * z, y], 1)[None] * size + place

    frontal, turned = seen(0.0), seen(0.2)
    size = math.sqrt((math.cos(0.2) ** 2 + 1) / 2)
    expected = math.sin(0.2) / size / 2  # the mean of yaw and pitch, which has not moved
    assert losses.pose_consistency(turned, frontal).item() == pytest.approx(expected, abs=1e-5)
    assert losses.pose_consistency(seen(0.2, 0.4, 0.1), turned).item() == pytest.approx(0, abs=1e-5)
    moved = frontal.float().requires_grad_(True)
    losses.pose_consistency(moved, turned).backward()
    assert moved.grad is not None and moved.grad.abs().sum() > 0
