"""The options of a run: one frozen value, filled from a file and the command line, saved with the results."""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.ordinary import check_ordinary

from .judges import DEFAULT_JUDGES
from .present import with_all

DEFAULT_METHODS = ("target", "target-jpeg", "student", "teacher", "graphics")


def _words(value: Any) -> Any:
    """``a,b`` or a list -> a tuple of words; anything else is left for the check that follows."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str | int | float) for item in items):
        return value  # a list in a list may be an alias bomb
    return tuple(word for item in items if (word := str(item).strip()))


# Above these limits a number is a slip of the hand: lists and arrays are made as long as it says.
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Pairs = Annotated[int, Field(ge=1, le=10_000_000)]
Processes = Annotated[int, Field(ge=1, le=1024)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Everything that decides the outcome of ``python -m eval run``; names are the keys of an option file.

    Attributes:
        dataset: adapter name.
        root: the data set's folder or file; not needed for ``builtin``.
        identities: file with the identities to use.
        pair_file: CSV or JSON pair list, where the adapter takes one.
        pairs: pairs to draw; ``None`` for the adapter's default.
        frames: frames per video (FaceForensics++).
        consecutive: frames that follow each other at each of these places, for the columns over time (FaceForensics++).
        aligned: whether folders hold aligned 112-template crops.
        follow_links: whether links in the data set may lead out of its root.
        occluders: seed of things drawn over the targets' faces (:mod:`eval.occluders`); ``None`` leaves targets as they are.
        low_resolution: side in px that the crops of the targets' faces are lowered to (:mod:`eval.low_resolution`).
        clips: ``whole`` swaps a clip as one, frame after frame with the options of clips; ``frames`` each frame by itself, as a
            photo.
        frame_rate: frames a second of the clips, which tells when a frame is shown.
        methods: as :mod:`eval.methods` reads them; ``all`` stands for every one that is present.
        judges: as :func:`eval.judges.load_judge` reads them.
        detector: of the swapping pipeline.
        judge_detector: of the judges.
        lpips: backbone of LPIPS: ``alex``, ``vgg`` or ``squeeze``.
        lpips_backbone: its file.
        fid_features: ``recogniser`` or an ONNX file.
        metrics: metrics of other packages, as :func:`eval.metrics.load_metrics` reads them.
        seed: of pairs and bootstrap.
        limit: use only the first so many pairs.
        shard: ``K/N``: swap and judge only the K-th of N parts of the pair list (:mod:`eval.shards`).
        executor: ``serial``, ``processes``, ``ray``, or ``auto`` (:func:`eval.executors.chosen_executor`), which the command
            takes where nothing is said; programs of one's own must be importable for processes.
        workers: processes or Ray actors.
        threads: of torch and OpenCV in each worker.
        device: torch device.
        cost: ``count``, ``measure``, ``none`` or a ``cost.json`` (:mod:`eval.cost.columns`).

    What is made in Python is checked when a run begins, by :func:`resolve`, as files and the command line are.
    """

    dataset: str = "builtin"
    root: str | None = None
    identities: str | None = None
    pair_file: str | None = None
    pairs: Pairs | None = None
    frames: Annotated[int, Field(ge=1, le=100_000)] = 10
    consecutive: Annotated[int, Field(ge=1, le=1000)] = 1
    aligned: bool = False
    follow_links: bool = False
    occluders: Annotated[int, Field(ge=0, lt=1 << 63)] | None = None
    low_resolution: Annotated[int, Field(ge=8, le=1024)] | None = None
    clips: Literal["whole", "frames"] = "whole"
    frame_rate: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = 25.0
    methods: Annotated[Words, Field(min_length=1)] = DEFAULT_METHODS
    judges: Words = DEFAULT_JUDGES
    detector: str = "auto"
    judge_detector: str = "dlib"
    lpips: Literal["alex", "vgg", "squeeze"] = "alex"
    lpips_backbone: str | None = None
    fid_features: str = "recogniser"
    metrics: Words = ()
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    limit: Pairs | None = None
    shard: str | None = None
    executor: str = "serial"
    workers: Processes = 2
    threads: Processes = 1
    device: str = "cpu"
    cost: str = "count"


