"""``python -m demo.browser``: build the page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mobilefaceswap_core.errors import SwapError

from .build import build
from .serve import own_folder


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m demo.browser", description="Build the page that swaps faces in the visitor's browser."
    )
    parser.add_argument("--out", type=Path, help="folder to write (default: the one that the app serves)")
    parser.add_argument(
        "--no-identity", action="store_true", help="leave out the network that reads source photos (10 MB)"
    )
    options = parser.parse_args(arguments)
    try:
        out = build(options.out or own_folder(), identity=not options.no_identity)
    except SwapError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 1e6:.0f} MB. Serve it with any static server, such as `python -m http.server -d {out}`.")


if __name__ == "__main__":
    main()
