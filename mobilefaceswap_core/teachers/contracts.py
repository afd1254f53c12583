"""The table of contracts: what an ONNX swapper of somebody else wants to be given, and what it gives back.

A contract is a handful of keys in TOML. Those of the published swappers are in ``contracts.toml``; a file of one's own has
its contract beside it, ``FILE.toml`` for ``FILE.onnx``, or is given one by ``--contract``.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import OptionError
from ..faces.geometry import TEMPLATES_112
from ..files.ordinary import check_ordinary
from ..types import CropSpec
from ..weights.published import PUBLISHED

SourceKind = Literal["embedding", "image"]
Vector = Literal["unit", "raw", "matrix"]
Triple = tuple[float, float, float]

TABLE = Path(__file__).with_name("contracts.toml")
SHIPPED_RECOGNISER = "encoder_mobilefacenet"
_MOST_BYTES = 1 << 16  # a contract is a dozen lines
_MOST_PX = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """How one swapper is run. All pictures are RGB.

    Attributes:
        name: as given to ``--model``.
        title: one line for people.
        paper: where it was described, or ``none``.
        licence: of the weights.
        template: five-point template of the target's crop, in :mod:`~mobilefaceswap_core.faces.geometry`.
        size_px: side of the target's crop and of the face that comes out.
        mean: the network reads ``(rgb - mean) / std`` of RGB in [0, 1], per channel.
        std: see ``mean``.
        output_mean: the face in [0, 1] is ``output * output_std + output_mean``, per channel.
        output_std: see ``output_mean``.
        source: what the source becomes: an ``embedding`` or an ``image``.
        recogniser: of an embedding: a published one, ``encoder_mobilefacenet`` (the one that ships), or an ONNX file that reads
            ArcFace's 112 px crop in [-1, 1].
        converter: published network, or ONNX file, that turns the recogniser's raw embedding into another's.
        vector: what of an embedding goes in: at ``unit`` length, ``raw``, or times the ``matrix`` that the file ends with and
            divided by the embedding's own length.
        source_template: of an image.
        source_size_px: of an image; it goes in as RGB in [0, 1].
    """

    name: str
    title: str
    template: str
    size_px: int
    source: SourceKind
    paper: str = "none"
    licence: str = "as stated by its author"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    output_mean: Triple = (0.0, 0.0, 0.0)
    output_std: Triple = (1.0, 1.0, 1.0)
    recogniser: str = ""
    converter: str = ""
    vector: Vector = "unit"
    source_template: str = ""
    source_size_px: int = 0

    @property
    def crop(self) -> CropSpec:
        """How targets are cut out."""
        return CropSpec(self.size_px, self.template, "similarity")

    @property
    def source_crop(self) -> CropSpec:
        """How a source that goes in as an image is cut out."""
        return CropSpec(self.source_size_px, self.source_template, "similarity")


@cache
def contracts() -> dict[str, Contract]:
    """The published swappers by name, with the licences that they are published under."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {
        name: _contract({**row, "licence": PUBLISHED[name].licence}, name, str(TABLE)) for name, row in table.items()
    }


def read_contract(path: Path) -> Contract:
    """A contract of one's own.

    Args:
        path: a TOML file with the keys of :class:`Contract`; its name is that of the file. ``recogniser`` and ``converter``
            that end with ``.onnx`` are relative to its folder.

    Raises:
        OptionError: it cannot be read, or a key is missing, unknown or of another kind or range.
    """
    check_ordinary(path, error=OptionError, wanted="a TOML file")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes, wanted at most {_MOST_BYTES}")
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OptionError(f"The contract {path} cannot be read: {error}. Wanted a TOML file.") from error
    for key in ("recogniser", "converter"):
        if str(values.get(key, "")).endswith(".onnx"):
            values[key] = str(path.parent / values[key])
    return _contract(values, path.stem, str(path))


def find_contract(file: Path, given: str | None = None) -> Contract | None:
    """The contract of an ONNX file: the given one, or the one beside it.

    Args:
        file: the swapper's file.
        given: a name of :func:`contracts`, or the path of a TOML file.

    Returns:
        ``None`` if none is given and none lies there.

    Raises:
        OptionError: unknown, or not a contract.
    """
    if given is not None:
        if given in contracts():
            return contracts()[given]
        if not given.endswith(".toml"):
            raise OptionError(
                f"--contract {given}: wanted a .toml file, or the contract of one of {', '.join(contracts())}."
            )
        return read_contract(Path(given))
    beside = file.with_suffix(".toml")
    return read_contract(beside) if beside.is_file() else None


def _contract(values: Mapping[str, Any], name: str, where: str) -> Contract:
    known = {field.name: field for field in fields(Contract) if field.name != "name"}
    if unknown := sorted(values.keys() - known.keys()):
        raise OptionError(f"The contract {where} has the key {unknown[0]!r}; wanted {', '.join(known)}.")
    checked: dict[str, Any] = {}
    for key, field in known.items():
        if key in values:
            checked[key] = _value(key, values[key], where)
        elif field.default is MISSING:
            raise OptionError(f"The contract {where} lacks {key}, {_WANTED[key]}.")
    contract = Contract(name=name, **checked)
    _check_source(contract, where)
    return contract


_TEMPLATES = f"one of the templates {', '.join(TEMPLATES_112)}"
_SIZE = f"a whole number of pixels from 16 to {_MOST_PX}"
_NUMBERS = "three numbers"
_WANTED = {
    "title": "a line for people",
    "template": _TEMPLATES,
    "source_template": _TEMPLATES,
    "size_px": _SIZE,
    "source_size_px": _SIZE,
    "source": f"one of {', '.join(get_args(SourceKind))}",
    "vector": f"one of {', '.join(get_args(Vector))}",
    "std": "three numbers above zero",
}


def _value(key: str, value: Any, where: str) -> Any:
    good: bool
    if key in ("mean", "std", "output_mean", "output_std"):
        wanted = _WANTED.get(key, _NUMBERS)
        good = (
            isinstance(value, list)
            and len(value) == 3
            and all(_is_number(v) and (key != "std" or v > 0) for v in value)
        )
        value = tuple(map(float, value)) if good else value
    elif key in ("size_px", "source_size_px"):
        wanted, good = _WANTED[key], isinstance(value, int) and not isinstance(value, bool) and 16 <= value <= _MOST_PX
    else:
        wanted = _WANTED.get(key, "text")
        choices = {"source": get_args(SourceKind), "vector": get_args(Vector)}
        choices |= dict.fromkeys(("template", "source_template"), tuple(TEMPLATES_112))
        good = isinstance(value, str) and value in choices.get(key, (value,))
    if not good:
        raise OptionError(f"The contract {where} has {key} = {str(value)[:80]!r}; wanted {wanted}.")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_source(contract: Contract, where: str) -> None:
    """What a source becomes must be said, once."""
    image = bool(contract.source_template or contract.source_size_px)
    if contract.source == "image":
        if not (contract.source_template and contract.source_size_px) or contract.recogniser or contract.converter:
            raise OptionError(
                f"The contract {where} takes the source as an image; wanted source_template and source_size_px, and neither "
                "recogniser nor converter."
            )
    elif not contract.recogniser or image:
        raise OptionError(
            f"The contract {where} takes the source as an embedding; wanted the recogniser it comes from, and neither "
            "source_template nor source_size_px. With the embedding of another recogniser it would draw a stranger."
        )
