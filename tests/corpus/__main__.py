"""``python -m tests.corpus page`` writes the page of the docs again."""

from __future__ import annotations

import sys

from .page import PAGE, page


def main() -> None:
    if sys.argv[1:] != ["page"]:
        raise SystemExit("wanted: python -m tests.corpus page")
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
