"""The documents of the repository, and what stands in them."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CODE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """Every Markdown file that a reader of the repository may open; built pages are not among them."""
    outside = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "demo/examples/README.md"]
    card = "mobilefaceswap_core/weights/MODEL_CARD.md"
    pages = [path for path in sorted(DOCS.rglob("*.md")) if "generated" not in path.parts]
    return [*(ROOT / name for name in (*outside, card)), *pages]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """The text without its code blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", CODE.sub("", path.read_text(encoding="utf-8")))


def code_blocks(path: Path, *languages: str) -> list[str]:
    """Code blocks of some languages, in order."""
    return [body for language, body in CODE.findall(path.read_text(encoding="utf-8")) if language in languages]


def notebook_markdown(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as repository hosts and MyST make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", CODE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (candidate := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(candidate)
    return found
