"""Draw the figures of ``docs/explanation/how_the_idn_works.md`` from the weights and portraits that ship.

    python -m docs.figures [--out docs/images]

Sources and targets are averages of generated faces and show nobody. The same weights give the same figures; the numbers the
page quotes are printed.
"""

from __future__ import annotations

import argparse
import io
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as PillowImage

from eval.cost.formulas import idn_layers
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.marking import mark_crop
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.student.idn import IdnWeights
from mobilefaceswap_core.types import AlignedFace, Image

ROOT = Path(__file__).parent.parent
DPI = 110
# Okabe and Ito's palette, as in the figures of the evaluation.
COLOURS = {"encoder": "#0072B2", "decoder": "#E69F00", "final": "#009E73", "mask": "#D55E00"}
LAYER = "decoder_depthwise.3"  # the last decoder stage: 128 kernels of 3 x 3


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a small WebP: lossless where that is smaller, as for bars and text."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = PillowImage.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    coded = []
    for options in ({"quality": 80}, {"lossless": True}):
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", method=6, **options)
        coded.append(buffer.getvalue())
    path.write_bytes(min(coded, key=len))
    print(f"{path.name}: {path.stat().st_size // 1024} KB, {picture.width} x {picture.height}")


def show(axes: Any, image: NDArray[Any], title: str, **options: Any) -> Any:
    drawn = axes.imshow(image, **options)
    axes.set_title(title, fontsize=9)
    axes.set(xticks=[], yticks=[])
    return drawn


