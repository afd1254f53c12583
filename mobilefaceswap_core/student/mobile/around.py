"""The networks around the per-frame one: what a phone needs to find a face, to see what hides it, and to read a photo by itself.

Each is a graph of one size, reads what a camera gives, in [0, 1], and is compared with the network that runs here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from ...blend.occlusion import NAME as OCCLUSION
from ...blend.occlusion_graph import RIM_PX, occlusion_graph
from ...detect.ultraface import HEIGHT, MEAN, STD, WIDTH
from ...errors import OptionError
from ...weights.load import load_arrays, spec_of, weights_path
from ..contract import properties_of_part
from ..identity_graph import identity_graph
from .prepare import newest_operators, prepared, scaled_input
from .steps import Array, Call, Shape, with_sizes

_DETECTOR, _LANDMARKS, _ENCODER, _STUDENT = (
    "detector_ultraface_rfb320", "landmarks_68", "encoder_mobilefacenet", "student_224",
)  # fmt: skip
_GREY_LEVELS = 256  # what the landmark network's authors divide by


@dataclass(frozen=True, slots=True)
class PhonePart:
    """One network.

    Attributes:
        name: as given to ``--part``.
        title: what it does.
        input: name of what it reads.
        shape: of that.
        reads: that in words; of channel planes, which formats with channels last turn round.
        gives: its outputs in words.
        weights: names in the registry.
        graph: makes its ONNX graph, without sizes.
        ours: makes what it is compared with.
        rim_px: at the border of outputs that are pictures, where the graph is not the network.
    """

    name: str
    title: str
    input: str
    shape: Shape
    reads: str
    gives: str
    weights: tuple[str, ...]
    graph: Callable[[], onnx.ModelProto]
    ours: Callable[[], Call]
    rim_px: int = 0

    def prepared(self) -> onnx.ModelProto:
        """The graph that every format is written from."""
        return prepared(with_sizes(self.graph(), {self.input: self.shape}))

    def properties(self) -> dict[str, str]:
        """What a file says of itself."""
        specs = [spec_of(name) for name in self.weights]
        return properties_of_part(self.name, specs, reads=f"{self.input}: {self.shape} {self.reads}", gives=self.gives)

    def trial(self) -> list[dict[str, Array]]:
        """Two inputs that every written file is tried on, one of noise and one smooth."""
        noise = np.random.default_rng(0).random(self.shape, np.float32)
        ramp = np.broadcast_to(np.linspace(0, 1, self.shape[-1], dtype=np.float32), self.shape)
        return [{self.input: noise}, {self.input: np.ascontiguousarray(ramp)}]


def part_named(name: str) -> PhonePart:
    """The network of that name.

    Raises:
        OptionError: there is none.
    """
    for part in PARTS:
        if part.name == name:
            return part
    raise OptionError(f"Unknown part {name!r}; choose {', '.join(part.name for part in PARTS)}.")


def _detector_graph() -> onnx.ModelProto:
    model = newest_operators(onnx.load(weights_path(_DETECTOR)))
    _simple_softmax(model)
    return scaled_input(model, "picture", 255 / STD, MEAN / STD)


def _simple_softmax(model: onnx.ModelProto) -> None:
    """One operator for what the older opset's softmax has become: flattening, softmax, and the old sizes again."""
    nodes = model.graph.node
    place = next(number for number, node in enumerate(nodes) if node.op_type == "Softmax")
    softmax = nodes[place]
    before = next(node for node in nodes if softmax.input[0] in node.output)
    after = next(node for node in nodes if softmax.output[0] in node.input)
    x, scores = before.input[0], after.output[0]
    softmax.CopyFrom(onnx.helper.make_node("Softmax", [x], [scores], name=scores, axis=2))
    nodes.remove(before)
    nodes.remove(after)


def _landmarks_graph() -> onnx.ModelProto:
    model = newest_operators(onnx.load(weights_path(_LANDMARKS)))
    model = scaled_input(model, "crop", 255 / _GREY_LEVELS, 0.0)
    return _renamed(model, {model.graph.output[0].name: "points"})


