"""Where this package keeps what belongs to a user: settings that must stay, and downloads that can be fetched again."""

from __future__ import annotations

import os
from pathlib import Path


def config_folder() -> Path:
    """The user's config folder of this package; ``MOBILEFACESWAP_CONFIG`` overrides it. Not created here."""
    if folder := os.environ.get("MOBILEFACESWAP_CONFIG"):
        return Path(folder).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("mobilefaceswap"))


def cache_folder() -> Path:
    """Where downloads live: ``MOBILEFACESWAP_HOME``, or ``mobilefaceswap`` in the user's cache folder."""
    if chosen := os.environ.get("MOBILEFACESWAP_HOME"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("mobilefaceswap", appauthor=False)


def insightface_folder() -> Path:
    """Folder of InsightFace's models: ``INSIGHTFACE_HOME`` or ``~/.insightface``."""
    return Path(os.environ.get("INSIGHTFACE_HOME") or Path.home() / ".insightface").expanduser()


def torch_checkpoints_folder() -> Path:
    """Where torch keeps what it downloads, without importing it: ``hub/checkpoints`` of ``TORCH_HOME``."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"
