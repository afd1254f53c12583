"""Answers of the Image tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.types import Face

from ..messages import Visit
from ..texts import say
from ..work.engine import SwappedPhoto
from ..work.previews import numbered, thumbnail
from ..work.services import Services
from .assignment import PEOPLE, everyone, people_by_face
from .choices import chosen


def look(services: Services, visit: Visit, *, target: str | None) -> dict[str, Any]:
    """Show the faces of the target, and put person A on all of them."""
    nothing: dict[str, Any] = {
        "faces_status": "",
        "faces": gr.update(value=None, visible=False),
        "found": [],
        "assignment": {},
        "looked": None,
    }
    if not target:
        return nothing
    services.engine.admit(visit.caller)
    image, detected = services.engine.find_faces(target)
    if not detected:
        return nothing | {"faces_status": say("no_faces", visit.language)}
    pictures: list[Any] = [numbered(image, detected)] if len(detected) > 1 else []
    pictures += [
        (thumbnail(image, face), say("face", visit.language, number=number_of(index)))
        for index, face in enumerate(detected)
    ]
    several = len(detected) > 1
    return {
        "faces_status": say("faces_found" if several else "face_found", visit.language, count=len(detected)),
        "faces": gr.update(value=pictures, visible=True),
        "found": list(range(len(detected))),
        "assignment": everyone(len(detected)),
        "looked": (target, tuple(detected)),
    }


def swap(
    services: Services,
    visit: Visit,
    *,
    source: str | None,
    more: list[str] | None,
    person_b: str | None,
    person_c: str | None,
    person_d: str | None,
    target: str | None,
    assignment: dict[int, str],
    model: str,
    choices: Mapping[str, Any],
    looked: tuple[str, tuple[Face, ...]] | None,
    consented: bool,
) -> dict[str, Any]:
    """Swap the photo; nothing without consent.

    Raises:
        OptionError: a photo is missing, or nobody was chosen.
    """
    if not consented:
        return {}
    if not source and not any((person_b, person_c, person_d)):
        raise OptionError(say("need_source", visit.language))
    if not target:
        raise OptionError(say("need_target", visit.language))
    services.engine.admit(visit.caller)
    first: list[str | None] = [source, *(more or [])] if source else []
    people: dict[str, list[str | None]] = dict(zip(PEOPLE, (first, [person_b], [person_c], [person_d]), strict=True))
    sources = people_by_face(people, assignment, visit.language)
    found = looked[1] if looked is not None and looked[0] == target else None
    done = services.swap_photo(sources, target, model=model, choices=chosen(choices), found=found)
    return {
        "result": (done.target, str(done.path)),
        "status": describe(done, visit.language),
        "download": gr.update(value=str(done.path), visible=True),
    }


def describe(done: SwappedPhoto, spoken: str) -> str:
    """The sentences below a result."""
    lines = [
        say("swapped", spoken, swapped=done.faces_swapped, found=done.faces_found, seconds=f"{done.seconds:.1f}",
            model=done.model, device=done.device, detector=done.detector)
    ]  # fmt: skip
    lines += [say("left_alone", spoken, number=number_of(i), reason=reason) for i, reason in done.skipped.items()]
    return "\n\n".join([*lines, say("marked", spoken)])
