"""Plain text in LaTeX tables."""

from __future__ import annotations

_SAFE = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "_": r"\_",
        "#": r"\#",
        "$": r"\$",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands."""
    return text.translate(_SAFE)
