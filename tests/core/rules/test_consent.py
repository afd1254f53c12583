"""Consent is asked for, kept with the version of its text, and never assumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobilefaceswap_core.errors import OptionError, OutputError
from mobilefaceswap_core.rules import consent


def test_without_consent_nothing_goes_on(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--i-have-consent"):
        consent.require_consent(folder=tmp_path)


def test_consent_for_one_run_is_not_stored(tmp_path: Path) -> None:
    consent.require_consent(True, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_stored_consent_is_found_until_withdrawn(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    given = consent.store_consent(folder=folder)
    assert consent.stored_consent(folder=folder) == given
    consent.require_consent(folder=folder)
    consent.withdraw_consent(folder=folder)
    assert consent.stored_consent(folder=folder) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("change", [{"version": 0}, {"text_sha256": "0" * 64}, {"version": "x"}])
def test_consent_to_another_text_does_not_count(tmp_path: Path, change: dict) -> None:
    consent.store_consent(folder=tmp_path)
    path = tmp_path / "consent.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert consent.stored_consent(folder=tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '{"version": 1}'])
def test_a_damaged_record_is_no_consent(tmp_path: Path, content: str) -> None:
    (tmp_path / "consent.json").write_text(content)
    assert consent.stored_consent(folder=tmp_path) is None


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="MOBILEFACESWAP_CONFIG"):
        consent.store_consent(folder=tmp_path / "file" / "below")


def test_the_config_folder_follows_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILEFACESWAP_CONFIG", str(tmp_path))
    assert consent.config_folder() == tmp_path
    monkeypatch.delenv("MOBILEFACESWAP_CONFIG")
    assert consent.config_folder().name == "mobilefaceswap"


def test_the_texts_say_what_matters() -> None:
    assert "agreed" in consent.consent_text() and "hidden watermark" in consent.consent_text()
    assert "Not allowed" in consent.usage_policy()
