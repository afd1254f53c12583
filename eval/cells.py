"""Text in files that spreadsheets open: never a formula.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` (or a tab or line end before one) as a formula, which
can call programs and send cells away. Such text is written with an apostrophe before it, which spreadsheets show as text;
numbers stay numbers. Names of people and files come from outside, so every such cell goes through here.

Source:
    OWASP, "CSV Injection".
"""

from __future__ import annotations

import re

# The full-width forms are taken for the plain ones by spreadsheets in East Asian settings.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_ESCAPED = re.compile(r"''*[=+\-@\t\r\n＝＋－＠]")


def plain_cell(text: str) -> str:
    """The text as a cell that no spreadsheet runs; :func:`original_cell` undoes it. ``-0.5`` and ``+3`` stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def original_cell(cell: str) -> str:
    """What :func:`plain_cell` was given."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip() and "_" not in text
