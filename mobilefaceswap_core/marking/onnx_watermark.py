"""The hidden mark as an ONNX graph, for programs without Python: the pattern to add to a swapped crop.

The same function as :func:`~mobilefaceswap_core.marking.watermark.embed_crop` at the strength of video, which needs no
search. Fourier transforms are products with matrices of cosines and sines; the grid has 112 x 112 samples, so one
transform is six products of that size.
"""

from __future__ import annotations

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..runtime.graphs import IR_VERSION, OPSET, Graph
from .carriers import (
    _CLIP,
    _FLOOR,
    _SPREAD_PX,
    COARSE,
    GRID_PX,
    MARK_CROP,
    MarkFormat,
    band_filters,
    carriers,
    codeword,
    support,
    window,
)
from .watermark import (
    _BAND_FLOOR,
    _MASKING,
    _PEAK,
    _ROUNDS,
    _SMOOTH,
    _STEP,
    LOUDNESS,
    _unit_pattern,
    payload_for,
)

_BANDS = len(COARSE.bands)  # of every format


def watermark_graph(model: str, form: MarkFormat = COARSE, *, strength: float | None = None) -> onnx.ModelProto:
    """Build the graph.

    Args:
        model: name of the swapper, which the mark spells.
        form: of the mark.
        strength: in grey levels on smooth skin; that of clips by default.

    Returns:
        A model with inputs ``luma (1, 1, 112, 112)``, the crop's luminance in grey levels averaged to the grid, and
        ``weight (1, 1, 112, 112)`` in [0, 1], the weight it will be pasted with; and the output ``pattern (1, 1, 224,
        224)``: grey levels to add to every channel.
    """
    graph = Graph()
    payload, loudness = payload_for(model, form), LOUDNESS[form]
    _transforms(graph, form)
    _, deviation = _residual(graph, "luma", "first")
    level = graph.add("Sub", [deviation, _value(graph, "smooth", _SMOOTH)], "roughness")
    level = graph.add("Mul", [level, _value(graph, "masking", _MASKING)], "masked")
    level = graph.add("Add", [level, _value(graph, "one", 1)], "louder")
    level = graph.add("Clip", [level, "one", _value(graph, "loudest", loudness.textured)], "loudness")
    level = graph.add(
        "Mul", [level, _value(graph, "level", loudness.moving if strength is None else strength)], "level_here"
    )
    pattern = graph.add("Mul", [level, graph.constant("unit", _grid(_unit_pattern(payload)))], "pattern.0")
    limit = graph.add("Mul", [level, graph.constant("peak", _grid(_PEAK * np.sqrt(window())))], "limit")
    floor = graph.add("Mul", [deviation, _value(graph, "step", _STEP / 2)], "half_deviation")
    floor = graph.add("Add", [floor, _value(graph, "step_floor", _STEP * _BAND_FLOOR)], "step_size")
    graph.constant("word", codeword(payload)[:, None])  # (128, 1)
    graph.constant("carriers", carriers(form))  # (128, P)
    for number in range(_ROUNDS):
        drawn = _unwanted(graph, pattern, f"round{number}")
        drawn = graph.add("Mul", [drawn, floor], f"round{number}.scaled")
        pattern = graph.add("Sub", [pattern, drawn], f"round{number}.less")
        pattern = graph.add("Min", [pattern, limit], f"round{number}.below")
        lower = graph.add("Neg", [limit], f"round{number}.limit")
        pattern = graph.add("Max", [pattern, lower], f"pattern.{number + 1}")
    _enlarged(graph, pattern, "pattern")
    return _model(graph)


def _enlarged(graph: Graph, x: str, output: str) -> None:
    """The grid at the size of the crop, cubic as OpenCV has it: as two products, which take a tenth of ``Resize``'s time."""
    of_unit = cv2.resize(np.eye(GRID_PX, dtype=np.float32), (GRID_PX, MARK_CROP.size_px), interpolation=cv2.INTER_CUBIC)
    enlarged = np.asarray(of_unit, np.float32)  # (224, 112): what each row of the grid gives to each of the crop's
    wide = graph.add("MatMul", [x, graph.constant("enlarge_columns", enlarged.T)], f"{output}.wide")
    graph.add("MatMul", [graph.constant("enlarge_rows", enlarged), wide], output)


def _unwanted(graph: Graph, pattern: str, name: str) -> str:
    """What the face's own noise puts on the other carriers, drawn on the grid."""
    seen = graph.add("Add", ["luma", graph.add("Mul", [pattern, "weight"], f"{name}.shown")], f"{name}.seen")
    total, _ = _residual(graph, seen, name)
    places = graph.integers(f"{name}.column", GRID_PX * GRID_PX, 1)
    column = graph.add("Reshape", [total, places], f"{name}.flat")
    inside = graph.add("Gather", [column, _support(graph)], f"{name}.inside", axis=0)  # (P, 1)
    response = graph.add("MatMul", ["carriers", inside], f"{name}.response")  # (128, 1)
    agreed = graph.add("Mul", [response, "word"], f"{name}.agreed")
    agreed = graph.add("ReduceSum", [agreed], f"{name}.score", keepdims=1)
    wanted = graph.add("Mul", ["word", agreed], f"{name}.wanted")
    others = graph.add("Sub", [response, wanted], f"{name}.others")
    row = graph.add("Transpose", [others], f"{name}.row", perm=[1, 0])
    drawn = graph.add("MatMul", [row, "carriers"], f"{name}.drawn")  # (1, P)
    drawn = graph.add("Reshape", [drawn, graph.integers(f"{name}.list", -1)], f"{name}.values")
    empty = graph.constant(f"{name}.empty", np.zeros(GRID_PX * GRID_PX, np.float32))
    spread = graph.add("ScatterElements", [empty, _support(graph), drawn], f"{name}.spread", axis=0)
    return graph.add("Reshape", [spread, graph.integers(f"{name}.grid", 1, 1, GRID_PX, GRID_PX)], f"{name}.unwanted")


