"""Text from the templates in ``eval/templates``, each form escaped as it needs: HTML, LaTeX and Markdown.

Names of people, files and methods come from outside, so nothing reaches a page or a table unescaped: HTML and LaTeX escape
every value, Markdown the cells of its tables (the filter ``cell``).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

_FOLDER = Path(__file__).with_name("templates")
_LATEX = str.maketrans(
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
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
        "°": r"$^\circ$",
    }
)


def render(template: str, **values: Any) -> str:
    """Fill a template.

    Args:
        template: its file name; ``x.html.j2`` and ``x.tex.j2`` escape every value that is not marked as safe.
        values: what it names; a name that is missing is an error.
    """
    latex = template.endswith(".tex.j2")
    return _environment(latex).get_template(template).render(**values)


@cache
def _environment(latex: bool) -> Environment:
    # LaTeX is full of braces and per cents, so its templates have delimiters of their own.
    delimiters: dict[str, Any] = {
        "variable_start_string": "<<", "variable_end_string": ">>", "block_start_string": "<%", "block_end_string": "%>",
        "comment_start_string": "<#", "comment_end_string": "#>", "finalize": _latex,
    }  # fmt: skip
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **(delimiters if latex else {}),
    )
    environment.filters |= {"cell": _markdown_cell, "comment": _comment}
    return environment


def _latex(value: object) -> str:
    """Text that LaTeX sets as it stands."""
    return value if isinstance(value, Markup) else str(value).translate(_LATEX)


def _comment(value: object) -> Markup:
    """Text for one comment line."""
    return Markup(" ".join(str(value).split()))


def _markdown_cell(value: object) -> str:
    """Text that stays in its cell; the star of a reference row is no emphasis."""
    return str(value).replace(" *", r" \*").replace("|", r"\|").replace("\n", " ")
