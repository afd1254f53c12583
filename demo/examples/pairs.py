"""The pairs that the page offers to try."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mobilefaceswap_core.files.digest import file_sha256

EXAMPLES = Path(__file__).parent / "portraits"
ASTRONAUT = Path(__file__).parent / "astronaut.webp"  # a tenth of scikit-image's PNG, which each visitor would load
CARD = Path(__file__).parent / "card.jpg"  # the preview picture of links, made by the program hero


def example_pairs(folder: Path = EXAMPLES) -> list[tuple[str, str]]:
    """Portraits onto the astronaut, and the astronaut onto portraits."""
    portraits, astronaut = _portraits(folder), str(ASTRONAUT)
    if not portraits:
        return []
    return [
        *((portrait, astronaut) for portrait in portraits[:4]),
        (astronaut, portraits[0]),
        (portraits[1], portraits[-1]),
    ]


def shipped_photos() -> list[Path]:
    """The portraits and the astronaut."""
    return [*map(Path, _portraits(EXAMPLES)), ASTRONAUT]


def are_examples(photos: Iterable[str | None]) -> bool:
    """Whether all of these files are photos that ship, by their content; empty places do not count."""
    try:
        return all(file_sha256(photo) in _shipped() for photo in photos if photo)
    except OSError:  # swept away meanwhile; whoever reads it says so
        return False


def _portraits(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("*.webp"))]


@cache
def _shipped() -> frozenset[str]:
    return frozenset(map(file_sha256, shipped_photos()))
