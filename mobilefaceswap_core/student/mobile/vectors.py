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

import numpy as np
from numpy.typing import NDArray

from ...blend.mask import MaskOptions, refine_mask
from ...blend.paste import paste_back
from ...errors import WeightsError
from ...faces.geometry import align_face, template_points
from ...files.atomic import write_bytes, written_whole
from ...types import Face, Image
from ..contract import MARKING_DUTY
from ..export import wanted_outputs

if TYPE_CHECKING:
    from ..swapper import Student, StudentCondition

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
    about = {
        "arrays": {
            name: {"file": f"{name}.npy", "type": str(array.dtype), "shape": list(array.shape), "is": _MEANING[name]}
            for name, array in arrays.items()
        },
        "crop": asdict(crop),
        "template": template_points(crop).tolist(),
        "mask": {"threshold": options.threshold, **options.in_pixels(crop.size_px)._asdict()},
        "marking": MARKING_DUTY,
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
