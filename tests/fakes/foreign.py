"""Small networks with the inputs, names and initialisers of published swappers, so that contracts can be checked by numbers.

The swapper answers ``target * size``, where ``size`` is the first number of its source: an embedding's first, or an image's first
value. The recogniser answers block means of its crop, the converter ``2 x + 0.25``. Masks and enhancers say below what they
answer.
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


def write_occluder(path: Path, *, side: int = 256, channels_last: bool = True, name: str = "input") -> Path:
    """What XSeg reads; a pixel is as visible as its first channel is bright."""
    shape = ["batch", side, side, 3] if channels_last else ["batch", 3, side, side]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
    nodes = [helper.make_node("Slice", [name, "zero", "one", "axis"], ["output"])]
    values = (("zero", 0), ("one", 1), ("axis", -1 if channels_last else 1))
    constants = [numpy_helper.from_array(np.array([value]), each) for each, value in values]
    out = ["batch", side, side, 1] if channels_last else ["batch", 1, side, side]
    return _save(path, nodes, inputs, [("output", TensorProto.FLOAT, out)], constants)


def write_parser(path: Path, *, side: int = 512, classes: int = 19) -> Path:
    """What BiSeNet reads, ImageNet's mean and std undone: a pixel is of class k where its red is 10 k; two answers more."""
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])]
    nodes = [
        helper.make_node("Slice", ["input", "zero", "one", "one"], ["red"]),
        helper.make_node("Mul", ["red", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mean"], ["tens"]),
        helper.make_node("Sub", ["tens", "classes"], ["off"]),
        helper.make_node("Abs", ["off"], ["far"]),
        helper.make_node("Neg", ["far"], ["output"]),
        helper.make_node("Identity", ["output"], ["second"]),
        helper.make_node("Identity", ["output"], ["third"]),
    ]
    constants = [numpy_helper.from_array(np.array([value]), name) for name, value in (("zero", 0), ("one", 1))]
    numbers = (("std", 0.229 * 25.5), ("mean", 0.485 * 25.5))
    constants += [numpy_helper.from_array(np.array([value], np.float32), name) for name, value in numbers]
    constants.append(numpy_helper.from_array(np.arange(classes, dtype=np.float32).reshape(1, classes, 1, 1), "classes"))
    shape = [1, classes, side, side]
    return _save(path, nodes, inputs, [(n, TensorProto.FLOAT, shape) for n in ("output", "second", "third")], constants)


def write_enhancer(
    path: Path, *, side: int = 512, fidelity: bool = False, size: int = 1, operator: str = "Neg"
) -> Path:
    """An enhancer that gives the negative of what it reads (or another operator's), times its ``weight`` if it takes one."""
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])]
    nodes = [helper.make_node(operator, ["input"], ["negative" if fidelity else "output"])]
    if fidelity:
        inputs.append(helper.make_tensor_value_info("weight", TensorProto.DOUBLE, [size]))
        nodes += [
            helper.make_node("ReduceMean", ["weight"], ["number"], keepdims=0),
            helper.make_node("Cast", ["number"], ["factor"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["negative", "factor"], ["output"]),
        ]
    return _save(path, nodes, inputs, [("output", TensorProto.FLOAT, [1, 3, side, side])], [])


def write_stage(folder: Path, name: str) -> Path:
    """A published mask or enhancer by its name, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    if name.startswith("xseg"):
        return write_occluder(path)
    if name.startswith("bisenet"):
        return write_parser(path)
    side = int(name.rpartition("_")[2]) if name.startswith("gpen") else 512
    return write_enhancer(path, side=side, fidelity=name == "codeformer")


def _save(path: Path, nodes: Any, inputs: Any, outputs: Any, constants: Any) -> Path:
    shown = [helper.make_tensor_value_info(*output) for output in outputs]
    graph = helper.make_graph(nodes, "stand-in", inputs, shown, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
