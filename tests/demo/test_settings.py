"""Settings: documented defaults, refused values, nothing misspelt in silence."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from demo.settings import Settings
from mobilefaceswap_core.errors import OptionError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_values_are_read_by_kind() -> None:
    read = Settings.from_environment({"MFS_MAX_MEGAPIXELS": "7", "MFS_BADGE": "yes", "MFS_MAX_VIDEO_MEGAPIXELS": "0.5"})
    assert (read.max_megapixels, read.badge, read.max_video_megapixels) == (7, True, 0.5)
    assert read.max_pixels == 7_000_000


def test_variables_of_others_are_left_alone() -> None:
    assert Settings.from_environment({"HOME": "x", "GRADIO_SERVER_PORT": "1"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MFS_CONCURENCY", "2", "Unknown setting MFS_CONCURENCY"),
        ("MFS_QUEUE_SIZE", "many", "whole number"),
        ("MFS_QUEUE_SIZE", "0", "at least 1"),
        ("MFS_BADGE", "perhaps", "1 or 0"),
        ("MFS_AUTH", "secret", "user:password"),
        ("MFS_BLOCKLIST", "no/such/folder", "no folder"),
    ],
)
def test_wrong_values_are_refused_by_name(variable: str, value: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Settings.from_environment({variable: value})


def test_a_login_may_have_colons_in_its_password() -> None:
    assert Settings(auth="me:a:b").login == ("me", "a:b")
    assert Settings().login is None


def test_every_setting_is_documented_with_its_default() -> None:
    text = (Path(__file__).parents[2] / "docs" / "demo.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(MFS_[A-Z_]+)` \| `?([^`|]*?)`? \|", text, re.M))
    wanted = {f"MFS_{f.name.upper()}": {True: "1", False: "0"}.get(f.default, str(f.default)) if isinstance(f.default, bool)
              else str(f.default) for f in fields(Settings)}  # fmt: skip
    assert rows == wanted
