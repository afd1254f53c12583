"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import OptionError

if TYPE_CHECKING:
    from ..faces.choose import FaceChoice

# Written out so that --help needs no import of detectors and backends; tests compare them with DETECTORS and BACKENDS.
DETECTOR_CHOICES = "auto, insightface, dlib, lite"
BackendName = Literal["auto", "torch", "onnxruntime", "openvino"]

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|FILE|MODULE:FACTORY",
        help="Swapper: auto, a name that `doctor` lists, a .safetensors file, an .onnx file made by `export`, or a function "
        "that returns a swapper.",
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
        "--source-face", min=0, metavar="N", help="Face of the source photos, from 0, left to right; else the largest."
    ),
]
ConsentOption = Annotated[
    bool,
    typer.Option(
        "--i-have-consent", help="State that everybody shown has agreed to this use of their face.", show_default=False
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
    """``all``, ``largest``, or numbers as in ``0`` and ``0,2``.

    Raises:
        OptionError: anything else.
    """
    if text == "all" or text == "largest":
        return text  # type: ignore[return-value]
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise OptionError(f"--face: got {text!r}, wanted all, largest, or face numbers from 0 such as 0 or 0,2.")
    return sorted({int(part) for part in parts})


def parse_map(entries: Sequence[str]) -> dict[int, list[Path]]:
    """``N=photo`` entries as photos by face number; a number given again adds a photo of the same person.

    Raises:
        OptionError: an entry of another form.
    """
    photos: dict[int, list[Path]] = {}
    for entry in entries:
        number, separator, photo = entry.partition("=")
        if not separator or not photo or not (number.isascii() and number.isdigit()):
            raise OptionError(f"--map: got {entry!r}, wanted N=photo with a face number from 0, such as 0=anna.jpg.")
        photos.setdefault(int(number), []).append(Path(photo))
    return photos
