"""The methods of the cost table: which networks run once per source, which on every frame, and what is only quoted.

Counting needs no weights. Every network is built on the ``meta`` device, where tensors have shapes and no values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.teachers.released import GHOST, SIMSWAP, Checkpoint, expected_path

from .count import NOTHING, Cost, count, meta, meta_tensor
from .onnx_count import count_onnx

Status = Literal["counted", "quoted", "no network", "weights not present"]


@dataclass(frozen=True, slots=True)
class MethodCost:
    """One row.

    Attributes:
        name: identifier, as in ``--model`` where the method can be run.
        title: for people.
        size_px: side of the network's input.
        status: ``counted`` here; ``quoted`` from a publication; ``no network``; or a closed file that is not present.
        frame: per target frame, one face.
        source: once per source face: recogniser and injection network.
        parts: the same by named network.
        note: what a reader must know, source included.
    """

    name: str
    title: str
    size_px: int | None
    status: Status
    frame: Cost
    source: Cost
    parts: dict[str, Cost] = field(default_factory=dict)
    note: str = ""

    @property
    def parameters(self) -> int:
        """Of all networks together."""
        return self.frame.parameters + self.source.parameters


def _recogniser(build: Callable[[], Any]) -> Cost:
    return count(meta(build), meta_tensor(1, 3, 112, 112))


# Counts are pure and take seconds each, so every network is counted once per process.
@cache
def _ir_se() -> Cost:
    from mobilefaceswap_core.identity.arcface import ArcFaceIrSe

    return _recogniser(ArcFaceIrSe)


@cache
def _mobilefacenet() -> Cost:
    from mobilefaceswap_core.identity.mobilefacenet import MobileFaceNet

    return _recogniser(MobileFaceNet)


@cache
def _iresnet(depth: int) -> Cost:
    from mobilefaceswap_core.teachers.iresnet import IResNet

    return _recogniser(lambda: IResNet(depth))


@cache
def _mobilefaceswap(layout: Literal["compact", "official"], size: int) -> tuple[Cost, Cost]:
    """Per-frame and injection costs of either layout; the frame's parameters are the predicted kernels and the heads."""
    from mobilefaceswap_core.student.network import MobileFaceSwapNet

    network = meta(getattr(MobileFaceSwapNet, layout)).eval()
    identity = (meta_tensor(1, 512), meta_tensor(1, 512, 7, 7))
    weights = network.condition(*identity)
    kernels = sum(tensor.numel() for tensor in weights.tensors().values())
    heads = sum(p.numel() for p in network.idn.parameters())
    frame = count(network.idn, meta_tensor(1, 3, size, size), weights, parameters=kernels + heads)
    return frame, count(network.injection, *identity)


@cache
def student(size: int = 224) -> MethodCost:
    """MobileFaceSwap as it ships here."""
    frame, injection = _mobilefaceswap("compact", size)
    recogniser = _mobilefacenet()
    return MethodCost(
        "student", "MobileFaceSwap (this project)", size, "counted", frame, recogniser + injection,
        {"IDN": frame, "injection network": injection, "recogniser MobileFaceNet": recogniser},
        "the 1x1 convolution of the last stage runs before its upsampling: same function, 0.010 G less at 224",
    )  # fmt: skip


@cache
def official(size: int = 224) -> MethodCost:
    """MobileFaceSwap in the layout the authors released."""
    frame, injection = _mobilefaceswap("official", size)
    recogniser = _ir_se()
    return MethodCost(
        "official", "MobileFaceSwap (authors' layout)", size, "counted", frame, recogniser + injection,
        {"IDN": frame, "injection network": injection, "recogniser ArcFace IR-SE": recogniser},
        "same per-frame network as the student",
    )  # fmt: skip


@cache
def teacher(size: int = 224) -> MethodCost:
    """The teacher that ships here."""
    from mobilefaceswap_core.teachers.ours import TeacherGenerator

    frame = count(meta(TeacherGenerator), meta_tensor(1, 3, size, size), meta_tensor(1, 512))
    recogniser = _mobilefacenet()
    parts = {"generator": frame, "recogniser MobileFaceNet": recogniser}
    return MethodCost("teacher", "Teacher (this project)", size, "counted", frame, recogniser, parts)


@cache
def simswap(size: int = 224) -> MethodCost:
    """SimSwap."""
    from mobilefaceswap_core.teachers.simswap import SimSwapGenerator

    frame = count(meta(SimSwapGenerator), meta_tensor(1, 3, size, size), meta_tensor(1, 512))
    recogniser = _ir_se()
    parts = {"generator": frame, "recogniser ArcFace IR-SE": recogniser}
    return MethodCost("simswap", "SimSwap", size, "counted", frame, recogniser, parts)


@cache
def faceshifter() -> tuple[MethodCost, MethodCost]:
    """FaceShifter's first stage, and both."""
    from mobilefaceswap_core.teachers.aei import AeiNet, HearNet

    image, identity = meta_tensor(1, 3, 256, 256), meta_tensor(1, 512)
    recogniser, name = _ir_se(), "recogniser ArcFace IR-SE"
    first = count(meta(AeiNet), image, identity)
    second = count(meta(HearNet), image, image, image)
    # Stage 2 sees the target swapped with its own identity: stage 1 and the recogniser run a second time per frame.
    both = first * 2 + second + recogniser
    return (
        MethodCost(
            "faceshifter", "FaceShifter stage 1 (AEI-Net)", 256, "counted", first, recogniser,
            {"AEI-Net": first, name: recogniser}, "authors' code never released; as the community reads the paper",
        ),
        MethodCost(
            "faceshifter-2", "FaceShifter stages 1 + 2", 256, "counted", both, NOTHING,
            {"AEI-Net twice": first * 2, "HEAR-Net": second, name: recogniser},
            "the recogniser also reads every target frame",
        ),
    )  # fmt: skip


