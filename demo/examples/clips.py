"""The clips that the Video tab offers to try: portraits of nobody before a moving camera, with sound, made when first asked for.

Nothing of them ships: portraits, camera and sound are there already, and a clip is made of them in a second.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

from mobilefaceswap_core.errors import VideoError
from mobilefaceswap_core.files.digest import file_sha256

from ..keeping import example_folder
from .pairs import portraits

_SECONDS = 2.5
# Who is in which clip: numbers of portraits. They are not the first, which are offered as faces to use.
_CLIPS = {"one_person": (6,), "two_people": (5, 3)}
_ROOT = Path(__file__).parents[2]

_digests: set[str] = set()  # of the clips made so far


def example_clips(most_s: float = _SECONDS) -> tuple[str, ...]:
    """Paths of the clips, one person first; made once, and again when their folder was cleared.

    Args:
        most_s: longest clip that the host takes.
    """
    made = _made(most_s)
    if not all(Path(path).is_file() for path in made):
        _made.cache_clear()
        made = _made(most_s)
    return made


@cache
def _made(most_s: float) -> tuple[str, ...]:
    known, seconds = portraits(), min(_SECONDS, most_s)
    being_made = {
        example_folder() / f"{name}.mp4": [known[number - 1] for number in numbers]
        for name, numbers in _CLIPS.items()
        if max(numbers) <= len(known)
    }
    with ThreadPoolExecutor() as pool:  # which waits for all of them, also where one fails
        list(pool.map(partial(_write, seconds=seconds), being_made, being_made.values()))
    _digests.update(map(file_sha256, being_made))
    return tuple(map(str, being_made))


def clip_digests() -> frozenset[str]:
    """SHA-256 of every clip made so far; makes none."""
    return frozenset(_digests)


def _write(path: Path, people: list[str], *, seconds: float) -> None:
    """Write a clip in a process of its own; see :mod:`.moving`.

    Raises:
        VideoError: it could not.
    """
    command = [sys.executable, "-m", f"{__package__}.moving", str(seconds), str(path), *people]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise VideoError(
            f"The clips to try could not be made: {last} Free some room on the disk, and start the page again."
        )
