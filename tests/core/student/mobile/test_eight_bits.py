"""The student in 8 bits swaps any source, beside the student in 32."""

from __future__ import annotations

import numpy as np

from mobilefaceswap_core.student.mobile.eight_bits import EightBitStudent


def test_it_swaps_like_the_student_and_says_what_it_is(student, condition, face) -> None:
    small = EightBitStudent(student, threads=1)
    assert small.info.name == "student-int8" and small.info.device == "cpu / onnxruntime int8"
    person = small.condition([face])
    assert np.array_equal(person.embedding, condition.embedding)
    (got,), (want,) = small.swap([face], [person]), student.swap([face], [condition])
    apart = np.abs(got.image.astype(int) - want.image)
    assert 0 < apart.mean() < 4 and np.abs(got.mask - want.mask).mean() < 0.02