def tiled(kernels: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """Kernels ``(N, k, k)`` side by side with a gap between them."""
    padded = np.pad(kernels, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    rows = [np.concatenate(list(padded[i : i + columns]), 1) for i in range(0, len(padded), columns)]
    return np.concatenate(rows)[:-1, :-1]


def overview(
    pipeline: Pipeline, names: list[str], faces: list[AlignedFace], conditions: list[Any], target: AlignedFace
) -> Figure:
    """Two sources and one target: kernels, drawn face, mask and result."""
    figure = Figure(figsize=(10.4, 4.3), layout="constrained")
    grid = figure.subplots(2, 6)
    mark = partial(mark_crop, model=pipeline.swapper.info.name)
    for row, name, face, condition in zip(grid, names, faces, conditions, strict=True):
        kernels = condition.weights.tensors()[LAYER][0].numpy()
        limit = float(np.abs(kernels).max())
        crop = pipeline.swapper.swap([target], [condition])[0]
        drawn, weight = mark(crop.image, crop.mask, float(len(crop.image))), crop.mask[..., None]
        fused = np.rint(drawn * weight + target.image * (1 - weight)).astype(np.uint8)
        show(row[0], face.image, f"source {name}")
        show(row[1], tiled(kernels[:64], 8), "64 of its kernels", cmap="RdBu_r", vmin=-limit, vmax=limit)
        show(row[2], target.image, "target")
        show(row[3], drawn, "drawn with them")
        show(row[4], crop.mask, "mask", cmap="gray", vmin=0, vmax=1)
        show(row[5], fused, "fused by the mask")
    return figure


def kernels(names: list[str], weights: list[IdnWeights]) -> Figure:
    """Depthwise kernels of the first and the last stage for two people, and their difference."""
    figure = Figure(figsize=(10.4, 3.4), layout="constrained")
    grid = figure.subplots(2, 3)
    for row, layer, title in zip(
        grid, ("encoder_depthwise.1", LAYER), ("second encoder stage", "last decoder stage"), strict=True
    ):
        a, b = (w.tensors()[layer][0, :32].numpy() for w in weights)
        limit = float(np.abs([a, b]).max())
        for axes, stack, text in zip(row, (a, b), names, strict=False):
            drawn = show(axes, tiled(stack, 8), f"{title}: {text}", cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(drawn, ax=list(row[:2]), shrink=0.8)
        drawn = show(row[2], tiled(b - a, 8), "difference", cmap="RdBu_r", vmin=-limit / 4, vmax=limit / 4)
        figure.colorbar(drawn, ax=row[2], shrink=0.8)
    return figure


def relative(x: Any, y: Any) -> float:
    """Length of the difference over the mean length."""
    return float((x - y).norm() / ((x.norm() + y.norm()) / 2))


def variation(weights: list[IdnWeights]) -> tuple[Figure, dict[str, float]]:
    """How much of each layer's kernels belongs to the person: mean over all pairs of people."""
    tensors = [w.tensors() for w in weights]
    spread = {
        name: float(np.mean([relative(a[name], b[name]) for a, b in combinations(tensors, 2)])) for name in tensors[0]
    }
    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    axes = figure.subplots()
    groups = ("encoder_depthwise", "encoder_pointwise", "decoder_depthwise", "decoder_pointwise")
    place, ticks, labels = 0.0, [], []
    for group in groups:
        for name in (n for n in spread if n.startswith(group)):
            axes.bar(
                place,
                spread[name],
                color=COLOURS[name[:7]],
                hatch="" if "depthwise" in name else "//",
                edgecolor="white",
            )
            ticks.append(place)
            labels.append(str(int(name.rpartition(".")[2]) + 1))
            place += 1
        centre = place - 1 - (sum(n.startswith(group) for n in spread) - 1) / 2
        axes.text(
            centre,
            -0.17,
            group.replace("_", "\n"),
            ha="center",
            va="top",
            fontsize=9,
            transform=axes.get_xaxis_transform(),
        )
        place += 0.8
    axes.set_xticks(ticks, labels)
    axes.set(ylabel="difference of two people's\nkernels, relative", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, spread


def masks(pipeline: Pipeline, condition: Any, other: Any, targets: list[AlignedFace]) -> tuple[Figure, float, float]:
    """The mask over several targets, and how it differs between two sources and between two targets."""
    figure = Figure(figsize=(10.4, 3.7), layout="constrained")
    grid = figure.subplots(2, len(targets))
    crops = [pipeline.swapper.swap([target], [condition])[0].mask for target in targets]
    others = [pipeline.swapper.swap([target], [other])[0].mask for target in targets]
    for column, target, mask in zip(grid.T, targets, crops, strict=True):
        show(column[0], target.image, "target")
        shaded = target.image * (0.25 + 0.75 * mask[..., None])
        show(column[1], shaded.astype(np.uint8), "what is replaced")
    by_source = float(np.mean([np.abs(a - b).mean() for a, b in zip(crops, others, strict=True)]))
    by_target = float(np.mean([np.abs(a - b).mean() for a, b in combinations(crops, 2)]))
    return figure, by_source, by_target


def cost() -> tuple[Figure, dict[str, tuple[float, float]]]:
    """Multiply-adds and weights of every layer of the per-frame network, in the order they run."""
    layers = list(idn_layers(224))
    figure = Figure(figsize=(8.6, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = range(len(layers))
    colours = [COLOURS[layer.part] for layer in layers]
    left.barh(places, [layer.multiply_adds / 1e6 for layer in layers], color=colours)
    right.barh(places, [layer.weights / 1e3 for layer in layers], color=colours)
    left.set_yticks(places, [f"{layer.part} {layer.name}" for layer in layers], fontsize=7)
    left.invert_yaxis()
    left.set_xlabel("multiply-adds a frame (millions)")
    right.set_xlabel("weights (thousands)")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
    sums = {
        part: (
            sum(layer.multiply_adds for layer in layers if layer.part == part) / 1e6,
            sum(layer.weights for layer in layers if layer.part == part) / 1e3,
        )
        for part in COLOURS
    }
    return figure, sums


def prepare(pipeline: Pipeline) -> tuple[list[AlignedFace], list[Any]]:
    """The portraits that ship, aligned, and what the student makes of each."""
    folder = ROOT / "demo" / "examples" / "portraits"
    photos: list[Image] = [read_image(path).image for path in sorted(folder.glob("*.webp"))]
    faces = [pipeline.align(photo, pipeline.detect(photo)[0]) for photo in photos]
    return faces, [pipeline.swapper.condition([face]) for face in faces]


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the figures of the explanation pages.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline.load("student", "lite", "cpu")
    faces, conditions = prepare(pipeline)
    weights = [condition.weights for condition in conditions]
    save(overview(pipeline, ["A", "B"], faces[:2], conditions[:2], faces[2]), out / "idn_overview.webp")
    save(kernels(["A", "B"], weights[:2]), out / "idn_kernels.webp")
    figure, spread = variation(weights)
    save(figure, out / "idn_variation.webp")
    figure, by_source, by_target = masks(pipeline, conditions[0], conditions[1], faces[1:])
    save(figure, out / "idn_masks.webp")
    figure, sums = cost()
    save(figure, out / "idn_cost.webp")
    for name, value in spread.items():
        print(f"{name:22} {value:.2f}")
    print(f"masks differ by {by_source:.3f} between two sources, by {by_target:.3f} between two targets")
    for part, (millions, thousands) in sums.items():
        print(f"{part:8} {millions:6.1f} M multiply-adds, {thousands:6.1f} k weights")


if __name__ == "__main__":
    main()
