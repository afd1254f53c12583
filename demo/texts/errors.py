"""What the core says of a file or a wish, in the visitor's language.

The core speaks English. ``errors.LANGUAGE.json`` holds its sentences as templates, a pair of braces for each value, and the
same sentences in another language with the values' numbers, from 0. What a value says, such as the reason within a sentence, is
looked up in turn; what is not there stays as it is.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

from . import LANGUAGES


def in_language(message: str, language: str) -> str:
    """The message in a language, as far as its sentence is known.

    Args:
        message: English, as one of the core's errors says it.
        language: one of :data:`~demo.texts.LANGUAGES`.
    """
    if language == LANGUAGES[0]:
        return message
    for pattern, text in _patterns(language):
        if found := pattern.fullmatch(message):
            return text.format(*(in_language(value, language) for value in found.groups()))
    return message


@cache
def load_templates(language: str) -> dict[str, str]:
    """Templates by the English one."""
    return json.loads(files(__package__).joinpath(f"errors.{language}.json").read_text(encoding="utf-8"))


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """The templates as patterns; those that say most in words of their own first."""
    templates = sorted(load_templates(language).items(), key=lambda pair: -len(pair[0].replace("{}", "")))
    return [
        (re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL), text) for english, text in templates
    ]