def _residual(graph: Graph, x: str, name: str) -> tuple[str, str]:
    """:func:`~mobilefaceswap_core.marking.carriers.residual`: names of the residual and of the deviation."""
    real, imaginary = _forward(graph, x, name)
    total = variance = ""
    for i in range(_BANDS):
        band = _band(graph, real, imaginary, i, f"{name}.band{i}")
        pads = [0, 0, _SPREAD_PX // 2, _SPREAD_PX // 2] * 2
        power = graph.add("Mul", [band, band], f"{name}.power{i}")
        power = graph.add("Pad", [power, graph.integers(f"{name}.pads{i}", *pads)], f"{name}.padded{i}", mode="reflect")
        local = graph.add("AveragePool", [power], f"{name}.local{i}", kernel_shape=[_SPREAD_PX] * 2)
        size = graph.add("Add", [graph.add("Sqrt", [local], f"{name}.root{i}"), _value(graph, "floor", _FLOOR)],
                         f"{name}.size{i}")  # fmt: skip
        part = graph.add("Div", [band, size], f"{name}.normalised{i}")
        part = graph.add("Clip", [part, _value(graph, "clip_low", -_CLIP), _value(graph, "clip_high", _CLIP)],
                         f"{name}.clipped{i}")  # fmt: skip
        total = graph.add("Add", [total, part], f"{name}.total{i}") if total else part
        variance = graph.add("Add", [variance, local], f"{name}.variance{i}") if variance else local
    return total, graph.add("Sqrt", [variance], f"{name}.deviation")


def _transforms(graph: Graph, form: MarkFormat) -> None:
    """Matrices of the discrete Fourier transform, both symmetric, and each band's transfer function on the full grid."""
    angles = 2 * np.pi * np.outer(np.arange(GRID_PX), np.arange(GRID_PX)) / GRID_PX
    graph.constant("cos", np.cos(angles).astype(np.float32))
    graph.constant("sin", np.sin(angles).astype(np.float32))
    for i, half in enumerate(band_filters(form)):
        # The transfer function depends on the distance from zero alone, so the missing half is a mirror image.
        full = np.concatenate([half, half[:, GRID_PX - half.shape[1] : 0 : -1]], 1)
        graph.constant(f"filter{i}", (full / GRID_PX**2).astype(np.float32))


def _forward(graph: Graph, x: str, name: str) -> tuple[str, str]:
    """Real part and negative imaginary part of the spectrum."""
    across = [graph.add("MatMul", [x, part], f"{name}.x_{part}") for part in ("cos", "sin")]
    cc, cs = (graph.add("MatMul", ["cos", a], f"{name}.cos_{i}") for i, a in enumerate(across))
    sc, ss = (graph.add("MatMul", ["sin", a], f"{name}.sin_{i}") for i, a in enumerate(across))
    return graph.add("Sub", [cc, ss], f"{name}.real"), graph.add("Add", [cs, sc], f"{name}.imaginary")


def _band(graph: Graph, real: str, imaginary: str, i: int, name: str) -> str:
    """The part of a picture that a filter lets through, from its spectrum."""
    a = graph.add("Mul", [real, f"filter{i}"], f"{name}.real")
    b = graph.add("Mul", [imaginary, f"filter{i}"], f"{name}.imaginary")
    # Re((C + iS) (a - ib) (C + iS)) = C a C - S a S + C b S + S b C
    left = graph.add("Sub", [graph.add("MatMul", ["cos", a], f"{name}.ca"), _negated(graph, b, name)], f"{name}.left")
    right = graph.add("Sub", [graph.add("MatMul", ["cos", b], f"{name}.cb"), graph.add("MatMul", ["sin", a], f"{name}.sa")],
                      f"{name}.right")  # fmt: skip
    return graph.add("Add", [graph.add("MatMul", [left, "cos"], f"{name}.lc"), graph.add("MatMul", [right, "sin"], f"{name}.rs")],
                     name)  # fmt: skip


def _negated(graph: Graph, b: str, name: str) -> str:
    return graph.add("Neg", [graph.add("MatMul", ["sin", b], f"{name}.sb")], f"{name}.minus_sb")


def _grid(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[None, None]


def _value(graph: Graph, name: str, value: float) -> str:
    if all(tensor.name != name for tensor in graph.constants):
        graph.constants.append(numpy_helper.from_array(np.array(value, np.float32), name))
    return name


def _support(graph: Graph) -> str:
    if all(tensor.name != "support" for tensor in graph.constants):
        graph.integers("support", *support().tolist())
    return "support"


def _model(graph: Graph) -> onnx.ModelProto:
    def tensor(name: str, side: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, side, side])

    inputs = [tensor("luma", GRID_PX), tensor("weight", GRID_PX)]
    body = helper.make_graph(graph.nodes, "mobilefaceswap_watermark", inputs, [tensor("pattern", MARK_CROP.size_px)],
                             graph.constants)  # fmt: skip
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mobilefaceswap")
    model.ir_version = IR_VERSION
    return model
