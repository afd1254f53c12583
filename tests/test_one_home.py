"""Knowledge that has one home, read from the source text: a second copy would go its own way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobilefaceswap_core.files.formats import ANIMATION_SUFFIXES, CLIP_SUFFIXES, PHOTO_SUFFIXES

ROOT = Path(__file__).parent.parent
CORE = "mobilefaceswap_core"
PACKAGES = (CORE, "eval", "demo")

SESSIONS = {f"{CORE}/runtime/sessions.py"}
MEDIA = {f"{CORE}/files/media.py"}
# Besides the digest of files: a machine's name, a fixed noise, the bits of a model's name, and seeded orders.
HASHES = {f"{CORE}/{name}.py" for name in (
    "files/digest", "files/atomic", "marking/carriers", "marking/watermark", "training/data/faces"
)}  # fmt: skip
# Besides the one way to write whole: a download that goes on in its own file, and a file that is marked in place.
RENAMES = {f"{CORE}/files/atomic.py", f"{CORE}/weights/download.py", f"{CORE}/marking/mark.py"}
FORMATS = {f"{CORE}/files/formats.py"}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every source file, with the file's name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
            name = path.relative_to(ROOT).as_posix()
            yield from ((name, node) for node in ast.walk(tree))


def called(node: ast.AST) -> str:
    """``module.name`` of what a node calls, or nothing."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def makes_session(node: ast.AST) -> bool:
    return called(node).endswith("InferenceSession")


def opens_media(node: ast.AST) -> bool:
    """``av.open`` for reading; the second argument of one for writing is ``"w"``."""
    if called(node) != "av.open":
        return False
    assert isinstance(node, ast.Call)
    return len(node.args) < 2 or ast.unparse(node.args[1]) != "'w'"


def imports_hashlib(node: ast.AST) -> bool:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    return "hashlib" in names or (isinstance(node, ast.ImportFrom) and node.module == "hashlib")


def renames(node: ast.AST) -> bool:
    return called(node) in ("os.replace", "os.rename", "shutil.move")


def lists_suffixes(node: ast.AST) -> bool:
    """Three or more extensions of media files in one list, tuple, set or dictionary."""
    known = {*PHOTO_SUFFIXES, *CLIP_SUFFIXES, *ANIMATION_SUFFIXES}
    parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
    return sum(isinstance(part, ast.Constant) and part.value in known for part in parts) >= 3


@pytest.mark.parametrize(
    ("does", "homes"),
    [(makes_session, SESSIONS), (opens_media, MEDIA), (imports_hashlib, HASHES), (renames, RENAMES), (lists_suffixes, FORMATS)],
    ids=["sessions", "clips", "digests", "renames", "suffixes"],
)  # fmt: skip
def test_it_is_done_in_its_home_alone(does, homes) -> None:
    found = {f"{name}:{node.lineno}" for name, node in nodes() if does(node)}  # type: ignore[attr-defined]
    assert {place for place in found if place.partition(":")[0] not in homes} == set()
    assert found, "the pattern no longer finds even its home"


@pytest.mark.parametrize(
    ("line", "does"),
    [
        ("onnxruntime.InferenceSession(path)", makes_session),
        ("av.open(path)", opens_media),
        ("av.open(path, options={})", opens_media),
        ("from hashlib import sha256", imports_hashlib),
        ("os.replace(part, path)", renames),
        ("x = {'.jpg', '.png', '.webp'}", lists_suffixes),
        ("x = {'.mp4': 1, '.mov': 2, '.mkv': 3}", lists_suffixes),
    ],
)
def test_a_second_home_would_be_found(line, does) -> None:
    assert any(does(node) for node in ast.walk(ast.parse(line)))
    assert not any(does(node) for node in ast.walk(ast.parse("av.open(path, 'w'); x = ('.jpg', '.png')")))