# Options whose change would make old results and new ones two different runs.
FIXED_ON_RESUME = (
    "dataset", "root", "identities", "pair_file", "pairs", "frames", "consecutive", "aligned", "follow_links", "occluders",
    "low_resolution", "clips", "frame_rate", "detector", "judge_detector", "judges",
    "lpips", "lpips_backbone", "fid_features", "metrics", "seed", "device",
    "shard",
)  # fmt: skip


MAX_OPTION_BYTES = 1 << 20  # an option file is a page of text; aliases can make a small one large in memory


def read_option_file(path: Path) -> dict[str, Any]:
    """Options from a YAML or TOML file.

    Raises:
        OptionError: for an unknown key (with the known ones), an unknown file type, or a file that is not YAML or TOML.
    """
    if path.suffix.lower() not in (".toml", ".yaml", ".yml"):
        raise OptionError(f"--options {path.name}: wanted a .toml, .yaml or .yml file.")
    check_ordinary(path, error=OptionError, wanted="a file of options")
    try:
        if path.stat().st_size > MAX_OPTION_BYTES:
            raise OptionError(
                f"--options {path.name} has {path.stat().st_size} bytes; wanted at most {MAX_OPTION_BYTES}."
            )
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".toml":
            values: Any = tomllib.loads(text)
        else:
            import yaml

            values = yaml.safe_load(text) or {}
    except OSError as error:
        raise OptionError(f"--options {path}: cannot be read ({error.strerror}).") from error
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError(f"--options {path.name}: not valid TOML ({error}).") from error
    except Exception as error:  # yaml has its own family of errors
        raise OptionError(f"--options {path.name}: not valid YAML ({error}).") from error
    if not isinstance(values, dict):
        raise OptionError(f"--options {path.name}: wanted keys and values, got a {type(values).__name__}.")
    return values


def resolve(values: Mapping[str, Any]) -> RunOptions:
    """Options from keys and values; lists may be given as ``a,b``.

    Raises:
        OptionError: for an unknown key, a value of the wrong kind or one out of range.
    """
    known = sorted(field.name for field in fields(RunOptions))
    if unknown := sorted({str(key) for key in values} - set(known)):
        raise OptionError(f"Unknown option {reprlib.repr(unknown[0])}; known are: {', '.join(known)}.")
    try:
        options = RunOptions(**_CHECK.model_validate(dict(values)).model_dump())
    except ValidationError as error:
        name, got, wanted = first_problem(error)
        raise OptionError(f"Option {name} is {got}; wanted {wanted}.") from error
    return replace(options, methods=with_all(options.methods))


def strict_model(kind: type) -> type[BaseModel]:
    """What checks an object against the fields of a dataclass: exactly these keys, each of its kind, as JSON or TOML give it."""
    hints = get_type_hints(kind, include_extras=True)
    keys: dict[str, Any] = {}
    for field in fields(kind):
        default = ... if field.default is MISSING else field.default
        if field.default_factory is not MISSING:
            default = Field(default_factory=field.default_factory)
        keys[field.name] = hints[field.name], default
    return create_model(kind.__name__, __config__=ConfigDict(extra="forbid", strict=True), **keys)


_CHECK = strict_model(RunOptions)
_WANTED = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list, or words separated by commas",
    "too_short": "at least one, such as target,student",
    "missing": "a value",
    "extra_forbidden": "no such key",
    "model_type": "an object",
}


def first_problem(error: ValidationError) -> tuple[str, str, str]:
    """The place of the first problem, what stands there (shortened) and what was wanted."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    wanted = _WANTED.get(
        first["type"], first["msg"].removeprefix("Input should be ").removeprefix("Value error, wanted ")
    )
    got = "nothing" if first["type"] == "missing" else reprlib.repr(first["input"])
    return place, got, wanted


def saved_values(options: RunOptions) -> dict[str, Any]:
    """Resolved values, ready for JSON or YAML."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(options).items()}
