"""Commands as docs/evaluation.md shows them, for tests that run them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def section_commands(head: str) -> list[list[str]]:
    """Words after ``python -m eval`` of every command of a section."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {head}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line)[3:] for line in lines]
