"""Estimate, from published figures, how long the per-frame network takes on Arm processors.

    python -m docs.arm

prints the table of ``docs/mobile.md``. No such processor was at hand: MobileNet v2 was measured there by the makers of the runtimes,
and the time is scaled by what both networks compute (multiply-adds) and by what they read and write (values that go into and out
of operators, and weights, 4 bytes each). The two scales bound the estimate.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import nn

from eval.cost.onnx_count import count_onnx
from mobilefaceswap_core.diagnose.bench import aligned_target
from mobilefaceswap_core.student.mobile.baked import baked_graph
from mobilefaceswap_core.student.swapper import load_student

# Computed within the operator before them, by all of these runtimes.
_FUSED = {
    "Clip",
    "Relu",
    "LeakyRelu",
    "BatchNormalization",
    "Constant",
    "Identity",
    "Shape",
    "Gather",
    "Unsqueeze",
    "Reshape",
}


@dataclass(frozen=True, slots=True)
class Published:
    """MobileNet v2 1.0 at 224 px, one thread, as its runtime's makers measured it.

    Attributes:
        runtime: that computes LiteRT or ncnn files.
        processor: or phone, as named there.
        ms: mean of a run in float32; ncnn chooses 16 bits by itself where the processor has them.
        source: where it stands.
    """

    runtime: str
    processor: str
    ms: float
    source: str


_XNNPACK = "README of `google/XNNPACK`, 27 March 2020"
_NCNN = "`benchmark/README.md` of `Tencent/ncnn`, commit 08c2dac"
PUBLISHED = (
    Published("LiteRT (XNNPACK)", "Pixel", 49, _XNNPACK),
    Published("LiteRT (XNNPACK)", "Pixel 2", 53, _XNNPACK),
    Published("LiteRT (XNNPACK)", "Pixel 3a", 55, _XNNPACK),
    Published("ncnn", "Snapdragon 835 (`taimen`)", 73.48, _NCNN),
    Published("ncnn", "Snapdragon 855+ (OnePlus 7T)", 10.61, _NCNN),
)


def read_and_written(model: Any) -> int:
    """Bytes that the operators of an ONNX graph read and write, weights included, what is fused into others left out."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    sizes = {
        value.name: math.prod(size.dim_value or 1 for size in value.type.tensor_type.shape.dim)
        for value in (*inferred.value_info, *inferred.input, *inferred.output)
    }
    sizes |= {weight.name: math.prod(weight.dims) for weight in inferred.initializer}
    moved = 0
    for node in inferred.node:
        if node.op_type not in _FUSED:
            moved += sum(sizes.get(name, 0) for name in (*node.input, *node.output))
    return 4 * moved


def idn() -> Any:
    """The per-frame network of one source, 224 px."""
    student = load_student(backend="torch")
    return baked_graph(student, student.condition([aligned_target()]))


class _Inverted(nn.Sequential):
    """Expand, filter each channel, project; added to its input where both have one shape."""

    def __init__(self, have: int, give: int, stride: int, expansion: int) -> None:
        inside = have * expansion
        wider = [nn.Conv2d(have, inside, 1), nn.ReLU6()] if expansion > 1 else []
        each = [nn.Conv2d(inside, inside, 3, stride, 1, groups=inside), nn.ReLU6(), nn.Conv2d(inside, give, 1)]
        super().__init__(*wider, *each)
        self.adds = stride == 1 and have == give

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        return x + y if self.adds else y


def mobilenet() -> Any:
    """MobileNet v2 1.0 at 224 px with random weights, norms folded; table 2 of its paper."""
    import warnings

    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU6()]
    have = 32
    for expansion, give, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                           (6, 160, 3, 2), (6, 320, 1, 1)):  # fmt: skip
        for number in range(count):
            layers.append(_Inverted(have, give, stride if number == 0 else 1, expansion))
            have = give
    layers += [nn.Conv2d(320, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated; the other one needs another package
        torch.onnx.export(nn.Sequential(*layers).eval(), (torch.zeros(1, 3, 224, 224),), file, dynamo=False)
    return onnx.load_from_string(file.getvalue())


def table() -> str:
    """Both networks, and what follows for each processor."""
    ours, theirs = idn(), mobilenet()
    counts = {
        name: (count_onnx(each).multiply_adds, read_and_written(each)) for name, each in (("IDN", ours), ("v2", theirs))
    }
    computed, moved = (counts["IDN"][i] / counts["v2"][i] for i in (0, 1))
    rows = [
        "| | multiply-adds | read and written |",
        "|---|---|---|",
        f"| per-frame network | {counts['IDN'][0] / 1e6:.0f} M | {counts['IDN'][1] / 1e6:.0f} MB |",
        f"| MobileNet v2 | {counts['v2'][0] / 1e6:.0f} M | {counts['v2'][1] / 1e6:.0f} MB |",
        f"| ratio | {computed:.2f} | {moved:.2f} |",
        "",
        "| runtime | processor or phone | MobileNet v2, published | per-frame network, estimated | source |",
        "|---|---|---|---|---|",
    ]
    low, high = sorted((computed, moved))
    for each in PUBLISHED:
        rows.append(
            f"| {each.runtime} | {each.processor} | {each.ms:.0f} ms | {low * each.ms:.0f} - {high * each.ms:.0f} ms | {each.source} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
