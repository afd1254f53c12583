"""A folder that takes long to make and that several tests only read: made once for all workers that share the tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

Make = Callable[[Path], object]  # fills the folder that it is given
MadeOnce = Callable[[str, Make], Path]


def made_once(shared: Path, name: str, make: Make) -> Path:
    """The folder of that name, made if nobody has; whoever comes meanwhile waits. Nobody may write into it afterwards.

    Args:
        shared: folder that all workers know.
        name: of what is made.
        make: called with an empty folder; when it fails, the next one to ask tries again.
    """
    folder, finished = shared / f"once-{name}", shared / f"once-{name}.finished"
    with FileLock(shared / f"once-{name}.lock"):
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what one left that failed
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder
