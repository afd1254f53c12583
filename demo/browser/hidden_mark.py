"""What the page works the hidden mark's pattern out with: the tensors of `marking/onnx_watermark.py`, its matrices apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.marking.carriers import GRID_PX, MarkFormat, band_filters, carriers, codeword, support, window
from mobilefaceswap_core.marking.watermark import _PEAK, LOUDNESS, _unit_pattern, payload_for

# Cosines along a side, and as many sines: beyond them every band lets through less than 1e-9. In C: half of WAVES.
WAVES = 44
# Of a carrier's values to either side of zero: five bits each once they are packed. Patterns differ by 0.02 levels on average.
_STEPS = 31


def tensors(model: str, form: MarkFormat, *, strength: float | None = None) -> dict[str, NDArray[Any]]:
    """Everything by name; arguments are those of :func:`~mobilefaceswap_core.marking.onnx_watermark.watermark_graph`.

    Carriers are in whole steps, each with what a step of it is worth.
    """
    payload, loudness = payload_for(model, form), LOUDNESS[form]
    exact = carriers(form)
    worth = np.abs(exact).max(axis=1, keepdims=True) / _STEPS
    level = loudness.moving if strength is None else strength
    # How often a wave stands for its mirror images too, in a spectrum of whole numbers of waves.
    twice = np.where(np.arange(WAVES) > 0, 2, 1)
    share = np.outer(twice, twice) / GRID_PX**2
    filters = [np.tile(band[:WAVES, :WAVES] * share, (2, 2)) for band in band_filters(form)]
    floats = {
        "worth": worth[:, 0],
        "word": codeword(payload),
        "unit": _unit_pattern(payload),
        "peak": _PEAK * np.sqrt(window()),
        "support": support(),
        "filters": np.stack(filters),
        "loudness": np.array([level, loudness.textured]),
    }
    arrays: dict[str, NDArray[Any]] = {name: np.asarray(array, np.float32) for name, array in floats.items()}
    return arrays | {"carriers": np.round(exact / worth).astype(np.int8)}
