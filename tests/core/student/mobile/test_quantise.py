"""Eight bits: laws of the numbers, and ranges that are measured and joined as the formats need them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobilefaceswap_core.student.mobile.baked import baked_graph
from mobilefaceswap_core.student.mobile.quantise import (
    FLOAT_STEPS,
    _ints,
    calibrate,
    calibration_batch,
    quantised_kernel,
)
from mobilefaceswap_core.student.mobile.steps import steps


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
@settings(max_examples=60, deadline=None)
def test_zero_is_a_number_of_every_range_and_the_ends_are_met_within_a_step(one, other) -> None:
    low, high = sorted((one, other))
    ints = _ints(low, high)
    assert -128 <= ints.zero <= 127 and ints.scale > 0
    for end in (min(low, 0.0), max(high, 0.0)):
        nearest = np.clip(np.rint(end / ints.scale + ints.zero), -128, 127)
        assert abs(ints.scale * (nearest - ints.zero) - end) <= ints.scale * 1.0001


@pytest.mark.parametrize("axis", [0, 3])
def test_a_kernel_in_eight_bits_is_off_by_half_a_step_of_its_channel_at_most(axis) -> None:
    random = np.random.default_rng(axis)
    kernel = random.normal(size=(4, 3, 3, 4)).astype(np.float32) * 10.0 ** np.arange(4)
    bias = random.normal(size=4).astype(np.float32)
    kernel = np.moveaxis(kernel, 3, axis)
    ints = quantised_kernel(kernel, bias, axis, 0.02)
    shape = [1] * 4
    shape[axis] = -1
    back = ints.kernel * ints.scales.reshape(shape)
    assert (np.abs(back - kernel) <= ints.scales.reshape(shape) * 0.5001).all()
    assert np.abs(ints.kernel).max() == 127 and np.abs(ints.bias * ints.scales * 0.02 - bias).max() <= ints.scales.max()


def test_a_channel_of_zeros_stays_zero() -> None:
    ints = quantised_kernel(np.zeros((2, 1, 1, 1), np.float32), np.zeros(2, np.float32), 0, 0.1)
    assert not ints.kernel.any() and not ints.bias.any() and (ints.scales > 0).all()


def test_faces_to_measure_on_are_mirrored_and_lit_in_other_ways(face) -> None:
    batch = calibration_batch([face.image])
    assert batch.shape == (6, 3, 224, 224) and batch.dtype == np.float32
    assert batch.min() >= 0 and batch.max() <= 1
    assert np.array_equal(batch[1], batch[0][:, :, ::-1])
    assert batch[2].mean() < batch[0].mean() < batch[4].mean()


def test_what_is_resized_or_joined_has_one_range_and_both_ends_stay_in_32_bits(student, condition, face) -> None:
    graph = baked_graph(student, condition)
    found = calibrate(graph, calibration_batch([face.image])[:1])
    outputs = {step.output for step in steps(graph)}
    assert outputs >= FLOAT_STEPS and not found.steps & FLOAT_STEPS
    moved = [step for step in steps(graph) if step.operator in ("Resize", "Concat") and step.output in found.steps]
    assert len(moved) >= 10
    for step in moved:
        assert {found.ints[name] for name in step.inputs} == {found.ints[step.output]}
