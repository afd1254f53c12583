"""Networks from ONNX files in the losses: plain graphs, recognisers, and the landmark network that ships."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from mobilefaceswap_core.errors import BackendError, OptionError
from mobilefaceswap_core.faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from mobilefaceswap_core.training.data.builtin_faces import builtin_pack
from mobilefaceswap_core.training.data.faces import faces_from_packs
from mobilefaceswap_core.training.landmarks.task import TightLandmarks, load_landmark_net
from mobilefaceswap_core.training.networks.onnx_layers import OnnxLayers, runs_here
from mobilefaceswap_core.training.networks.onnx_network import load_recogniser, network_from_onnx
from mobilefaceswap_core.weights.load import weights_path
from tests.fakes.training_faces import noise_faces

torch.set_num_threads(1)


def _graph(nodes, constants, *, shape=("n", 3, 16, 16), output="y"):
    rng = np.random.default_rng(3)
    arrays = [
        numpy_helper.from_array(rng.normal(size=s).astype(np.float32) ** 2 + 0.1, n) for n, s in constants.items()
    ]
    return helper.make_graph(
        nodes, "test", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], arrays,
    )  # fmt: skip


def _model(graph) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model


@pytest.fixture(scope="module")
def every_operator() -> onnx.ModelProto:
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w", "b"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("PRelu", ["a", "slope"], ["c"]),
        node("Conv", ["c", "depthwise"], ["d"], kernel_shape=[3, 3], pads=[2, 2, 2, 2], dilations=[2, 2], group=6),
        node("BatchNormalization", ["d", "scale", "b", "mean", "variance"], ["e"], epsilon=1e-3),
        node("Relu", ["e"], ["f"]),
        node("Add", ["c", "f"], ["g"]),
        node("Sub", ["g", "slope"], ["h"]),
        node("Mul", ["h", "slope"], ["i"]),
        node("LeakyRelu", ["i"], ["j"], alpha=0.3),
        node("GlobalAveragePool", ["j"], ["k"]),
        node("Flatten", ["k"], ["l"]),
        node("Identity", ["l"], ["m"]),
        node("Gemm", ["m", "linear", "five"], ["y"], transB=1, alpha=0.5, beta=2.0),
    ]
    constants = {
        "w": (6, 3, 3, 3), "b": (6,), "slope": (6, 1, 1), "depthwise": (6, 1, 3, 3), "scale": (6,), "mean": (6,),
        "variance": (6,), "linear": (5, 6), "five": (5,),
    }  # fmt: skip
    return _model(_graph(nodes, constants))


def test_every_operator_computes_what_onnxruntime_computes_and_gradients_reach_the_input(every_operator) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(every_operator.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(4).normal(size=(2, 3, 16, 16)).astype(np.float32)
    assert runs_here(every_operator.graph)
    given = torch.from_numpy(x).requires_grad_()
    made = OnnxLayers(every_operator.graph)(given)
    np.testing.assert_allclose(made.detach().numpy(), session.run(None, {"x": x})[0], rtol=1e-4, atol=1e-4)
    made.square().sum().backward()
    assert given.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Softplus", ["x"], ["y"]),
        helper.make_node("Flatten", ["x"], ["y"], axis=2),
        helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
    ],
    ids=lambda node: node.op_type,
)
def test_a_graph_with_anything_else_goes_through_the_converter_or_says_what_it_needs(
    node, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx2torch", None)  # as if it were not installed
    graph = _graph([node], {"w": (3, 3, 3, 3)})
    assert not runs_here(graph)
    onnx.save(_model(graph), tmp_path / "net.onnx")
    with pytest.raises(BackendError, match=r"net\.onnx .*onnx2torch"):
        network_from_onnx(tmp_path / "net.onnx")


def test_a_recogniser_from_a_file_gives_unit_embeddings_of_112_px_crops_between_minus_one_and_one(tmp_path) -> None:
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["a"]), helper.make_node("Flatten", ["a"], ["y"])]
    onnx.save(_model(_graph(nodes, {}, shape=("n", 3, 112, 112))), tmp_path / "means.onnx")
    recognise = load_recogniser(str(tmp_path / "means.onnx"))
    colours = torch.tensor([[1.0, 0.5, 0.0], [0.5, 0.5, 1.0]])
    embedding, feature_map = recognise(colours[:, :, None, None].expand(2, 3, 224, 224))
    assert feature_map is None
    half = 0.5**0.5
    assert torch.allclose(embedding, torch.tensor([[half, 0.0, -half], [0.0, 0.0, 1.0]]), atol=1e-6)
    with pytest.raises(OptionError, match="does not exist"):
        load_recogniser(str(tmp_path / "missing.onnx"))


def test_the_second_recogniser_that_ships_knows_a_person_again() -> None:
    faces = faces_from_packs([builtin_pack()], (1.0,))
    images = faces.images(torch.arange(len(faces)))
    recognise = load_recogniser("second")
    with torch.no_grad():
        one, other = recognise(images)[0], recognise(images.flip(3))[0]
    alike = one @ other.T
    assert alike.shape == (len(faces),) * 2 and torch.allclose(one.norm(dim=1), torch.ones(len(faces)), atol=1e-5)
    same = faces.identity[:, None] == faces.identity[None]
    assert alike[same].min() > alike[~same].max(), "a mirrored photo is its person's before anybody else's"


# The landmark network that ships


@pytest.fixture(scope="module")
def tight() -> TightLandmarks:
    network = load_landmark_net("shipped")
    assert isinstance(network, TightLandmarks)
    return network


def test_the_landmark_network_runs_here_as_in_onnxruntime() -> None:
    import onnxruntime

    path = weights_path("landmarks_68")
    x = np.random.default_rng(1).random((2, 1, 64, 64), np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    each = [session.run(None, {session.get_inputs()[0].name: x[i : i + 1]})[0] for i in range(2)]
    np.testing.assert_allclose(network_from_onnx(path)(torch.from_numpy(x)), np.concatenate(each), atol=1e-4)


def test_landmarks_of_faces_lie_where_the_pack_has_them(tight) -> None:
    faces = faces_from_packs([builtin_pack()], (1.0,))
    with torch.no_grad():
        found = tight(faces.images(torch.arange(len(faces))))
    eyes = (faces.landmarks[:, LEFT_EYE].mean(1) - faces.landmarks[:, RIGHT_EYE].mean(1)).norm(dim=1)
    errors = (found - faces.landmarks)[:, 17:].norm(dim=2).mean(1) / eyes
    assert float(errors.median()) < 0.06, "docs/detectors.md: about 4 % of the eye distance"


def test_moved_pictures_move_the_landmarks_and_gradients_reach_the_pixels_only(tight) -> None:
    faces = faces_from_packs([builtin_pack()], (1.0,))
    images = faces.images(torch.arange(2))
    shift = 6
    with torch.no_grad():
        still, moved = tight(images), tight(torch.roll(images, shift, dims=3))
    assert (moved - still)[..., 0].mean().item() == pytest.approx(shift / 224, rel=0.3)
    near = faces.landmarks[:2].clone().requires_grad_()
    given = images.clone().requires_grad_()
    tight(given, near).sum().backward()
    assert given.grad.abs().sum() > 0 and near.grad is None


def test_landmark_losses_without_a_network_say_what_to_set() -> None:
    with pytest.raises(OptionError, match="set `landmarks` to shipped"):
        load_landmark_net("")
    assert load_landmark_net("shipped")(noise_faces(["a"]).images(torch.tensor([0]))).shape == (1, 68, 2)
