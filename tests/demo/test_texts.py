"""Texts: the same keys and values to fill in in every language, all of them used, none missing."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from demo.settings import Settings
from demo.texts import LANGUAGES, about_words, consent_words, language_of, load_texts, say
from demo.ui.words import translations

DEMO = Path(__file__).parents[2] / "demo"


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_all_languages_have_the_same_keys() -> None:
    first, *others = (set(load_texts(language)) for language in LANGUAGES)
    assert all(first == other for other in others)


def test_translations_fill_in_the_same_values() -> None:
    english = load_texts("en")
    for language in LANGUAGES[1:]:
        different = [key for key, text in load_texts(language).items() if fields_of(text) != fields_of(english[key])]
        assert different == []


def test_every_text_that_the_code_names_exists() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in DEMO.rglob("*.py"))
    named = set(re.findall(r"""(?:words|say)\(\s*"([a-z_]+)\"""", code))
    assert len(named) > 50
    assert named - set(load_texts("en")) == {
        "consent",
        "about",
        "method",
        "verify_about",
    }  # long texts, from files of their own


def test_what_gradio_shows_has_no_value_left_to_fill_in() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in DEMO.rglob("*.py"))
    shown = translations(Settings())
    for language, texts in shown.translations.items():
        for key in set(re.findall(r"""words\(\s*"([a-z_]+)\"""", code)):
            assert not fields_of(texts[key]), f"{language} {key}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_consent_and_about_are_there_in_every_language(language: str) -> None:
    assert len(consent_words(language)) > 100
    assert "10.1609/aaai.v36i3.20203" in about_words(language)
    assert "{version}" not in about_words(language)


def test_consent_asks_for_as_many_things_in_every_language() -> None:
    counts = {language: len(re.findall(r"^\d\. ", consent_words(language), re.M)) for language in LANGUAGES}
    assert len(set(counts.values())) == 1


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"), ("", "en"), ("fr-FR,fr;q=0.9", "en"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"), ("zh", "zh-CN"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"), ("fr, zh-TW;q=0.5", "zh-CN"),
    ],
)  # fmt: skip
def test_the_browsers_first_known_language_is_spoken(header: str | None, language: str) -> None:
    assert language_of(header) == language


def test_messages_fill_in_their_values() -> None:
    assert "3" in say("faces_found", "zh-CN", count=3)
