"""Which faces of a photo are swapped: shown in the photo itself, chosen by a tap, drawn where the detector found none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from mobilefaceswap_core.detect.detector import Lenient, sort_faces
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.types import Face, Image

from ..messages import Visit
from ..texts import say
from ..work.previews import numbered, shown_scale, thumbnail
from ..work.services import Services
from .assignment import NOBODY, PEOPLE, everyone

Looked = tuple[str, tuple[Face, ...]]  # a photo, and its faces from left to right


def look(services: Services, visit: Visit, *, target: str | None, least: float | None) -> dict[str, Any]:
    """Show the faces of the target, and put person A on all of them."""
    hidden = gr.update(visible=False)
    nothing: dict[str, Any] = {"faces_status": "", "panel": hidden, "overview": None, "faces": hidden, "found": [], "assignment": {},
               "looked": None, "corner": None}  # fmt: skip
    if not target:
        return nothing
    services.engine.admit(visit.caller)
    try:
        image, detected = services.engine.find_faces(target, least=least)
    except ImageError:  # said when the photo came in, which takes it out again
        return nothing
    detector = services.engine.pipeline(services.engine.default_model()).detector
    several = "faces_found" if len(detected) > 1 else "face_found"
    return _shown(image, target, detected, everyone(len(detected)), visit.language) | {
        "faces_status": say(several if detected else "no_faces", visit.language, count=len(detected)),
        # One face is seen in the photo itself.
        "panel": gr.update(visible=True, open=len(detected) != 1),
        "least": gr.update(visible=isinstance(detector, Lenient)),
    }


def tap(
    services: Services,
    visit: Visit,
    *,
    person_b: str | None,
    person_c: str | None,
    person_d: str | None,
    target: str | None,
    looked: Looked | None,
    assignment: Mapping[int, str],
    tapped: Sequence[float] | None,
    corner: tuple[float, float] | None,
) -> dict[str, Any]:
    """A tap on a face sends the next person there; two taps beside all faces draw a box around one.

    Args:
        tapped: where, in pixels of the picture with the numbers.
        corner: of a box that was begun, in pixels of the photo.

    Raises:
        OptionError: the box is too small.
    """
    if not target or looked is None or looked[0] != target or not tapped:
        return {}
    spoken, faces = visit.language, looked[1]
    image = services.engine.read(target).image
    place = (float(tapped[0]) / shown_scale(image), float(tapped[1]) / shown_scale(image))
    hit = _face_at(faces, place)
    if corner is None and hit is not None:
        photos = (True, person_b, person_c, person_d)
        offered = [*(letter for letter, photo in zip(PEOPLE, photos, strict=True) if photo), NOBODY]
        before = assignment.get(hit, PEOPLE[0])
        following = offered[(offered.index(before) + 1) % len(offered)] if before in offered else offered[0]
        return _shown(image, target, faces, {**assignment, hit: following}, spoken)
    if corner is None:
        picture = numbered(image, faces, left_alone=_left_alone(assignment), corner=place)
        return {"corner": place, "overview": picture, "faces_status": say("box_begun", spoken)}
    services.engine.admit(visit.caller)
    _, drawn = services.engine.face_in_box(target, (*corner, *place))
    letters = {id(face): assignment.get(index, PEOPLE[0]) for index, face in enumerate(faces)} | {id(drawn): PEOPLE[0]}
    everybody = sort_faces([*faces, drawn])
    chosen = {index: letters[id(face)] for index, face in enumerate(everybody)}
    return _shown(image, target, everybody, chosen, spoken) | {"faces_status": say("box_done", spoken)}


def _face_at(faces: Sequence[Face], place: tuple[float, float]) -> int | None:
    """The smallest face there, for it lies in front of or beside a larger one."""
    there = [
        index
        for index, face in enumerate(faces)
        if face.box[0] <= place[0] <= face.box[2] and face.box[1] <= place[1] <= face.box[3]
    ]
    return min(there, key=lambda index: faces[index].size_px, default=None)


def _left_alone(assignment: Mapping[int, str]) -> set[int]:
    return {index for index, letter in assignment.items() if letter == NOBODY}


def _shown(image: Image, target: str, faces: Sequence[Face], assignment: dict[int, str], spoken: str) -> dict[str, Any]:
    """The faces with their numbers, and who goes there."""
    pictures = [(thumbnail(image, face), say("face", spoken, number=number_of(i))) for i, face in enumerate(faces)]
    return {
        "overview": numbered(image, faces, left_alone=_left_alone(assignment)),
        "faces": gr.update(value=pictures, visible=len(faces) > 1),
        "found": list(assignment.values()),
        "assignment": assignment,
        "looked": (target, tuple(faces)),
        "corner": None,
    }
