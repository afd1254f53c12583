"""The page without a network: the list of its files for the service worker that keeps them (``page/offline.js``)."""

from __future__ import annotations

import json
from pathlib import Path

from mobilefaceswap_core.files.atomic import write_bytes
from mobilefaceswap_core.files.digest import file_sha256

SERVICE_WORKER = "service_worker.js"
# Kept when they are used: of two runtimes a browser needs one, and whoever only looks needs no network at all.
_WHEN_USED = ("models", "runtime")


def write_service_worker(page: Path) -> None:
    """Write the service worker of a page whose other files are all there.

    It names each file by what is in it, so it changes with every one of them: that is how browsers learn of a new build.
    """
    others = [path for path in sorted(page.rglob("*")) if path.is_file() and path.name != SERVICE_WORKER]
    files = {path.relative_to(page): file_sha256(path) for path in others}
    groups: tuple[dict[str, str], dict[str, str]] = {}, {}
    for path, digest in files.items():
        groups[path.parts[0] in _WHEN_USED][path.as_posix()] = digest
    at_once, when_used = (json.dumps(group, indent=2) for group in groups)
    write_bytes(
        page / SERVICE_WORKER,
        f"// Written by demo/browser/offline.py.\nimport {{ serve }} from './offline.js';\n\n"
        f"const atOnce = {at_once};\nconst whenUsed = {when_used};\n\nserve(self, {{ atOnce, whenUsed }});\n".encode(),
    )
