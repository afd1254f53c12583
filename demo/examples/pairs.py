"""The pairs that the page offers to try."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mobilefaceswap_core.files.digest import file_sha256

EXAMPLES = Path(__file__).parent / "portraits"
ASTRONAUT = Path(__file__).parent / "astronaut.webp"  # a tenth of scikit-image's PNG, which each visitor would load
CARD = Path(__file__).parent / "card.jpg"  # the preview picture of links, made by the program hero


def example_pairs(folder: Path = EXAMPLES) -> list[tuple[str, str]]:
    """Portraits onto the astronaut, and the astronaut onto portraits."""
    known, astronaut = portraits(folder), str(ASTRONAUT)
    if not known:
        return []
    return [
        *((portrait, astronaut) for portrait in known[:4]),
        (astronaut, known[0]),
        (known[1], known[-1]),
    ]


def shipped_photos() -> list[Path]:
    """The portraits and the astronaut."""
    return [*map(Path, portraits()), ASTRONAUT]


def portraits(folder: Path = EXAMPLES) -> list[str]:
    """Paths of the portraits of nobody, by number."""
    return [str(path) for path in sorted(folder.glob("*.webp"))]


@cache
def photo_digests() -> frozenset[str]:
    """SHA-256 of every photo that ships."""
    return frozenset(map(file_sha256, shipped_photos()))
