"""The pairs that the page offers to try."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mobilefaceswap_core.files.digest import file_sha256

EXAMPLES = Path(__file__).parent / "portraits"
CARD = Path(__file__).parent / "card.jpg"  # the preview picture of links, made by the program hero


def example_pairs(folder: Path = EXAMPLES) -> list[tuple[str, str]]:
    """Portraits onto the astronaut, and the astronaut onto portraits; the astronaut comes from scikit-image."""
    portraits, astronaut = _portraits(folder), _astronaut()
    if not portraits or not Path(astronaut).is_file():
        return []
    return [
        *((portrait, astronaut) for portrait in portraits[:4]),
        (astronaut, portraits[0]),
        (portraits[1], portraits[-1]),
    ]


def shipped_photos() -> list[Path]:
    """The portraits and the astronaut."""
    return [Path(path) for path in (*_portraits(EXAMPLES), _astronaut()) if Path(path).is_file()]


def are_examples(photos: Iterable[str | None]) -> bool:
    """Whether all of these files are photos that ship, by their content; empty places do not count."""
    try:
        return all(file_sha256(photo) in _shipped() for photo in photos if photo)
    except OSError:  # swept away meanwhile; whoever reads it says so
        return False


def _portraits(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("*.webp"))]


def _astronaut() -> str:
    import skimage.data

    return str(Path(skimage.data.__file__).parent / "astronaut.png")


@cache
def _shipped() -> frozenset[str]:
    return frozenset(map(file_sha256, shipped_photos()))
