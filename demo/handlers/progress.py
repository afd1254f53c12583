"""How far something is, as a bar."""

from __future__ import annotations

from html import escape


def bar(done: int, total: int | None, text: str) -> str:
    """A progress bar that screen readers know as one; without a total it only says that something is going on."""
    known = f' max="{total}" value="{min(done, total)}"' if total else ""
    return f'<progress aria-label="{escape(text)}"{known}></progress><p role="status">{escape(text)}</p>'
