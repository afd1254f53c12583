"""Colours of the app's theme: what can be ticked or typed into is seen on light and on dark ground."""

from __future__ import annotations

import re

import pytest

from demo.build import theme


def colour(name: str) -> str:
    """A theme's value as ``#rrggbb``; values may name others."""
    value = getattr(theme(), name)
    while value.startswith("*"):
        own = value[1:]
        value = getattr(theme(), f"{own}_dark" if name.endswith("_dark") and hasattr(theme(), f"{own}_dark") else own)
    value = {"white": "#ffffff", "black": "#000000"}.get(value, value)
    assert re.fullmatch("#[0-9a-f]{6}", value), (name, value)
    return value


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2, 1 to 21."""

    def luminance(hexadecimal: str) -> float:
        parts = [int(hexadecimal[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["block_background_fill", "block_background_fill_dark"])
@pytest.mark.parametrize("edge", ["checkbox_border_color", "checkbox_border_color_hover", "input_border_color"])
def test_what_is_not_ticked_or_typed_into_has_an_edge_that_is_seen(edge: str, ground: str) -> None:
    dark = "_dark" if ground.endswith("_dark") else ""
    assert contrast(colour(edge + dark), colour(ground)) >= 3
    assert theme().input_border_width == theme().checkbox_border_width == "1px"
