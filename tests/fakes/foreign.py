"""Small networks with the inputs, names and initialisers of published swappers, so that contracts can be checked by numbers.

The swapper answers ``target * size``, where ``size`` is the first number of its source: an embedding's first, or an image's first
value. The recogniser answers block means of its crop, the converter ``2 x + 0.25``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCK = 7  # the recogniser's means are over 7 x 7 px: 3 x 16 x 16 of them, the first 512 count


def matrix() -> np.ndarray:
    """What a stand-in for inswapper ends with."""
    return np.random.default_rng(7).normal(size=(512, 512)).astype(np.float32)


def write_swapper(
    path: Path,
    *,
    side: int,
    source: tuple[int, ...] = (512,),
    batch: int | str = 1,
    with_matrix: bool = False,
    half: bool = False,
    names: tuple[str, str] = ("source", "target"),
    scale: float = 1.0,
    seen: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Path:
    """A swapper that shows what it was given.

    Args:
        seen: mean and std that the target was read with; the answer is then the target as it was, whoever the source is.
    """
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    number = np.float16 if half else np.float32
    inputs = [
        helper.make_tensor_value_info(names[0], kind, [batch, *source]),
        helper.make_tensor_value_info(names[1], kind, [batch, 3, side, side]),
    ]
    nodes = [
        helper.make_node("Flatten", [names[0]], ["flat"]),
        helper.make_node("Slice", ["flat", "zero", "one", "one"], ["first"]),
        helper.make_node("Mul", ["first", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["size"]),
        helper.make_node("Mul", [names[1], "size"], ["output"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([0]), "zero"),
        numpy_helper.from_array(np.array([1]), "one"),
        numpy_helper.from_array(np.array([scale], number), "scale"),
        numpy_helper.from_array(np.array([-1, 1, 1, 1]), "shape"),
    ]
    if seen is not None:
        mean, std = (np.array(values, number).reshape(1, 3, 1, 1) for values in seen)
        constants += [numpy_helper.from_array(value, name) for name, value in (("mean", mean), ("std", std))]
        nodes = [
            helper.make_node("Mul", [names[1], "std"], ["wide"]),
            helper.make_node("Add", ["wide", "mean"], ["output"]),
        ]
    if with_matrix:
        constants.append(numpy_helper.from_array(matrix(), "emap"))
    return _save(path, nodes, inputs, [("output", kind, [batch, 3, side, side])], constants)


def write_recogniser(path: Path, *, length: int = 512) -> Path:
    """Block means of a 112 px crop."""
    inputs = [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["batch", 3, 112, 112])]
    nodes = [
        helper.make_node("AveragePool", ["input.1"], ["means"], kernel_shape=[BLOCK] * 2, strides=[BLOCK] * 2),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Slice", ["flat", "zero", "many", "one"], ["683"]),
    ]
    values = (("zero", 0), ("one", 1), ("many", length))
    constants = [numpy_helper.from_array(np.array([value]), name) for name, value in values]
    return _save(path, nodes, inputs, [("683", TensorProto.FLOAT, ["batch", length])], constants)


def write_converter(path: Path) -> Path:
    """``2 x + 0.25``."""
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 512])]
    nodes = [
        helper.make_node("Mul", ["input", "two"], ["double"]),
        helper.make_node("Add", ["double", "quarter"], ["output"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([value], np.float32), name) for name, value in (("two", 2), ("quarter", 0.25))
    ]
    return _save(path, nodes, inputs, [("output", TensorProto.FLOAT, [1, 512])], constants)


def write_published(folder: Path, name: str, *, side: int, source: tuple[int, ...] = (512,), **options: Any) -> Path:
    """A published swapper with everything it needs, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_recogniser(folder / "arcface_w600k_r50.onnx")
    for method in ("simswap", "ghost", "hififace"):
        write_converter(folder / f"crossface_{method}.onnx")
    return write_swapper(folder / f"{name}.onnx", side=side, source=source, **options)


def _save(path: Path, nodes: Any, inputs: Any, outputs: Any, constants: Any) -> Path:
    shown = [helper.make_tensor_value_info(*output) for output in outputs]
    graph = helper.make_graph(nodes, "stand-in", inputs, shown, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
