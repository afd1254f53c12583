"""What ``package-lock.json`` pins, for the tests of the page for the visitor's browser; the page itself needs no npm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from demo.browser.build import HERE

_SECONDS = 600
# What npm has kept from before will do, for the lock file holds its hash; and a missing network is told at once.
_PATIENCE = ("--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=2000")


def install_packages(folder: Path) -> Path | None:
    """Install below a folder; its ``node_modules`` folder, or ``None`` where npm is missing or has no network.

    Args:
        folder: an existing one; gets a copy of the two package files.
    """
    npm = shutil.which("npm")
    if npm is None:
        return None
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    # The packages' own install scripts are for other uses of them; none is run.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *_PATIENCE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return folder / "node_modules" if done.returncode == 0 else None