@cache
def ghost(blocks: int = 2) -> MethodCost:
    """GHOST with 1, 2 or 3 blocks."""
    from mobilefaceswap_core.teachers.ghost import GhostGenerator

    frame = count(meta(lambda: GhostGenerator(blocks)), meta_tensor(1, 3, 224, 224), meta_tensor(1, 512))
    recogniser = _iresnet(100)
    name = "ghost" if blocks == 2 else f"ghost-{blocks}"
    parts = {"generator": frame, "recogniser ArcFace ResNet-100": recogniser}
    title = f"GHOST, {blocks} block{'s' * (blocks > 1)}"
    return MethodCost(name, title, 256, "counted", frame, recogniser, parts)


def inswapper() -> MethodCost:
    """inswapper, counted from its file if that is here."""
    from mobilefaceswap_core.teachers import inswapper as module

    path = expected_path(module.GENERATOR_FILE)
    if not path.is_file():
        note = f"closed network; {module.GENERATOR_FILE.remedy}"
        return MethodCost("inswapper", "inswapper 128", 128, "weights not present", NOTHING, NOTHING, {}, note)
    frame, recogniser = count_onnx(path), _iresnet(50)
    parts = {"generator": frame, "recogniser ArcFace ResNet-50": recogniser}
    return MethodCost("inswapper", "inswapper 128", 128, "counted", frame, recogniser, parts)


def published(names: Collection[str] | None = None) -> list[MethodCost]:
    """Foreign swappers whose files are here, counted from them; closed networks have no other count.

    Args:
        names: only these; all of them if not given.
    """
    from mobilefaceswap_core.teachers.contracts import contracts
    from mobilefaceswap_core.weights.published import PUBLISHED, find

    rows = []
    for name, contract in contracts().items():
        path = find(PUBLISHED[name]) if names is None or name in names else None
        if path is None:
            continue
        frame, parts = _one_face(path), {}
        if contract.source == "embedding":
            parts["recogniser ArcFace ResNet-50"] = _iresnet(50)
        converter = find(PUBLISHED[contract.converter]) if contract.converter else None
        if converter is not None:
            parts["converter of embeddings"] = _one_face(converter)
        source = sum(parts.values(), NOTHING)
        parts = {"generator": frame, **parts}
        rows.append(MethodCost(name, contract.title, contract.size_px, "counted", frame, source, parts))
    return rows


def _one_face(path: Path) -> Cost:
    """One run of a foreign file; a batch that it leaves open is one."""
    from mobilefaceswap_core.teachers.onnx_file import read_card

    shapes = read_card(path).inputs
    return count_onnx(
        path, {name: tuple(side or 1 for side in shape) for name, shape in shapes.items() if None in shape}
    )


def graphics() -> MethodCost:
    """The baseline without a network."""
    note = "warping and blending on the processor; its cost is a time"
    return MethodCost("graphics", "Graphics baseline", 224, "no network", NOTHING, NOTHING, {}, note)


def quoted() -> list[MethodCost]:
    """Rows whose networks are not built here."""
    paper = "MobileFaceSwap paper, introduction"
    return [
        MethodCost("fsgan", "FSGAN", None, "quoted", Cost(226_000_000, 2_440_000_000_000), NOTHING, {}, paper),
        MethodCost(
            "hififace", "HifiFace", None, "quoted", NOTHING, NOTHING, {},
            "parameters and multiply-adds not published; 22.3 ms per frame in AlphaFace (arXiv 2601.16429), FSGAN 21.5 ms "
            "and SimSwap 27.1 ms in the same table",
        ),
    ]  # fmt: skip


def _weights_note(files: tuple[Checkpoint, ...]) -> str:
    """How to get files that are not here, so that quality could be measured too; empty if all are here."""
    if all(expected_path(file).is_file() for file in files):
        return ""
    remedies = " ".join(dict.fromkeys(file.remedy for file in files)).rstrip(".")
    return f"weights not present, so cost only; {remedies}"


# Rows whose networks are built here, by name, from the side of the crop; that of the last ones is fixed.
_BUILT: dict[str, Callable[[int], MethodCost]] = {
    "student": student, "official": official, "teacher": teacher, "simswap": simswap,
    "ghost-1": lambda _: ghost(1), "ghost": lambda _: ghost(2), "ghost-3": lambda _: ghost(3),
    "faceshifter": lambda _: faceshifter()[0], "faceshifter-2": lambda _: faceshifter()[1],
}  # fmt: skip


def all_methods(size_px: int = 224, *, names: Collection[str] | None = None) -> list[MethodCost]:
    """Every row, cheapest counted first, quoted rows last.

    Args:
        size_px: crop of the methods whose size is free (student, teacher, SimSwap); a multiple of 32.
        names: only these rows; the networks of others are neither built nor counted. All of them if not given.

    Raises:
        OptionError: a size these networks cannot take.
    """
    if size_px % 32 or size_px < 64:
        raise OptionError(f"the crop's side must be a multiple of 32 and at least 64, got {size_px}")
    counted = [build(size_px) for name, build in _BUILT.items() if names is None or name in names]
    counted.sort(key=lambda row: row.frame.multiply_adds)
    files = {"simswap": SIMSWAP, "ghost": GHOST}
    rows = [replace(row, note=_weights_note(files[row.name])) if row.name in files else row for row in counted]
    rest = [*([inswapper()] if names is None or "inswapper" in names else []), *published(names), graphics(), *quoted()]
    return [*rows, *(row for row in rest if names is None or row.name in names)]
