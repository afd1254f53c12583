"""Settings: documented defaults, refused values, nothing misspelt in silence."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from pydantic import ValidationError

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
        ("MFS_QUEUE_SIZE", "many", "MFS_QUEUE_SIZE is 'many', wanted a whole number."),
        ("MFS_QUEUE_SIZE", "1.5", "MFS_QUEUE_SIZE is '1.5', wanted a whole number."),
        ("MFS_QUEUE_SIZE", "0", "MFS_QUEUE_SIZE is '0', wanted at least 1."),
        ("MFS_LIVE_BUDGET_MS", "0", "MFS_LIVE_BUDGET_MS is '0', wanted at least 1."),
        ("MFS_PER_MINUTE", "-1", "MFS_PER_MINUTE is '-1', wanted at least 0."),
        ("MFS_MAX_VIDEO_MEGAPIXELS", "nan", "MFS_MAX_VIDEO_MEGAPIXELS is 'nan', wanted a finite number."),
        ("MFS_MAX_VIDEO_MEGAPIXELS", "0", "MFS_MAX_VIDEO_MEGAPIXELS is '0', wanted more than 0."),
        ("MFS_MAX_VIDEO_MEGAPIXELS", "big", "MFS_MAX_VIDEO_MEGAPIXELS is 'big', wanted a number."),
        ("MFS_BADGE", "perhaps", "MFS_BADGE is 'perhaps', wanted 1 or 0."),
        ("MFS_AUTH", "secret", "MFS_AUTH wanted user:password."),
        (
            "MFS_BLOCKLIST",
            "no/such/folder",
            "MFS_BLOCKLIST is 'no/such/folder', wanted a folder that is there, or nothing.",
        ),
        (
            "MFS_REPORTS",
            "no/such/folder",
            "MFS_REPORTS is 'no/such/folder', wanted a folder that is there, or nothing.",
        ),
    ],
)
def test_wrong_values_are_refused_with_what_was_got_and_wanted(variable: str, value: str, message: str) -> None:
    with pytest.raises(OptionError) as refused:
        Settings.from_environment({variable: value})
    assert str(refused.value) == message


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(OptionError, match=r"(?s)MFS_CONCURRENCY is .*MFS_MCP is "):
        Settings.from_environment({"MFS_CONCURRENCY": "0", "MFS_MCP": "maybe"})


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("MFS_CONCURENCY", "Unknown setting MFS_CONCURENCY; did you mean MFS_CONCURRENCY?"),
        ("MFS_KEEP_MINUTE", "did you mean MFS_KEEP_MINUTES?"),
        ("MFS_ZZZ", "known are: MFS_AUDIT, MFS_AUTH"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest_one(key: str, said: str) -> None:
    with pytest.raises(OptionError) as refused:
        Settings.from_environment({key: "1"})
    assert said in str(refused.value)


def test_settings_made_in_python_are_checked_too_and_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings(concurrency=0)
    with pytest.raises(FrozenInstanceError):
        Settings().concurrency = 2  # type: ignore[misc]


def test_a_login_may_have_colons_in_its_password() -> None:
    assert Settings(auth="me:a:b").login == ("me", "a:b")
    assert Settings().login is None


def test_every_setting_is_documented_with_its_default() -> None:
    text = (Path(__file__).parents[2] / "docs" / "demo.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(MFS_[A-Z_]+)` \| `?([^`|]*?)`? \|", text, re.M))
    wanted = {f"MFS_{f.name.upper()}": {True: "1", False: "0"}.get(f.default, str(f.default)) if isinstance(f.default, bool)
              else str(f.default) for f in fields(Settings)}  # fmt: skip
    assert rows == wanted
