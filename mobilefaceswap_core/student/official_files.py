"""Where the authors' weights lie once they are converted; asked by programs that swap without PyTorch."""

from __future__ import annotations

from pathlib import Path

from ..files.folders import cache_folder

NETWORK_FILE, RECOGNISER_FILE = "official_224.safetensors", "official_arcface.safetensors"


def official_folder() -> Path:
    """The folder of both files; it may not be there."""
    return cache_folder() / "official"
