"""The options of a run: one frozen value, filled from a file and the command line, saved with the results."""

from __future__ import annotations

import reprlib
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import OptionError

from .judges import DEFAULT_JUDGES

DEFAULT_METHODS = ("target", "target-jpeg", "student", "teacher", "graphics")


# Above these a number is a slip of the hand: lists and arrays are made as long as it says.
_MOST = {"pairs": 10_000_000, "limit": 10_000_000, "frames": 100_000, "workers": 1024, "threads": 1024}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything that decides the outcome of ``python -m eval run``; names are the keys of an option file.

    Attributes:
        dataset: adapter name.
        root: the data set's folder or file; not needed for ``builtin``.
        identities: file with the identities to use.
        pair_file: CSV or JSON pair list, where the adapter takes one.
        pairs: pairs to draw; ``None`` for the adapter's default.
        frames: frames per video (FaceForensics++).
        aligned: whether folders hold aligned 112-template crops.
        methods: as :mod:`eval.methods` reads them.
        judges: as :func:`eval.judges.load_judge` reads them.
        detector: of the swapping pipeline.
        judge_detector: of the judges.
        lpips_backbone: AlexNet file.
        fid_features: ``recogniser`` or an ONNX file.
        metrics: metrics of other packages, as :func:`eval.metrics.load_metrics` reads them.
        seed: of pairs and bootstrap.
        limit: use only the first so many pairs.
        executor: ``serial`` or ``ray``.
        workers: Ray actors.
        threads: of torch and OpenCV in each worker.
        device: torch device.
        cost: ``count``, ``measure``, ``none`` or a ``cost.json`` (:mod:`eval.cost_columns`).
    """

    dataset: str = "builtin"
    root: str | None = None
    identities: str | None = None
    pair_file: str | None = None
    pairs: int | None = None
    frames: int = 10
    aligned: bool = False
    methods: tuple[str, ...] = DEFAULT_METHODS
    judges: tuple[str, ...] = DEFAULT_JUDGES
    detector: str = "auto"
    judge_detector: str = "dlib"
    lpips_backbone: str | None = None
    fid_features: str = "recogniser"
    metrics: tuple[str, ...] = ()
    seed: int = 0
    limit: int | None = None
    executor: str = "serial"
    workers: int = 2
    threads: int = 1
    device: str = "cpu"
    cost: str = "count"

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise OptionError(f"--{name.replace('_', '-')} is {value}; wanted 1 to {most}.")
        if not 0 <= self.seed < 1 << 63:
            raise OptionError(f"--seed is {self.seed}; wanted a whole number from 0.")
        if not self.methods:
            raise OptionError("--methods is empty; name at least one method, such as target,student.")


# Options whose change would make old results and new ones two different runs.
FIXED_ON_RESUME = (
    "dataset", "root", "identities", "pair_file", "pairs", "frames", "aligned", "detector", "judge_detector", "judges",
    "lpips_backbone", "fid_features", "metrics", "seed", "device",
)  # fmt: skip


MAX_OPTION_BYTES = 1 << 20  # an option file is a page of text; aliases can make a small one large in memory


def read_option_file(path: Path) -> dict[str, Any]:
    """Options from a YAML or TOML file.

    Raises:
        OptionError: for an unknown key (with the known ones), an unknown file type, or a file that is not YAML or TOML.
    """
    if path.suffix.lower() not in (".toml", ".yaml", ".yml"):
        raise OptionError(f"--options {path.name}: wanted a .toml, .yaml or .yml file.")
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


def resolve(values: dict[str, Any]) -> RunOptions:
    """Options from keys and values; lists may be given as ``a,b``.

    Raises:
        OptionError: for an unknown key or a value of the wrong kind.
    """
    known = {f.name: f for f in fields(RunOptions)}
    unknown = sorted({str(key) for key in values} - set(known))
    if unknown:
        raise OptionError(f"Unknown option {reprlib.repr(unknown[0])}; known are: {', '.join(sorted(known))}.")
    default = RunOptions()
    checked: dict[str, Any] = {}
    for name, value in values.items():
        wanted = getattr(default, name)
        if name in ("methods", "judges", "metrics"):
            if not isinstance(value, str | list | tuple):
                raise OptionError(
                    f"Option {name} is {reprlib.repr(value)}; wanted a list, or words separated by commas."
                )
            items = value.split(",") if isinstance(value, str) else list(value)
            if not all(isinstance(item, (str, int, float)) for item in items):  # a list in a list may be an alias bomb
                raise OptionError(f"Option {name} is {reprlib.repr(value)}; wanted a list of words.")
            checked[name] = tuple(str(v).strip() for v in items if str(v).strip())
        elif value is None:
            checked[name] = None
        elif isinstance(wanted, bool) or name == "aligned":
            checked[name] = _expect(name, value, bool)
        elif isinstance(wanted, int) or name in ("pairs", "limit"):
            checked[name] = _expect(name, value, int)
        else:
            checked[name] = _expect(name, value, str)
    return replace(default, **checked)


def _expect(name: str, value: Any, kind: type) -> Any:
    if (isinstance(value, bool) and kind is int) or not isinstance(value, kind):
        raise OptionError(
            f"Option {name} is {reprlib.repr(value)}; wanted {'a whole number' if kind is int else kind.__name__}."
        )
    return value


def saved_values(options: RunOptions) -> dict[str, Any]:
    """Resolved values, ready for JSON or YAML."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(options).items()}
