"""The direction of imports, read from the source text: demo -> eval, core; eval -> core; nothing imports demo."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# package -> top-level modules it must not import
FORBIDDEN = {
    "mobilefaceswap_core": {"demo", "eval", "app", "gradio", "pandas", "matplotlib"},
    "eval": {"demo", "app", "gradio"},
    "demo": {"app"},
}

# Rooms of the core, lowest first; those of one step may import each other, a circle is forbidden anyway.
ORDER = (
    ("errors", "types", "plugins", "swapper", "choices"),
    ("runtime",),
    ("files",),
    ("compiled",),
    ("weights",),
    ("faces",),
    ("detect",),
    ("identity",),
    ("blend",),
    ("student",),
    ("teachers",),
    ("models",),
    ("marking",),
    ("options",),
    ("pipeline",),
    ("rules",),
    ("video",),
    ("training",),
    ("diagnose",),
    ("cli",),
    ("__main__",),
)

# Rooms of the app, lowest first: what is done, what answers, what is shown, and the page around all of it.
DEMO_ORDER = (
    ("settings", "texts", "keeping", "examples"),
    ("limits", "card"),
    ("gate", "browser"),
    ("work",),
    ("messages",),
    ("handlers",),
    ("ui",),
    ("endpoints", "live_pictures"),
    ("build",),
)
ORDERS = {"mobilefaceswap_core": ORDER, "demo": DEMO_ORDER}


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


def imported_inside(path: Path, package: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every module of ``package`` that one of its files imports, those inside functions included."""
    here = (package, *path.relative_to(ROOT / package).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*here[: len(here) - node.level + 1]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.startswith(f"{package}."))


def room_of(name: str) -> str:
    """The folder or file right under its package that a full name belongs to."""
    return name.split(".")[1]


@pytest.mark.parametrize("package", ORDERS)
def test_every_room_has_its_place_in_the_order(package: str) -> None:
    rooms = {
        path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert rooms - {"__init__"} == {room for step in ORDERS[package] for room in step}


@pytest.mark.parametrize("package", ORDERS)
def test_a_room_imports_only_from_those_before_it(package: str) -> None:
    rank = {room: number for number, step in enumerate(ORDERS[package]) for room in step}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if (room := path.relative_to(ROOT / package).parts[0].removesuffix(".py")) != "__init__"
        for line, name in imported_inside(path, package)
        if room_of(name) in rank and rank[room_of(name)] > rank[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    files = {}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph: dict[str, set[str]] = {}
    for module, path in files.items():
        named = {name if name in files else name.rpartition(".")[0] for _, name in imported_inside(path, package)}
        # The package itself offers names of its rooms, and loads them when they are used.
        graph[module] = {name for name in named if name in files and name not in (module, package)}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_importing_the_package_loads_neither_torch_nor_a_detector() -> None:
    import subprocess
    import sys

    code = "import sys, mobilefaceswap_core; print(sorted({'torch', 'onnxruntime', 'dlib', 'insightface'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
