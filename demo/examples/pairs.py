"""The pairs that the page offers to try."""

from __future__ import annotations

from pathlib import Path


def example_pairs(folder: Path) -> list[tuple[str, str]]:
    """Portraits onto the astronaut, and the astronaut onto portraits; the astronaut comes from scikit-image."""
    import skimage.data

    portraits = [str(path) for path in sorted(folder.glob("*.webp"))]
    astronaut = str(Path(skimage.data.__file__).parent / "astronaut.png")
    if not portraits or not Path(astronaut).is_file():
        return []
    return [
        *((portrait, astronaut) for portrait in portraits[:4]),
        (astronaut, portraits[0]),
        (portraits[1], portraits[-1]),
    ]
