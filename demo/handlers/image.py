"""Answers of the Image tab."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import gradio as gr

from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.faces.numbers import number_of

from ..messages import Visit
from ..texts import glasses_words, model_words, say
from ..texts.errors import in_language
from ..work.engine import SwappedPhoto
from ..work.results import SUFFIXES, Made, close_ups, in_format, strip
from ..work.services import Services
from .assignment import NOBODY, PEOPLE, others_than_first, people_by_face
from .choices import chosen
from .consent import may_swap
from .faces import Looked

Answer = TypeVar("Answer", bound=Callable[..., dict[str, Any]])


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
    looked: Looked | None,
    format: str,
    quality: float,
    consented: bool,
) -> dict[str, Any]:
    """Swap the photo; nothing without consent where it is needed.

    Raises:
        OptionError: a photo is missing, or nobody was chosen.
    """
    if not source and not any((person_b, person_c, person_d)):
        raise OptionError(say("need_source", visit.language))
    if not target:
        raise OptionError(say("need_target", visit.language))
    first: list[str | None] = [source, *(more or [])] if source else []
    if not may_swap(consented, *first, person_b, person_c, person_d, target):
        return {}
    services.engine.admit(visit.caller)
    people: dict[str, list[str | None]] = dict(zip(PEOPLE, (first, [person_b], [person_c], [person_d]), strict=True))
    sources = people_by_face(people, assignment, visit.language)
    found = looked[1] if looked is not None and looked[0] == target else None
    done = services.swap_photo(sources, target, model=model, choices=chosen(choices), found=found)
    used = [path for paths in sources.values() for path in paths] if isinstance(sources, dict) else sources
    others = others_than_first(assignment)
    made = Made(str(done.path), tuple(dict.fromkeys(used)), target, done.swapped, done.model, others)
    return shown(services, made, done) | {
        "status": describe(done, visit.language),
        "download": str(in_format(services.engine, made, format, quality)),
    }


def _takes_what_swap_takes(*more: str) -> Callable[[Answer], Answer]:
    """Have the page hand a handler with ``**given`` all that :func:`swap` is given, and more by name."""

    def decorate(handler: Answer) -> Answer:
        signature = inspect.signature(swap)
        added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in more]
        parameters = [*signature.parameters.values(), *added]
        handler.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # inspect's protocol
        return handler

    return decorate


@_takes_what_swap_takes()
def swap_if_complete(services: Services, visit: Visit, **given: Any) -> dict[str, Any]:
    """The same where nobody has pressed anything: nothing as long as a photo is missing or cannot be used."""
    if not given["source"] or not given["target"]:
        return {}
    try:
        return swap(services, visit, **given)
    except ImageError:  # said when the photo came in, which takes it out again
        return {}


@_takes_what_swap_takes("made")
def swap_again(services: Services, visit: Visit, *, made: Made | None, **given: Any) -> dict[str, Any]:
    """The same after an option or who goes where was changed, where there is a result already."""
    if made is None or made.target != given["target"]:
        return {}
    return swap(services, visit, **given)


@_takes_what_swap_takes("made")
def swap_reassigned(services: Services, visit: Visit, *, made: Made | None, **given: Any) -> dict[str, Any]:
    """The same after somebody was put on another face; not where everybody is where the result has them."""
    wanted = given["assignment"]
    count = sum(letter != NOBODY for letter in wanted.values())
    if made is None or not count or (made.others == others_than_first(wanted) and len(made.faces) == count):
        return {}
    return swap_again(services, visit, made=made, **given)


def shown(services: Services, made: Made, done: SwappedPhoto) -> dict[str, Any]:
    """The whole picture, its first face from near, and a strip of faces if there are several."""
    several = len(made.faces) > 1
    return {
        "result": (done.target, made.path),
        "near": gr.update(value=close_ups(services.engine, made, 0), visible=True),
        "strip": gr.update(value=strip(done.image, made.faces) if several else None, visible=several),
        "saving": gr.update(visible=True),
        "made": made,
        "picked": 0,
    }


def show_near(services: Services, visit: Visit, *, made: Made | None, picked: int) -> dict[str, Any]:
    """The face that was picked in the strip."""
    if made is None or not 0 <= picked < len(made.faces):
        return {}
    return {"near": close_ups(services.engine, made, picked)}


def save_as(
    services: Services, visit: Visit, *, made: Made | None, target: str | None, format: str, quality: float
) -> dict[str, Any]:
    """The result in another format or quality; nothing where it is not shown any more."""
    if made is None or made.target != target or format not in SUFFIXES:
        return {}
    return {"download": str(in_format(services.engine, made, format, quality))}


def describe(done: SwappedPhoto, spoken: str) -> str:
    """The sentences below a result."""
    lines = [
        say("swapped", spoken, swapped=done.faces_swapped, found=done.faces_found, seconds=f"{done.seconds:.1f}",
            model=model_words(done.model, spoken))
    ]  # fmt: skip
    lines += [
        say("left_alone", spoken, number=number_of(i), reason=in_language(reason, spoken))
        for i, reason in done.skipped.items()
    ]
    lines += glasses_words(done.glasses, spoken)
    return "\n\n".join([*lines, *done.notes, say("marked", spoken)])
