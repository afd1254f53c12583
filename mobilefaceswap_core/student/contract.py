"""What an exported network says of itself: input contract, origin, and the duty of those who use it.

Every format carries the same properties as text by name: in the metadata of the file where the format has them, in a JSON
file beside it where it has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WeightsError
from ..swapper import SwapperInfo
from ..types import CropSpec

if TYPE_CHECKING:
    from ..weights.registry import WeightsSpec
    from .swapper import Student

_FAMILY = "mobilefaceswap-idn-"
FORMAT = f"{_FAMILY}1"  # of the properties below; a reader refuses others
KINDS_WITH_SOURCE = ("baked", "dynamic")  # those that swap in one person; the others are halves of a pair
PART_FORMAT = "mobilefaceswap-part-1"  # of the networks around the per-frame one, which swap nobody by themselves
# Of a file's person: a property, and of a source outside of the network an array beside its kernels.
BLUE_EYES = "blue_eyes"
# What the pipeline does to every result here, a program around the bare network has to do itself: docs/marking.md.
RESULTS_ARE_MARKED = (
    "Every picture, clip or frame made with it must say that its faces were swapped, for people and for programs: IPTC "
    "DigitalSourceType compositeWithTrainedAlgorithmicMedia in its metadata, and a label where it is shown."
)
MARKING_DUTY = f"The file holds a person's identity: use it only for what that person agreed to. {RESULTS_ARE_MARKED}"
_FITS = ("similarity", "affine")
_CROP_LIMIT = 1024  # px; the largest crop of a known swapper has 512


def properties_of(student: Student, *, kind: str, contract: str, blue_eyes: float | None = None) -> dict[str, str]:
    """What a network is, what it reads and which weights it was made of.

    Args:
        student: it was made of.
        kind: ``baked``, ``dynamic``, ``pair`` (per frame, source outside) or ``identity`` (the other half of a pair).
        contract: its input, in words.
        blue_eyes: how surely those of the person inside are, in [0, 1]; ``None`` where nobody is.
    """
    from .. import __version__

    info = student.info
    return {
        "format": FORMAT,
        "kind": kind,
        "model": info.name,
        "version": __version__,
        "crop": json.dumps({"size_px": info.crop.size_px, "template": info.crop.template, "fit": info.crop.fit}),
        # The graph itself maps [0, 1] to [-1, 1].
        "input": contract,
        "mean": "0 0 0",
        "std": "1 1 1",
        "licence": info.licence,
        "source": info.source,
        "weights_sha256": json.dumps(info.weights_sha256),
        "encoder": student.encoder.contract.name,
        "encoder_sha256": info.weights_sha256.get(f"{student.encoder.contract.name}.safetensors", ""),
        "match_colours": "true" if info.match_colours else "false",
        "match_detail": "true" if info.match_detail else "false",
        "marking": MARKING_DUTY,
        **({} if blue_eyes is None else {BLUE_EYES: str(float(blue_eyes))}),
    }


def properties_of_part(name: str, specs: Sequence[WeightsSpec], *, reads: str, gives: str) -> dict[str, str]:
    """What a network around the per-frame one is, and which weights it was made of.

    Args:
        name: such as ``detector``.
        specs: of its weights.
        reads: its input, in words.
        gives: its outputs, in words.
    """
    from .. import __version__

    crop = next((spec.crop for spec in specs if spec.crop is not None), None)
    return {
        "format": PART_FORMAT,
        "kind": name,
        "version": __version__,
        "crop": json.dumps(crop and {"size_px": crop.size_px, "template": crop.template, "fit": crop.fit}),
        "input": reads,
        "output": gives,
        # The graph itself scales what it reads.
        "mean": "0 0 0",
        "std": "1 1 1",
        "licence": " ".join(dict.fromkeys(spec.licence for spec in specs)),
        "source": "; ".join(spec.origin for spec in specs),
        "weights_sha256": json.dumps({file.name: file.sha256 for spec in specs for file in spec.files}),
        "marking": RESULTS_ARE_MARKED,
    }


def is_export(properties: Mapping[str, str]) -> bool:
    """Whether properties say that this package's export wrote the file, in this version's format or another."""
    return properties.get("format", "").startswith((_FAMILY, PART_FORMAT))


def check_format(properties: Mapping[str, str], path: Path) -> None:
    """Refuse a file of somebody else, or of another version's format.

    Raises:
        WeightsError: it is one.
    """
    if properties.get("format") == PART_FORMAT:
        raise WeightsError(
            f"{path} is the {properties.get('kind')} network, which swaps nothing by itself. Name a file that was exported "
            "with --source."
        )
    if properties.get("format") != FORMAT:
        raise WeightsError(
            f"{path} was not written by this package's export (format {properties.get('format')!r}, wanted {FORMAT!r}). "
            "Export it again with `python -m mobilefaceswap_core export`."
        )


def stated_crop(properties: Mapping[str, str], path: Path) -> CropSpec:
    """The crop that the properties of a file state.

    Raises:
        WeightsError: none, or one that nothing here can cut out.
    """
    from ..faces.geometry import TEMPLATES_112

    text = properties.get("crop", "")
    try:
        crop = CropSpec(**json.loads(text))
    except (TypeError, ValueError, RecursionError):
        crop = CropSpec(size_px=0)
    whole = isinstance(crop.size_px, int) and not isinstance(crop.size_px, bool)
    if not whole or not 0 < crop.size_px <= _CROP_LIMIT or crop.template not in TEMPLATES_112 or crop.fit not in _FITS:
        raise WeightsError(
            f"{path} states the crop {text[:80]!r}; wanted a JSON object with size_px up to {_CROP_LIMIT}, template "
            f"({', '.join(TEMPLATES_112)}) and fit ({', '.join(_FITS)})."
        )
    return crop


def stated_blue_eyes(stated: Any, path: Path) -> float:
    """How surely the eyes of a file's person are blue, in [0, 1]; 1 where the file does not say, as those of older versions.

    Args:
        stated: what it has under :data:`BLUE_EYES`, text or an array of one number; ``None`` for nothing.
        path: its name, for messages.

    Raises:
        WeightsError: that is no such number.
    """
    if stated is None:
        return 1.0
    try:
        share = float(stated)
    except (TypeError, ValueError):
        share = float("nan")
    if not 0 <= share <= 1:  # NaN is refused too
        raise WeightsError(f"{path} states {BLUE_EYES} as {str(stated)[:80]!r}; wanted 0 to 1. Export it again.")
    return share


def stated_info(properties: Mapping[str, str], path: Path, *, device: str) -> SwapperInfo:
    """The description of the swapper in a file.

    Args:
        properties: of the file.
        path: its name, for messages.
        device: what runs it.

    Raises:
        WeightsError: a part of them is missing or damaged.
    """
    crop = stated_crop(properties, path)
    try:
        return SwapperInfo(
            name=properties["model"],  # as it appears in marks: the file's own name may be that of a person
            title=f"{properties['model']}, exported with its source inside",
            crop=crop,
            licence=properties["licence"],
            source=properties["source"],
            weights_sha256=dict(json.loads(properties["weights_sha256"])),
            device=device,
            match_colours=properties["match_colours"] == "true",
            match_detail=properties.get("match_detail") == "true",
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} lacks a part of the metadata that export writes, or it is damaged ({error}). Export it again."
        ) from error
