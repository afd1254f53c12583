"""The formats that ``export`` writes: one list for the command line, the benchmark and ``--model``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ...errors import BackendError, OptionError, OutputError

FormatName = Literal["onnx", "tflite", "ncnn", "coreml", "executorch"]
Precision = Literal["float32", "float16", "int8"]
EXTRA = "phone"  # of pyproject.toml; holds what writes and runs LiteRT, ncnn and Core ML


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    Attributes:
        name: as given to ``--format``.
        title: what people call it.
        suffix: of the file, or folder, that is named; others lie beside it under the same name.
        beside: suffixes of those.
        precisions: how numbers can be stored; what they are computed in is up to the runtime.
        writes: modules that must be there to write it.
        runs: modules that must be there to run it; empty where it does not run on this kind of machine.
        get: how to install both, as a command.
        no_dynamic: why kernels cannot be inputs; empty where they can.
    """

    name: FormatName
    title: str
    suffix: str
    beside: tuple[str, ...]
    precisions: tuple[Precision, ...]
    writes: tuple[str, ...]
    runs: tuple[str, ...]
    get: str
    no_dynamic: str = ""

    def paths(self, path: Path) -> tuple[Path, ...]:
        """Everything that is written for a path."""
        return (path, *(path.with_suffix(suffix) for suffix in self.beside))

    def missing(self, modules: tuple[str, ...]) -> list[str]:
        """Those of the modules that are not installed."""
        return [module for module in modules if find_spec(module) is None]

    def require(self, modules: tuple[str, ...], *, to: str) -> None:
        """Refuse before the work begins.

        Args:
            modules: ``writes`` or ``runs`` of this format.
            to: what they are needed for, such as ``"write"``.

        Raises:
            BackendError: one is not installed.
        """
        if missing := self.missing(modules):
            raise BackendError(
                f"To {to} {self.title} needs {', '.join(missing)}, not installed here. Run `{self.get}`."
            )


_GET = f'pip install "mobilefaceswap[{EXTRA}]"'
FORMATS: tuple[Format, ...] = (
    Format("onnx", "ONNX", ".onnx", (), ("float32", "float16", "int8"), (), ("onnxruntime",), "pip install onnxruntime"),
    Format("tflite", "LiteRT", ".tflite", (), ("float32", "float16", "int8"), ("ai_edge_litert",), ("ai_edge_litert",), _GET),
    Format("ncnn", "ncnn", ".param", (".bin", ".json"), ("float32", "float16"), ("pnnx", "ncnn"), ("ncnn",), _GET),
    Format("coreml", "Core ML", ".mlpackage", (), ("float32", "float16"), ("coremltools",), (), _GET,
           "its convolutions with kernels from outside run on Apple's systems alone, and were not tried there"),
    Format("executorch", "ExecuTorch", ".pte", (), ("float32",), ("executorch",), ("executorch",),
           'pip install "mobilefaceswap[executorch]"',
           "XNNPACK takes constant kernels only, and ExecuTorch's own convolutions take seconds a frame"),
)  # fmt: skip
# Extensions that name a model besides .onnx, whose readers know files of others too.
RUNNABLE_SUFFIXES = tuple(entry.suffix for entry in FORMATS if entry.runs and entry.name != "onnx")


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        OptionError: there is none.
    """
    for entry in FORMATS:
        if entry.name == name:
            return entry
    raise OptionError(f"Unknown format {name!r}; choose {', '.join(entry.name for entry in FORMATS)}.")


def format_of_path(path: Path) -> Format | None:
    """The format whose suffix a path has."""
    return next((entry for entry in FORMATS if path.suffix.lower() == entry.suffix), None)


def choose_format(path: Path, name: str | None) -> Format:
    """The format of a file to be written.

    Args:
        path: where to.
        name: what was asked for; by default the suffix of the path says it.

    Raises:
        OptionError: unknown name.
        OutputError: the path has another suffix.
    """
    found = format_of_path(path)
    wanted = format_named(name) if name is not None else found
    if wanted is None or wanted is not found:
        listed = ", ".join(f"{entry.suffix} ({entry.title})" for entry in FORMATS)
        hint = f"a file for {wanted.title} ends in {wanted.suffix}" if wanted else f"choose one of {listed}"
        raise OutputError(f"{path}: {hint}; change the extension.")
    return wanted


def check_dynamic(entry: Format, precision: str) -> None:
    """Refuse kernels as inputs where a format or precision has none.

    Raises:
        OptionError: it is one.
    """
    if entry.no_dynamic:
        able = ", ".join(other.suffix for other in FORMATS if not other.no_dynamic)
        raise OptionError(
            f"{entry.title} has no file with kernels as inputs: {entry.no_dynamic}. Write one that ends in {able}, or leave "
            "--dynamic out."
        )
    if precision != "float32":
        raise OptionError(
            f"With --dynamic the kernels come from outside in 32 bits and little else would be stored in {precision}; leave "
            "--precision or --dynamic out."
        )


def check_precision(entry: Format, precision: str) -> None:
    """Refuse a precision that a format has not.

    Raises:
        OptionError: it is one.
    """
    if precision not in entry.precisions:
        raise OptionError(f"{entry.title} files are written in {', '.join(entry.precisions)}, got {precision!r}.")
