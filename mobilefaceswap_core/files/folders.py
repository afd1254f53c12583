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
