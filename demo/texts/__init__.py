"""The app's words: one JSON file a language, same keys in each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from mobilefaceswap_core import __version__
from mobilefaceswap_core.identity.glasses import Said
from mobilefaceswap_core.rules.consent import consent_text

LANGUAGES = ("en", "zh-CN")  # the first is the fallback
_OF_GLASSES: dict[Said, str] = {"left out": "glasses_left_out", "covered": "eye_covered"}


@cache
def load_texts(language: str) -> dict[str, str]:
    """All texts of a language, by key."""
    return json.loads(files(__package__).joinpath(f"{language}.json").read_text(encoding="utf-8"))


def say(key: str, language: str = LANGUAGES[0], /, **values: object) -> str:
    """One text in a language, with its values filled in; for messages, which Gradio does not translate."""
    return load_texts(language)[key].format(**values)


def model_words(name: str, language: str = LANGUAGES[0], /) -> str:
    """What a model is called in a sentence; its own name where there is no better one."""
    return load_texts(language).get(model_key(name), name)


def glasses_words(said: Iterable[Said], language: str = LANGUAGES[0], /) -> list[str]:
    """Sentences about what was done with the glasses of the photos that somebody is read from."""
    words = set(said)
    return [say(text, language) for word, text in _OF_GLASSES.items() if word in words]


def model_key(name: str) -> str:
    """Key of the text for a model."""
    return f"model_{name}"


def language_of(accept_language: str | None) -> str:
    """The first of a browser's preferred languages that there are texts for."""
    for wish in (accept_language or "").split(","):
        code = wish.partition(";")[0].strip().lower()
        for language in LANGUAGES:
            if code == language.lower() or code.partition("-")[0] == language.partition("-")[0]:
                return language
    return LANGUAGES[0]


def consent_words(language: str) -> str:
    """What visitors agree to; the core's English text where there is no translation."""
    translated = files(__package__).joinpath(f"consent.{language}.md")
    return translated.read_text(encoding="utf-8") if translated.is_file() else consent_text()


def about_words(language: str) -> str:
    """The text of the About tab."""
    text = files(__package__).joinpath(f"about.{language}.md").read_text(encoding="utf-8")
    return text.replace("{version}", __version__)


def method_drawing(language: str) -> str:
    """How it works, as an SVG with words of a language."""
    return files(__package__).joinpath(f"method.{language}.svg").read_text(encoding="utf-8")