def _occlusion_graph() -> onnx.ModelProto:
    model = occlusion_graph(load_arrays(OCCLUSION))
    for node in model.graph.node:
        if node.op_type == "DepthToSpace":  # of one channel, where both orders are one; more formats know this one
            next(attribute for attribute in node.attribute if attribute.name == "mode").s = b"CRD"
    return model


def _identity_graph() -> onnx.ModelProto:
    student = load_arrays(_STUDENT)
    injection = {n.removeprefix("injection."): a for n, a in student.items() if n.startswith("injection.")}
    return identity_graph(load_arrays(_ENCODER), injection)


def _shipped(name: str, scale: float, shift: float, outputs: Mapping[str, str]) -> Call:
    """An ONNX file that ships, in ONNX Runtime."""
    from ...runtime.sessions import open_session

    session = open_session(weights_path(name))
    (value,) = session.get_inputs()

    def run(given: Mapping[str, Array]) -> dict[str, Array]:
        (x,) = given.values()
        found = session.run(list(outputs), {value.name: x * np.float32(scale) - np.float32(shift)})
        return dict(zip(outputs.values(), found, strict=True))

    return run


def _our_occlusion() -> Call:
    import torch

    from ...blend.occlusion_network import OcclusionNet
    from ...weights.load import load_into, load_tensors

    network = OcclusionNet().eval()
    load_into(network, load_tensors(OCCLUSION), what=OCCLUSION)

    def run(given: Mapping[str, Array]) -> dict[str, Array]:
        with torch.inference_mode():
            return {"hidden": torch.sigmoid(network(torch.from_numpy(given["crop"]))).numpy()}

    return run


def _our_identity() -> Call:
    import torch

    from ..identity_graph import flat_kernels
    from ..swapper import load_student

    student = load_student(backend="torch")

    def run(given: Mapping[str, Array]) -> dict[str, Array]:
        with torch.inference_mode():
            embedding, feature_map = student.encoder(torch.from_numpy(given["photos"]))
            weights = student.network.condition(embedding, feature_map)
        return {"kernels": flat_kernels(weights), "embedding": embedding.numpy()}

    return run


def _renamed(model: onnx.ModelProto, names: Mapping[str, str]) -> onnx.ModelProto:
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
    for value in model.graph.output:
        value.name = names.get(value.name, value.name)
    return model


_CROP = "float32 RGB in [0, 1], not normalised, a face aligned as `crop` says"
PARTS = (
    PhonePart(
        "detector", "finds faces", "picture", (1, 3, HEIGHT, WIDTH), "float32 RGB in [0, 1], not normalised",
        "scores: (1, 4420, 2), the second that of a face; boxes: (1, 4420, 4) left, top, right, bottom as fractions of the "
        "picture, overlapping ones too", (_DETECTOR,), _detector_graph,
        lambda: _shipped(_DETECTOR, 255 / STD, MEAN / STD, {"scores": "scores", "boxes": "boxes"}),
    ),
    PhonePart(
        "landmarks", "finds 68 points of a face", "crop", (1, 1, 64, 64),
        "float32 grey in [0, 1] (0.299 R + 0.587 G + 0.114 B), a square a tenth larger than the longer side of the box",
        "points: (1, 136), x and y of 68 landmarks in iBUG order as fractions of the crop, 0 at its edge", (_LANDMARKS,),
        _landmarks_graph, lambda: _shipped(_LANDMARKS, 255 / _GREY_LEVELS, 0.0, {"output": "points"}),
    ),
    PhonePart(
        "occlusion", "sees what hides a face", "crop", (1, 3, 224, 224), _CROP,
        f"hidden: (1, 1, 224, 224), how likely each pixel shows no visible face; repeat the {RIM_PX + 1}th pixel over the "
        f"{RIM_PX} outermost", (OCCLUSION,), _occlusion_graph, _our_occlusion, RIM_PX,
    ),
    PhonePart(
        "identity", "reads a source's photo", "photos", (1, 3, 224, 224), _CROP,
        "kernels: (K,), what the network with kernels outside reads; embedding: (1, 512), of unit length",
        (_ENCODER, _STUDENT), _identity_graph, _our_identity,
    ),
)  # fmt: skip
