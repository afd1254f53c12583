"""A LiteRT (TensorFlow Lite) file, written operator by operator from a graph (:mod:`.tflite_operators`).

Written and not converted, so that it needs nothing but the schema that comes with the runtime, and channels of pictures stand
last from the start.

Of the per-frame network: input ``crop (1, S, S, 3)`` float32 RGB in [0, 1], outputs ``face (1, S, S, 3)`` and ``mask (1, S, S,
1)``, also in the 8-bit file, where they are quantised inside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import onnx

from ...errors import WeightsError
from .quantise import Quantisation
from .steps import steps
from .tflite_operators import add_step
from .tflite_writer import IDENTIFIER, METADATA, TfliteWriter

_MOST_METADATA = 100  # entries that are looked at; a damaged file may claim billions


def tflite_bytes(
    model: onnx.ModelProto,
    properties: Mapping[str, str],
    *,
    half: bool = False,
    quantisation: Quantisation | None = None,
) -> bytes:
    """The file.

    Args:
        model: of :func:`~.baked.baked_graph`.
        properties: kept as JSON in the metadata :data:`METADATA`.
        half: store the large constants in 16 bits; what runs it decides whether it computes with them.
        quantisation: compute in 8 bits where it says so.
    """
    writer = TfliteWriter(model, half=half, quantisation=quantisation)
    for step in steps(model):
        add_step(writer, step)
    return writer.finish(properties)


def read_properties(data: bytes, path: Path) -> dict[str, str]:
    """What a file says of itself.

    Raises:
        WeightsError: it is no LiteRT file, or says nothing.
    """
    from ai_edge_litert import schema_py_generated as schema

    found: dict[str, str] = {}
    try:
        if data[4:8] != IDENTIFIER:
            raise ValueError("it does not begin as one")
        model = schema.Model.GetRootAs(data, 0)
        for number in range(min(model.MetadataLength(), _MOST_METADATA)):
            entry = model.Metadata(number)
            if entry.Name() == METADATA.encode():
                found = json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
        return {str(key): str(value) for key, value in found.items()}
    except Exception as error:  # a damaged file makes the reader fail in any way
        raise WeightsError(f"{path} is not a LiteRT file ({error}). Export it again.") from error
