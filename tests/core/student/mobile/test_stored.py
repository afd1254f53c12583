"""The student in fewer bits swaps any source, beside the student in 32."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap_core.student.mobile.stored import StoredStudent


@pytest.mark.parametrize(
    ("precision", "litert", "levels"), [("float16", False, 0.1), ("int8", False, 4), ("int8", True, 4)]
)
def test_it_swaps_like_the_student_and_says_what_it_is(precision, litert, levels, student, condition, face) -> None:
    if litert:
        pytest.importorskip("ai_edge_litert")
    small = StoredStudent(student, precision, litert=litert, threads=1)
    where = "LiteRT" if litert else "onnxruntime"
    assert small.info.name == f"student-{precision}" and small.info.device == f"cpu / {where} {precision}"
    person = small.condition([face])
    assert np.array_equal(person.embedding, condition.embedding)
    (got,), (want,) = small.swap([face], [person]), student.swap([face], [condition])
    apart = np.abs(got.image.astype(int) - want.image)
    assert 0 < apart.mean() < levels and np.abs(got.mask - want.mask).mean() < levels / 200
