"""The direction of imports, read from the source text: demo -> eval, core; eval -> core; nothing imports demo."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# package -> top-level modules it must not import
FORBIDDEN = {
    "mobilefaceswap_core": {"demo", "eval", "app", "gradio", "pandas", "matplotlib"},
    "eval": {"demo", "app", "gradio"},
    "demo": {"app"},
}


def imported_modules(path: Path) -> set[str]:
    """Top-level names of all absolute imports of a file, those inside functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_from_demo_to_eval_to_core_only(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"{package} has no source files"
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in files
        if (found := imported_modules(path) & FORBIDDEN[package])
    }
    assert wrong == {}


def test_teachers_and_training_are_imported_by_the_core_only_where_a_model_is_chosen() -> None:
    layers = {"teachers", "training"}
    wrong = []
    for path in sorted((ROOT / "mobilefaceswap_core").rglob("*.py")):
        parts = path.relative_to(ROOT / "mobilefaceswap_core").parts
        if parts[0] in layers | {"cli", "models.py", "bench.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                head = node.module.removeprefix("mobilefaceswap_core.").partition(".")[0]
                if head in layers and (node.level or node.module.startswith("mobilefaceswap_core")):
                    wrong.append(f"{'/'.join(parts)}:{node.lineno} imports {node.module}")
    assert wrong == []


def test_importing_the_package_loads_neither_torch_nor_a_detector() -> None:
    import subprocess
    import sys

    code = "import sys, mobilefaceswap_core; print(sorted({'torch', 'onnxruntime', 'dlib', 'insightface'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
