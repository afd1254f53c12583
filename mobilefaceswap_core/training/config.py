"""Options of every training program: frozen dataclasses, read from TOML, YAML or JSON; an unknown key is refused.

A config file names only what differs from the defaults here. ``--set losses.identity=5`` changes one value on the command
line. What was resolved is saved as ``config.json`` in the run's folder, and that file is itself a valid config.
"""

from __future__ import annotations

import json
import reprlib
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from ..errors import OptionError

_FORBID_UNKNOWN = {"extra": "forbid"}  # read by pydantic
_MAX_CONFIG_BYTES = 1 << 20  # a config of every option has some 5 KB

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How long and how a network is trained.

    Attributes:
        steps: optimiser steps of the whole run; with ``minutes`` the length is the time and this only bounds it.
        minutes: wall-clock budget of this call, its final export included; 0 means no budget.
        batch: samples per step and process.
        learning_rate: peak of the cosine schedule.
        final_learning_rate: its end, as a fraction of the peak.
        warmup_steps: linear rise at the start of a run and of each resumed call that has a time budget.
        betas: of Adam.
        clip_norm: gradient norm above which gradients are scaled down.
        ema: decay of the averaged weights, which are what is exported.
        precision: ``auto`` takes bfloat16 on CUDA and on CPUs that multiply it, ``float32`` is bit-exact on resume.
        compile: run the network through ``torch.compile``.
        record: on one CUDA device, record steps of student and teacher as CUDA graphs: one launch each instead of some
            thousands.
        seed: of initialisation, batches and augmentation; batch k of a run depends on (seed, k) alone.
        log_every: steps between lines of the log.
        save_minutes: between checkpoints; every checkpoint is exported too.
        tensorboard: also write TensorBoard events.
    """

    steps: int = 100_000
    minutes: float = 0.0
    batch: int = 8
    learning_rate: float = 1.2e-3
    final_learning_rate: float = 0.01
    warmup_steps: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float = 10.0
    ema: float = 0.998
    precision: str = "auto"
    compile: bool = False
    record: bool = True
    seed: int = 1
    log_every: int = 20
    save_minutes: float = 10.0
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Which faces are trained on.

    Attributes:
        packs: ``.npz`` files of ``prepare``; the word ``builtin`` stands for the faces shipped with the dependencies.
        weights: how often each pack is drawn, one number per pack; empty means 1 for all.
        hold_out: fraction of the identities never trained on. Which ones depends on their names alone, so that adding a
            pack keeps the others' hold-out.
        limit: at most this many crops of each pack; 0 means all.
        size_px: side of the crops in memory.
        sharpness: crops softer than this are never drawn, by the measure of ``prepare``. A soft source makes a soft teacher
            output. 0 draws all.
    """

    packs: tuple[str, ...] = ("builtin",)
    weights: tuple[float, ...] = ()
    hold_out: float = 0.05
    limit: int = 0
    size_px: int = 224
    sharpness: float = 0.0


@dataclass(frozen=True, slots=True)
class PairOptions:
    """Stored teacher outputs.

    Attributes:
        count: pairs to make.
        teachers: names of ``--model``, or paths of student files; with several, each pair keeps the best output.
        source_yaw: largest difference of the pose signatures of a pair, sideways (see ``pairs.py``).
        source_pitch: the same, up and down.
        frontal: largest yaw signature of a usable face.
        quality: weights of a quality network (``quality`` program), or empty.
        workers: processes for the graphics baseline alone on a CPU, threads otherwise and for few pairs.
    """

    count: int = 8000
    teachers: tuple[str, ...] = ("graphics",)
    source_yaw: float = 0.08
    source_pitch: float = 0.10
    frontal: float = 0.22
    quality: str = ""
    workers: int = 2


@dataclass(frozen=True, slots=True)
class ReweightOptions:
    """The loss reweighting module; each term can be switched off for an ablation. See ``reweighting.py``."""

    identity: bool = True
    quality: bool = True
    reference: float = 0.36
    low: float = 0.1
    high: float = 1.4


@dataclass(frozen=True, slots=True)
class StudentLosses:
    """Weights of the student's losses; 0 switches a term off and saves its work.

    Defaults: the prototype's run that worked on two cores. The distillation stays in charge: a large identity weight
    gives a small network coloured patterns that please the recogniser and nobody else.
    """

    distil: float = 25.0
    colour: float = 0.0
    gradient: float = 15.0
    detail: float = 0.0
    eyes: float = 0.0
    identity: float = 3.0
    perceptual: float = 3.0
    low_frequency: float = 0.0
    mask: float = 2.0
    landmarks: float = 0.0
    pose: float = 0.0
    adversarial: float = 0.0
    feature_matching: float = 0.0
    r1: float = 4.0
    activation: float = 0.02


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """Program ``student``.

    Attributes:
        start: ``shipped``, ``scratch``, or a safetensors file in the student's layout.
        pairs: stored teacher outputs (written by ``cache``); empty makes them in the run's folder first.
        crop_px: train on windows of this side of the whole crop, at full scale; 0 means whole crops. Windows of 160 hold
            the face and cost half.
        alternate: identity and perceptual loss take turns at twice their weight; a step then runs one network, not two.
        self_pairs: chance of a sample that its source is the target itself.
        recognisers: of the identity loss, taking turns: ``shipped``, ``second``, or ONNX files (see ``onnx_network.py``). What pleases one
            alone need not show the source to any other; what pleases two mostly does. The student itself always reads the
            shipped one.
        identity_grey: chance of a sample that the identity loss sees it without colour. A large identity weight tints eyes
            and lips in ways that please the recogniser; grey pictures do not reward that.
        only_mask: train the mask head alone, on whole crops, everything else frozen. The head reads detached features, so
            the face does not change; a step runs the encoder and the head only. The cheap end of a run on windows.
        mask_background_only: supervise only the background part of the mask, as the paper does.
        perceptual: see ``perceptual.py``.
        perceptual_px: larger images are averaged down to this side for the perceptual loss, the most expensive one.
        landmarks: ``shipped`` or a file of the program ``landmarks``; needed where that loss, the pose loss or the eye loss is not 0.
        discriminator_width: channels of the critic's first layer; it is there where ``losses.adversarial`` or
            ``losses.feature_matching`` is not 0.
        critic_real: what the critic takes for real: ``teacher``, its outputs of the same pairs, or ``photos``, the targets as
            they are; a teacher's seams and softness are then nothing to be learnt from the critic.
    """

    loop: LoopOptions = field(default_factory=LoopOptions)
    data: DataOptions = field(default_factory=DataOptions)
    teacher: PairOptions = field(default_factory=PairOptions)
    reweight: ReweightOptions = field(default_factory=ReweightOptions)
    losses: StudentLosses = field(default_factory=StudentLosses)
    start: str = "shipped"
    pairs: str = ""
    crop_px: int = 0
    alternate: bool = True
    self_pairs: float = 0.125
    recognisers: tuple[str, ...] = ("shipped",)
    identity_grey: float = 0.0
    only_mask: bool = False
    mask_background_only: bool = False
    perceptual: str = "recogniser"
    perceptual_px: int = 128
    landmarks: str = ""
    discriminator_width: int = 32
    critic_real: Literal["teacher", "photos"] = "teacher"


