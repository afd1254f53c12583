"""The examples in docstrings run and print what they say, in a folder with two photos."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

from .pages import ROOT

PACKAGES = ("mobilefaceswap_core", "eval", "demo")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules_with_examples() -> list[str]:
    """Found in the text, so that nothing is imported that has no examples."""
    names = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE):
                names.append(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_are_true(name: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(photos / "home"))
    found = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert found.failed == 0, f"{name}: see the captured output"


def test_the_parts_a_reader_meets_first_have_examples() -> None:
    assert set(modules_with_examples()) >= {
        "mobilefaceswap_core",
        "mobilefaceswap_core.detect",
        "mobilefaceswap_core.faces.geometry",
        "mobilefaceswap_core.student.hub",
        "mobilefaceswap_core.student.idn",
        "mobilefaceswap_core.pipeline",
        "eval.metrics.id_retrieval",
        "eval.metrics.psnr",
        "eval.statistics",
    }


def test_few_examples_are_left_out() -> None:
    skipped = sum(
        path.read_text(encoding="utf-8").count("doctest: +SKIP") for p in PACKAGES for path in (ROOT / p).rglob("*.py")
    )
    assert skipped <= 3  # a clip, and a repository that somebody else would have to own
