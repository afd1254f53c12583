"""Test vectors: one swap step by step, for programs that do it again without Python.

A folder of NumPy's ``.npy`` files (a line of text with type and shape, then the numbers, little endian, rows first) and
``vectors.json``, which says what each is. What the pipeline does beyond (colours, detail, what hides a face) is left out:
this is the least that a phone has to do.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...blend.mask import MaskOptions, refine_mask
from ...blend.paste import paste_back
from ...detect.landmarks import crop_from_region
from ...errors import WeightsError
from ...faces.geometry import align_face, template_points, warp
from ...files.atomic import write_bytes, written_whole
from ...types import CropSpec, Face, Image, Matrix
from ..contract import MARKING_DUTY
from ..export import wanted_outputs

if TYPE_CHECKING:
    from ..swapper import Student, StudentCondition
    from .around import PhonePart

INDEX = "vectors.json"
_MEANING = {
    "frame": "the target, RGB",
    "five": "x, y in frame pixels, origin at the centre of the top left one: left eye, right eye, nose tip, mouth corners",
    "crop_from_frame": "the least-squares similarity from five to the template; acts on columns (x, y, 1)",
    "crop": "the frame sampled through it, bilinear, border repeated; RGB",
    "face": "first output for the input crop / 255, channel planes, in [0, 1]; as PyTorch computes it",
    "mask": "second output, in [0, 1]",
    "weight": "the mask refined: what the swapped crop counts when it is pasted",
    "pasted": "the frame with round(face * 255) pasted by the weight through the inverse matrix; RGB",
}
ARRAYS = tuple(_MEANING)
_PART_MEANING = {
    "frame": "a picture, RGB",
    "input_from_frame": "acts on columns (x, y, 1) of frame pixels, origin at the centre of the top left one",
}
_LANDMARK_MARGIN = 1.1  # of the longer side of a face's box; what the landmark network is first shown


def make_vectors(student: Student, condition: StudentCondition, frame: Image, face: Face) -> dict[str, NDArray[Any]]:
    """One swap step by step.

    Args:
        student: the swapper the condition was made with.
        condition: of the person to appear.
        frame: ``(H, W, 3)`` RGB uint8.
        face: of the frame; its five points are used.

    Returns:
        The arrays that :data:`ARRAYS` names.
    """
    aligned = align_face(frame, face, student.info.crop)
    batch = aligned.image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    outputs = wanted_outputs(student, condition, batch)
    drawn, mask = outputs["face"][0], outputs["mask"][0, 0]
    weight = refine_mask(mask)
    pixels = np.clip(np.rint(drawn * 255), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    pasted = paste_back(frame, np.ascontiguousarray(pixels), weight, aligned.crop_from_frame)
    values = (frame, face.five, aligned.crop_from_frame, aligned.image, drawn, mask, weight, pasted)
    return dict(zip(ARRAYS, values, strict=True))


def write_vectors(folder: Path, arrays: Mapping[str, NDArray[Any]], student: Student) -> tuple[Path, ...]:
    """Write the folder; it appears whole or not at all.

    Args:
        folder: is made; may be there if it is empty.
        arrays: of :func:`make_vectors`.
        student: whose crop and mask they were made with.

    Returns:
        The files.

    Raises:
        OutputError: it cannot be written, or holds other files.
    """
    crop, options = student.info.crop, MaskOptions()
    more = {
        "crop": asdict(crop),
        "template": template_points(crop).tolist(),
        "mask": {"threshold": options.threshold, **options.in_pixels(crop.size_px)._asdict()},
        "marking": MARKING_DUTY,
    }
    return _written(folder, arrays, _MEANING, more)


def make_part_vectors(part: PhonePart, frame: Image, face: Face) -> dict[str, NDArray[Any]]:
    """What one of the networks around reads from a frame, and what ours makes of it.

    Args:
        part: the network.
        frame: ``(H, W, 3)`` RGB uint8.
        face: of the frame.

    Returns:
        ``frame``, ``input_from_frame (2, 3)``, and the network's input and outputs by their names.
    """
    matrix = _input_from_frame(part, frame, face)
    height, width = part.shape[2:]
    seen = warp(frame, matrix, (width, height), border=cv2.BORDER_REPLICATE)
    seen = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY)[..., None] if part.shape[1] == 1 else seen
    given = np.ascontiguousarray(seen.transpose(2, 0, 1)[None]).astype(np.float32) / np.float32(255)
    outputs = part.ours()({part.input: given})
    return {"frame": frame, "input_from_frame": matrix, part.input: given, **outputs}


def write_part_vectors(folder: Path, arrays: Mapping[str, NDArray[Any]], part: PhonePart) -> tuple[Path, ...]:
    """Write the folder as :func:`write_vectors` does.

    Args:
        folder: as there.
        arrays: of :func:`make_part_vectors`.
        part: the network they belong to.
    """
    properties = part.properties()
    meaning = _PART_MEANING | dict.fromkeys(arrays.keys() - _PART_MEANING.keys(), properties["output"])
    meaning[part.input] = f"the frame through input_from_frame, bilinear, border repeated: {properties['input']}"
    return _written(folder, arrays, meaning, {"part": part.name, "marking": properties["marking"]})


def _input_from_frame(part: PhonePart, frame: Image, face: Face) -> Matrix:
    """How a network's input lies in a frame: all of it for a detector, the face for the others."""
    height, width = part.shape[2:]
    if part.name == "detector":
        scale = min(width / frame.shape[1], height / frame.shape[0])
        return np.array([[scale, 0.0, (scale - 1) / 2], [0.0, scale, (scale - 1) / 2]])
    if part.name == "landmarks":
        low, high = face.box[:2], face.box[2:]
        side = _LANDMARK_MARGIN * float((high - low).max())
        return crop_from_region((low + high) / 2, np.array([side, side]), 0.0, width)
    return align_face(frame, face, CropSpec(width)).crop_from_frame


def _written(
    folder: Path, arrays: Mapping[str, NDArray[Any]], meaning: Mapping[str, str], more: Mapping[str, Any]
) -> tuple[Path, ...]:
    about = {
        "arrays": {
            name: {"file": f"{name}.npy", "type": str(array.dtype), "shape": list(array.shape), "is": meaning[name]}
            for name, array in arrays.items()
        },
        **more,
    }
    with written_whole(folder) as part:
        part.mkdir()
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
            write_bytes(part / f"{name}.npy", buffer.getvalue())
        write_bytes(part / INDEX, (json.dumps(about, indent=1) + "\n").encode())
    return tuple(folder / name for name in (*(f"{name}.npy" for name in arrays), INDEX))


def read_vectors(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a folder.

    Raises:
        WeightsError: one is missing or damaged.
    """
    found = {}
    for name in ARRAYS:
        try:
            found[name] = np.load(folder / f"{name}.npy", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"{folder} holds no test vectors ({error}). Write them with `export --vectors`."
            ) from error
    return found