@dataclass(frozen=True, slots=True)
class TeacherLosses:
    """Weights of the teacher's losses, from the prototype's GPU run (teacher version 0)."""

    identity: float = 12.0
    reconstruction: float = 10.0
    adversarial: float = 1.0
    feature_matching: float = 3.0
    landmarks: float = 0.6
    mask: float = 2.0
    perceptual: float = 0.5
    r1: float = 4.0


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """Program ``teacher``.

    Attributes:
        start: ``shipped``, ``scratch``, or a safetensors file.
        recogniser: of the identity loss: ``shipped``, ``second`` or an ONNX file. The generator itself always reads the shipped one.
        landmarks: ``shipped`` or a file of the program ``landmarks``; needed unless that loss is 0.
        same_identity: fraction of a batch whose source is another photo of the target's person.
        snapshots: generators kept over the run for the quality network.
        width: channels of the generator; another than this starts from scratch only.
        blocks: of the generator; the same holds.
        discriminator_width: channels of its first layer.
    """

    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(batch=48, learning_rate=3e-4, betas=(0.0, 0.99), ema=0.999)
    )
    data: DataOptions = field(default_factory=DataOptions)
    losses: TeacherLosses = field(default_factory=TeacherLosses)
    start: str = "shipped"
    recogniser: str = "shipped"
    landmarks: str = ""
    same_identity: float = 0.25
    snapshots: int = 10
    width: int = 48
    blocks: int = 6
    discriminator_width: int = 64
    perceptual: str = "recogniser"


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Program ``encoder``: a small recogniser distilled from ``recogniser`` (``shipped``, ``second`` or an ONNX file)."""

    loop: LoopOptions = field(default_factory=lambda: LoopOptions(batch=64, learning_rate=3e-3, ema=0.999))
    data: DataOptions = field(default_factory=DataOptions)
    recogniser: str = "shipped"
    feature_map: float = 0.4
    relations: float = 20.0


@dataclass(frozen=True, slots=True)
class LandmarksConfig:
    """Program ``landmarks``: a differentiable landmark network for the consistency losses of teacher and student."""

    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(batch=64, learning_rate=2e-3, ema=0.999, steps=20_000)
    )
    data: DataOptions = field(default_factory=DataOptions)
    width: int = 32


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """Program ``quality``: regress the fraction of teacher training from images of ``snapshots``."""

    loop: LoopOptions = field(default_factory=lambda: LoopOptions(batch=32, learning_rate=1e-3, steps=5_000))
    data: DataOptions = field(default_factory=DataOptions)
    snapshots: str = ""
    width: int = 64


def load_config(kind: type[T], source: str, *, changes: Sequence[str] = ()) -> T:
    """Read a config.

    Args:
        kind: dataclass of the program.
        source: name of a preset (``tiny``, ``cpu``, ``gpu``), path of a .toml, .yaml or .json file, or empty for defaults.
        changes: ``dotted.key=value`` in TOML's notation for values; a bare word is a string.

    Raises:
        OptionError: no such file, unknown key, or a value of the wrong type.
    """
    values = _read(kind, source) if source else {}
    for change in changes:
        _apply(values, change)
    return from_values(kind, values, where=source or "options")


def from_values(kind: type[T], values: dict[str, Any], *, where: str) -> T:
    """Build a config dataclass, refusing unknown keys and wrong types."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(_strict(kind)).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        got = reprlib.repr(first["input"])  # shortened: aliases of a small YAML file can print as gigabytes
        count = f" ({error.error_count()} problems in all)" if error.error_count() > 1 else ""
        raise OptionError(f"{where}: {key}: {first['msg']}, got {got}{count}. See `--help`.") from error


def save_config(config: Any, path: Path) -> None:
    """Write all resolved values as JSON."""
    from ..images import write_bytes

    write_bytes(path, (json.dumps(asdict(config), indent=2) + "\n").encode())


def _strict(kind: type[T]) -> type[T]:
    """The class itself, told to refuse unknown keys; so are the option groups in it."""
    for group in (LoopOptions, DataOptions, PairOptions, ReweightOptions, StudentLosses, TeacherLosses, kind):
        group.__pydantic_config__ = _FORBID_UNKNOWN  # type: ignore[attr-defined, union-attr]
    return kind


def _read(kind: type, source: str) -> dict[str, Any]:
    path = Path(source)
    if not path.suffix:
        program = kind.__name__.removesuffix("Config").lower()
        folder = resources.files(__package__) / "presets"
        preset = folder / f"{program}_{source}.toml"
        if not preset.is_file():
            known = sorted(f.name[:-5].split("_", 1)[1] for f in folder.iterdir() if f.name.startswith(f"{program}_"))
            raise OptionError(
                f"Unknown preset {source!r} for {program}; known are: {', '.join(known)}; or give a file."
            )
        return tomllib.loads(preset.read_text())
    if not path.is_file():
        raise OptionError(f"Config file {path} does not exist; give a preset's name or a .toml, .yaml or .json file.")
    try:
        values = _parsed(path)
    except OSError as error:
        raise OptionError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path} cannot be read: {error}. Correct the file.") from error
    if not isinstance(values, dict):
        raise OptionError(f"{path}: wanted keys and values, got a {type(values).__name__}.")
    return values


def _parsed(path: Path) -> Any:
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise ValueError(f"it has {path.stat().st_size} bytes, wanted at most {_MAX_CONFIG_BYTES}")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix in (".yaml", ".yml"):
        import yaml

        try:
            return yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
    raise OptionError(f"{path}: wanted a .toml, .yaml or .json file.")


def _apply(values: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        raise OptionError(f"--set {change}: wanted key=value, such as losses.identity=5.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        value = text
    *groups, last = key.strip().split(".")
    for group in groups:
        values = values.setdefault(group, {})
        if not isinstance(values, dict):
            raise OptionError(f"--set {change}: {group} is a value, not a group of options.")
    values[last] = value
