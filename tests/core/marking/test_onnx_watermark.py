"""The hidden mark as a graph gives the pattern that Python hides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.marking.carriers import COARSE, FINE, MarkFormat, luma_grid
from mobilefaceswap_core.marking.onnx_watermark import watermark_graph
from mobilefaceswap_core.marking.watermark import LOUDNESS, add_to_channels, embed_crop, payload_for
from mobilefaceswap_core.student.identity_graph import halve

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("model", "stored", "form"),
    [("student", "full", COARSE), ("teacher", "full", FINE), ("student", "half", COARSE), ("student", "half", FINE)],
)
def test_a_crop_is_marked_as_embed_crop_marks_it(model: str, stored: str, form: MarkFormat) -> None:
    rng = np.random.default_rng(6)
    crop = cv2.GaussianBlur(rng.integers(0, 256, (224, 224, 3), np.uint8), (0, 0), 2)
    weight = cv2.blur(np.pad(np.full((150, 140), 0.9, np.float32), ((40, 34), (42, 42))), (11, 11))
    graph = watermark_graph(model, form)
    graph = halve(graph) if stored == "half" else graph
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    small = cv2.resize(weight, (112, 112), interpolation=cv2.INTER_AREA)
    (pattern,) = session.run(None, {"luma": luma_grid(crop)[None, None], "weight": small[None, None]})
    got = add_to_channels(crop, pattern[0, 0]).astype(int)
    wanted = embed_crop(crop, weight, payload=payload_for(model, form), strength=LOUDNESS[form].moving)
    assert np.abs(got - wanted).max() <= 1  # a value at .5 may round the other way
    assert (got != wanted).mean() < 0.01
    assert np.abs(wanted.astype(int) - crop).max() > 2
