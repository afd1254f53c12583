"""``python -m tests.corpus page`` writes the page of the docs again, ``fuzz [FILE[:A-B] ...]`` changes each seed file 200 times."""

from __future__ import annotations

import sys

from .fuzz import MUTATIONS
from .fuzz import main as fuzz
from .page import PAGE, page


def main() -> int:
    command, names = sys.argv[1:2], sys.argv[2:]
    if command == ["page"] and not names:
        PAGE.write_text(page(), encoding="utf-8")
        print(f"written: {PAGE}")
        return 0
    if command == ["fuzz"]:
        return min(1, fuzz(names, MUTATIONS))
    raise SystemExit("wanted: python -m tests.corpus page, or python -m tests.corpus fuzz [FILE ...]")


if __name__ == "__main__":
    sys.exit(main())
