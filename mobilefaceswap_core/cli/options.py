"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import OptionError
from ..faces.numbers import index_of

if TYPE_CHECKING:
    from ..faces.choose import FaceChoice

# Written out so that --help needs no import of detectors and backends; tests compare them with DETECTORS and BACKENDS.
DETECTOR_CHOICES = "auto, insightface, dlib, lite"
BackendName = Literal["auto", "native", "native-bf16", "onnxruntime", "openvino", "torch"]

_MOST_DIGITS = 9  # no picture shows more faces; Python refuses to read numbers of thousands of digits


def _index(text: str, where: str) -> int | None:
    """The index of a face or person written as a number from 1; ``None`` for what is no whole number."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        return None
    return index_of(int(text), where)


def parse_source_face(text: str) -> int:
    """The index of a face written as a number from 1.

    Raises:
        OptionError: anything else.
    """
    index = _index(text, "--source-face")
    if index is None:
        raise OptionError(f"--source-face: got {text!r}, wanted a face number from 1, left to right.")
    return index


ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|FILE|MODULE:FACTORY",
        help="Swapper: auto, a name that `doctor` lists, a .safetensors file, a file made by `export` (.onnx, .tflite, "
        ".param), or a function that returns a swapper.",
    ),
]
ContractOption = Annotated[
    str | None,
    typer.Option(
        "--contract",
        metavar="FILE.toml|NAME",
        help="How to run an .onnx file of somebody else: a contract, or the published swapper whose contract it keeps. "
        "FILE.toml beside FILE.onnx is found by itself.",
    ),
]
DetectorOption = Annotated[
    str,
    typer.Option(
        "--detector",
        metavar="NAME|MODULE:FACTORY",
        help=f"Face detector: {DETECTOR_CHOICES}, or a function that returns a detector.",
    ),
]
DeviceOption = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where networks run.")]
BackendOption = Annotated[BackendName, typer.Option("--backend", help="What runs the per-frame network on the CPU.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads of the per-frame network; all processors if not given."),
]
SourceFaceOption = Annotated[
    int | None,
    typer.Option(
        "--source-face",
        parser=parse_source_face,
        metavar="N",
        help="Face of the source photos, from 1, left to right; else the largest.",
    ),
]
ConsentOption = Annotated[
    bool,
    typer.Option(
        "--i-have-consent", help="State that everybody shown has agreed to this use of their face.", show_default=False
    ),
]


KeepPersonalOption = Annotated[
    bool,
    typer.Option(
        "--keep-personal",
        help="Copy what the file says of where and by whom it was taken, and its texts; left out otherwise.",
        show_default=False,
    ),
]
BlocklistOption = Annotated[
    Path | None,
    typer.Option(
        "--blocklist",
        metavar="FOLDER",
        envvar="MOBILEFACESWAP_BLOCKLIST",
        help="Photos of people whose faces are refused as sources.",
    ),
]
AuditLogOption = Annotated[
    Path | None,
    typer.Option(
        "--audit-log",
        metavar="FILE",
        envvar="MOBILEFACESWAP_AUDIT_LOG",
        help="Append what was done to this file: times, hashes, options; no images.",
    ),
]


def parse_faces(text: str) -> FaceChoice:
    """``all``, ``largest``, or numbers from 1 as in ``1`` and ``1,3``; as indices.

    Raises:
        OptionError: anything else.
    """
    if text == "all" or text == "largest":
        return text  # type: ignore[return-value]
    indices = [_index(part.strip(), "--face") for part in text.split(",")]
    if None in indices:
        raise OptionError(f"--face: got {text!r}, wanted all, largest, or face numbers from 1 such as 1 or 1,3.")
    return sorted({index for index in indices if index is not None})


def parse_map(entries: Sequence[str]) -> dict[int, list[Path]]:
    """``N=photo`` entries, N from 1, as photos by index; a number given again adds a photo of the same person.

    Raises:
        OptionError: an entry of another form.
    """
    photos: dict[int, list[Path]] = {}
    for entry in entries:
        number, separator, photo = entry.partition("=")
        index = _index(number, "--map") if separator and photo else None
        if index is None:
            raise OptionError(f"--map: got {entry!r}, wanted N=photo with a number from 1, such as 1=anna.jpg.")
        photos.setdefault(index, []).append(Path(photo))
    return photos
