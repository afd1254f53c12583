"""Choices about a method's swaps, written behind its name: ``student?occlusion=0&texture=0``.

The names are those of :data:`mobilefaceswap_core.choices.CHOICES`, as on every other door. A switch is 0 or 1; several parts
of a face, or the four margins of a box, are separated by ``:``, since commas separate methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from mobilefaceswap_core.choices import CHOICES, Choice
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.marking import UNMARKED
from mobilefaceswap_core.options import SwapOptions, swap_options

_MARKS = "badge"  # the one choice about marks; what is judged is the swap, not the mark in it
_OFFERED = {choice.name: choice for choice in CHOICES if choice.name != _MARKS}


def split_choices(spec: str) -> tuple[str, dict[str, Any]]:
    """``NAME?choice=value&...`` -> the name, and values by choice.

    Raises:
        OptionError: an unknown choice, one named twice, or a value of another kind or out of its range.

    >>> split_choices("student?occlusion=0&texture=0.5")
    ('student', {'occlusion': False, 'texture': 0.5})
    """
    name, mark, query = spec.partition("?")
    if not mark:
        return spec, {}
    chosen: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in _OFFERED or key in chosen:
            said = "given twice" if key in chosen else "not known here"
            raise OptionError(
                f"The method {spec!r}: {key!r} is {said}; wanted each at most once of {', '.join(_OFFERED)}."
            )
        chosen[key] = _value(_OFFERED[key], text)
    if not chosen:
        raise OptionError(f"The method {spec!r} names no choice after the question mark; wanted such as ?occlusion=0.")
    try:
        swap_options(chosen)
    except OptionError as error:
        raise OptionError(f"The method {spec!r}: {error}") from error
    return name, chosen


def unmarked_options(chosen: Mapping[str, Any]) -> SwapOptions:
    """Options of a swap that is judged: the defaults of every door, what was chosen, and no mark."""
    return replace(swap_options(chosen), marks=UNMARKED)


def all_choices(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What a method's card says: every choice by name, chosen or by default, as JSON has it; ``None`` is left to the program."""
    values = {name: chosen.get(name, choice.default) for name, choice in _OFFERED.items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def unusual_choices(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of a card's options those that are not what every door does by default; unknown ones of another version included."""
    usual = all_choices({})
    ordered = [*(name for name in usual if name in options), *sorted(options.keys() - usual.keys())]  # cards are sorted
    return {name: options[name] for name in ordered if name not in usual or options[name] != usual[name]}


def _value(choice: Choice, text: str) -> Any:
    """A text as the kind of its choice; what is of no such kind stays a text, and is refused by the check of all doors."""
    if choice.kind == "switch":
        return {"0": False, "1": True}.get(text, text)
    if choice.kind == "parts":
        return text.split(":")
    if choice.kind == "name":
        return text
    numbers = [_number(part) for part in text.split(":")]
    return numbers if choice.kind == "box" else numbers[0] if len(numbers) == 1 else text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
