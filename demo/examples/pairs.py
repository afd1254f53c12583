"""The pairs that the page offers to try."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mobilefaceswap_core.files.digest import file_sha256

EXAMPLES = Path(__file__).parent / "portraits"
CARD = Path(__file__).parent / "card.jpg"  # the preview picture of links, made by the program hero


def example_pairs(folder: Path = EXAMPLES) -> list[tuple[str, str]]:
    """Portraits onto the astronaut, and the astronaut onto portraits; the astronaut comes from scikit-image."""
    known, astronaut = portraits(folder), _astronaut()
    if not known or not Path(astronaut).is_file():
        return []
    return [
        *((portrait, astronaut) for portrait in known[:4]),
        (astronaut, known[0]),
        (known[1], known[-1]),
    ]


def shipped_photos() -> list[Path]:
    """The portraits and the astronaut."""
    return [Path(path) for path in (*portraits(), _astronaut()) if Path(path).is_file()]


def portraits(folder: Path = EXAMPLES) -> list[str]:
    """Paths of the portraits of nobody, by number."""
    return [str(path) for path in sorted(folder.glob("*.webp"))]


def _astronaut() -> str:
    import skimage.data

    return str(Path(skimage.data.__file__).parent / "astronaut.png")


@cache
def photo_digests() -> frozenset[str]:
    """SHA-256 of every photo that ships."""
    return frozenset(map(file_sha256, shipped_photos()))
