"""Names that pages and notebooks import, and files of this project that pages name, are where they say."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from .pages import ROOT, code_blocks, documents, name_of

PACKAGES = ("mobilefaceswap_core", "eval", "demo")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [path for path in documents() if code_blocks(path, "python")]


def code_of(path: Path) -> list[str]:
    if path.suffix != ".ipynb":
        return code_blocks(path, "python")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def missing_names(code: str) -> list[str]:
    """What a piece of code imports from this project and does not get."""
    imported = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES
        for alias in node.names
    ]
    return [f"{module}.{name}" for module, name in imported if not there(module, name)]


def there(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name_of)
def test_what_a_page_imports_exists(path: Path) -> None:
    assert [name for code in code_of(path) for name in missing_names(code)] == []


def test_the_check_sees_imports_and_would_notice_a_wrong_one() -> None:
    assert missing_names("from mobilefaceswap_core.training.data.faces.prepare import prepare") != []
    assert missing_names("from mobilefaceswap_core import Pipeline, pipelines") == ["mobilefaceswap_core.pipelines"]


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_files_of_the_project_that_a_page_names_exist(path: Path) -> None:
    named = re.findall(r"`((?:docs|eval|demo|mobilefaceswap_core|tests)/[\w/.-]+\w)`", path.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []
