"""Counting: laws, closed formulas, a second counter, and the published figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from eval.cost import methods, networks
from eval.cost.claims import Claim, claims
from eval.cost.count import NOTHING, Cost, count, meta, meta_tensor, transposed_multiply_adds
from eval.cost.formulas import breakdown, idn_layers, idn_parameters, official_zero_biases
from eval.cost.onnx_count import count_onnx
from mobilefaceswap_core.errors import OptionError, WeightsError
from mobilefaceswap_core.student.graph import idn_graph
from mobilefaceswap_core.student.network import MobileFaceSwapNet
from mobilefaceswap_core.teachers.aei import AeiConfig, AeiNet, HearNet
from mobilefaceswap_core.teachers.ours import TeacherGenerator
from mobilefaceswap_core.teachers.simswap import SimSwapGenerator


@pytest.fixture(scope="module")
def rows() -> dict[str, methods.MethodCost]:
    return {row.name: row for row in methods.all_methods()}


def hooked_multiply_adds(network: nn.Module, *inputs: Tensor) -> int:
    """An independent counter: forward hooks on layers, from kernel and output shapes."""
    total = 0

    def hook(layer: nn.Module, args: tuple[Any, ...], out: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        if isinstance(layer, nn.ConvTranspose2d):
            total += args[0].numel() * weight[0].numel()
        else:  # each output value takes one row of the kernel
            total += out.numel() * weight[0].numel()

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    for layer in network.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(hook)
    with torch.no_grad():
        network.eval()(*inputs)
    return total


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (SimSwapGenerator, ((1, 3, 224, 224), (1, 512))),
        (TeacherGenerator, ((1, 3, 160, 160), (1, 512))),
        (AeiNet, ((1, 3, 256, 256), (1, 512))),
        (lambda: AeiNet(AeiConfig(attribute_kernel=1, bias=True, layers_per_block=3)), ((2, 3, 256, 256), (2, 512))),
        (HearNet, ((1, 3, 256, 256),) * 3),
    ],
)
def test_two_counters_agree_on_every_teacher(build, shapes):
    inputs = [meta_tensor(*shape) for shape in shapes]
    assert count(meta(build), *inputs).multiply_adds == hooked_multiply_adds(meta(build), *inputs)


def test_a_convolution_costs_its_closed_form():
    layer = nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2, device="meta")
    cost = count(layer, meta_tensor(5, 6, 20, 30))
    assert cost.multiply_adds == 5 * 8 * 10 * 15 * 3 * 9
    assert cost.parameters == 8 * 3 * 9 + 8


def test_cost_grows_with_the_batch_and_not_with_values():
    network = meta(TeacherGenerator)
    one = count(network, meta_tensor(1, 3, 64, 64), meta_tensor(1, 512))
    three = count(network, meta_tensor(3, 3, 64, 64), meta_tensor(3, 512))
    assert three.multiply_adds == 3 * one.multiply_adds and three.parameters == one.parameters


def test_operators_without_multiply_adds_are_listed_and_moves_are_not():
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([torch.tanh(x), x.transpose(0, 1).reshape(x.shape)], 1).sigmoid()

    assert count(Net(), meta_tensor(2, 3)).uncounted == {"sigmoid": 12, "tanh": 6}


def test_costs_add_up_and_repeat():
    a, b = Cost(3, 10, {"mm": 10}, {"relu": 1}), Cost(4, 5, {"mm": 2, "convolution": 3})
    assert a + b == Cost(7, 15, {"mm": 12, "convolution": 3}, {"relu": 1})
    assert a * 2 == Cost(3, 20, {"mm": 20}, {"relu": 2})
    assert a + NOTHING == a


@pytest.mark.parametrize("size", [160, 224, 256])
def test_the_idn_equals_its_closed_form_less_what_the_commuted_convolution_saves(size):
    frame = methods.student(size).frame
    saved = 32 * 8 * (size**2 - (size // 2) ** 2)
    assert frame.multiply_adds == breakdown(idn_layers(size)).convolutions - saved
    assert frame.parameters == idn_parameters(idn_layers(size))


def test_the_idn_has_the_figures_of_the_official_network():
    # Counted on the authors' network in its own framework: 499,825 parameters, 0.264 + 0.041 G.
    layers = idn_layers(224)
    assert idn_parameters(layers) + official_zero_biases() == 499_825
    mask = [layer for layer in layers if layer.part == "mask"]
    rest = [layer for layer in layers if layer.part != "mask"]
    assert round(breakdown(rest).convolutions / 1e9, 3) == 0.264
    assert round(breakdown(mask).convolutions / 1e9, 3) == 0.041


def test_interpolation_in_the_formula_equals_what_the_recorder_saw():
    layers = idn_layers(224)
    commuted = (32 - 8) * 224**2  # the shipped order interpolates 8 channels in the last stage instead of 32
    seen = methods.student(224).frame.uncounted["upsample_bilinear2d"]
    assert sum(layer.interpolated for layer in layers) - commuted == seen


def test_simswap_has_the_published_size_when_the_recogniser_is_counted(rows):
    simswap = rows["simswap"]
    assert simswap.parameters == pytest.approx(107e6, rel=0.03)
    assert simswap.frame.multiply_adds + simswap.source.multiply_adds == pytest.approx(55.7e9, rel=0.03)


def test_faceshifters_published_parameters_are_both_stages_and_the_recogniser(rows):
    both = rows["faceshifter"].parameters + rows["faceshifter-2"].parts["HEAR-Net"].parameters
    assert both == pytest.approx(421e6, rel=0.001)
    assert rows["faceshifter"].frame.parameters < 0.85 * 421e6


def test_transposed_convolutions_are_a_part_of_the_count():
    image = meta_tensor(1, 3, 256, 256)
    part = transposed_multiply_adds(meta(HearNet), image, image, image)
    assert 0 < part < count(meta(HearNet), image, image, image).multiply_adds
    layer = nn.ConvTranspose2d(3, 5, 4, 2, 1, device="meta")
    assert transposed_multiply_adds(layer, meta_tensor(1, 3, 8, 8)) == 8 * 8 * 3 * 5 * 16


def test_every_claim_of_the_paper_has_a_verdict(rows):
    found = {claim.statement: claim for claim in claims(list(rows.values()))}
    assert [c.published for c in found.values()] == [0.50, 0.33, 107, 55.7, 421, 97.4, 146, 207]
    assert found["MobileFaceSwap, G operations per frame"].verdict == "confirmed"
    assert found["FaceShifter stage 1, M parameters"].verdict == "explained"
    assert found["FaceShifter stage 1, G multiply-adds"].verdict == "corrected"
    assert Claim("x", 100, 104, "").verdict == "corrected"


@pytest.mark.parametrize("names", [{"ghost"}, {"student", "graphics", "hififace"}, set()])
def test_chosen_rows_are_those_of_the_whole_table(rows, names):
    chosen = methods.all_methods(names=names)
    assert chosen == [row for name, row in rows.items() if name in names] and len(chosen) == len(names)


def test_rows_keep_quoted_and_missing_apart_from_counted(rows):
    assert rows["fsgan"].status == rows["hififace"].status == "quoted"
    assert rows["graphics"].status == "no network"
    assert all(row.frame.multiply_adds > 0 for row in rows.values() if row.status == "counted")
    assert rows["official"].source.parameters > rows["student"].source.parameters


@pytest.mark.parametrize("size", [0, 32, 100, -224])
def test_a_size_the_networks_cannot_take_is_refused(size):
    with pytest.raises(OptionError, match="multiple of 32"):
        methods.all_methods(size)


# ---------------------------------------------------------------- ONNX


def test_the_students_onnx_graph_costs_what_the_formula_says():
    network = MobileFaceSwapNet.compact().eval()
    with torch.no_grad():
        weights = network.condition(torch.nn.functional.normalize(torch.ones(1, 512), dim=1), torch.zeros(1, 512, 7, 7))
    cost = count_onnx(idn_graph(network.idn, weights, output="face"), {"crop": (1, 3, 224, 224)})
    saved = 32 * 8 * (224**2 - 112**2)
    thin, dense = (3 * 16 + 3 * 32) * 112**2, 3 * 32 * 16 * 112**2  # the first pair of kernels is one dense convolution
    # The last layers are computed as four phases at half the size: with them go the zeros of their larger kernels.
    full = (8 * 3 * 9 + 3 * 3 * 9 + 2 * 1 * 9) * 224**2
    phases = (8 * 12 * 16 + 12 * 12 * 9 + 2 * 4 * 16) * 112**2
    assert cost.multiply_adds == breakdown(idn_layers(224)).convolutions - saved - thin + dense - full + phases
    assert set(cost.uncounted) >= {"Resize", "LeakyRelu", "Sigmoid", "Tanh"}


def onnx_network(*nodes: Any, constants: dict[str, tuple[int, ...]], inputs: dict[str, list[Any]], output: str) -> Any:
    tensors = [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in constants.items()]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    graph = helper.make_graph(
        list(nodes), "g", values, [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], tensors
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_onnx_operators_cost_their_closed_forms():
    model = onnx_network(
        helper.make_node("Conv", ["x", "c"], ["a"], pads=[1] * 4, group=2),
        helper.make_node("ConvTranspose", ["a", "t"], ["b"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["b"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "g"], ["h"], transB=1),
        helper.make_node("MatMul", ["h", "m"], ["y"]),
        constants={"c": (8, 2, 3, 3), "t": (8, 6, 2, 2), "g": (10, 6), "m": (10, 7)},
        inputs={"x": [1, 4, 5, 5]},
        output="y",
    )
    cost = count_onnx(model)
    assert cost.by_operator == {"Conv": 8 * 25 * 18, "ConvTranspose": 8 * 25 * 24, "MatMul": 70, "Gemm": 60}
    assert cost.uncounted == {"GlobalAveragePool": 6}
    assert cost.parameters == 144 + 192 + 60 + 70


def test_an_onnx_file_with_open_sizes_needs_them(tmp_path):
    node = helper.make_node("Conv", ["x", "c"], ["y"])
    model = onnx_network(node, constants={"c": (8, 3, 1, 1)}, inputs={"x": ["n", 3, "h", "w"]}, output="y")
    with pytest.raises(OptionError, match="unknown"):
        count_onnx(model)
    assert count_onnx(model, {"x": (1, 3, 4, 4)}).multiply_adds == 8 * 3 * 16
    path = tmp_path / "a.onnx"
    onnx.save(model, path)
    assert count_onnx(path, {"x": (1, 3, 4, 4)}).multiply_adds == 8 * 3 * 16
    path.write_bytes(b"no")
    with pytest.raises(WeightsError, match="not a readable ONNX"):
        count_onnx(path)


def test_an_exported_generator_costs_what_the_module_costs(tmp_path):
    def build() -> TeacherGenerator:
        return TeacherGenerator(width=8, blocks=1)

    path = networks.export_onnx(networks.Timed("teacher", 32, build), tmp_path)
    counted = count_onnx(path, {"targets": (1, 3, 64, 64), "embedding": (1, 512)})
    assert counted.multiply_adds == count(meta(build), meta_tensor(1, 3, 64, 64), meta_tensor(1, 512)).multiply_adds


def test_a_method_without_its_weights_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = {row.name: row for row in methods.all_methods()}
    assert "weights not present" in found["simswap"].note and "checkpoints.zip" in found["simswap"].note
    assert "download_models.sh" in found["ghost"].note
    assert found["inswapper"].status == "weights not present" and found["inswapper"].note
