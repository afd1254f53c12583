"""All texts of the page, for Gradio to choose from in the visitor's browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from ..handlers.verify import LAYERS
from ..settings import Settings
from ..texts import LANGUAGES, about_words, consent_words, load_texts, method_drawing, model_key, say


def translations(settings: Settings) -> gr.I18n:
    """The texts by language, the host's values filled in."""
    values = {
        "minutes": settings.keep_minutes,
        "megapixels": settings.max_megapixels,
        "mb": settings.max_upload_mb,
    }
    seconds = {"clip_hint": settings.max_video_seconds, "live_hint": settings.live_seconds}
    filled = {"subtitle", "target_hint", "evaluate_hint", *seconds}
    return gr.I18n(
        **{
            language: {
                key: text.format(**values, seconds=seconds.get(key)) if key in filled else text
                for key, text in load_texts(language).items()
            }
            | {
                "consent": f"## {say('consent_title', language)}\n\n{consent_words(language)}",
                "about": about_words(language),
                "method": method_drawing(language),
                "verify_about": _layers(language),
            }
            for language in LANGUAGES
        }
    )


def _layers(language: str) -> str:
    """What a verification looks for, before there is one."""
    rows = [f"**{say(f'verify_{name}', language)}**<br>{say(f'verify_{name}_what', language)}" for name in LAYERS]
    return f"## {say('verify_layers_before', language)}\n\n" + "\n\n".join(rows)


def model_choices(words: Callable[[str], Any], names: Sequence[str]) -> list[tuple[Any, str]]:
    """Models to choose from: what each is called on the page, and the name that programs use.

    Args:
        words: text by key.
        names: of models.
    """
    known = load_texts(LANGUAGES[0])
    return [(words(key) if (key := model_key(name)) in known else name, name) for name in names]
