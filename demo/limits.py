"""The host's limits on files, checked before anything is decoded."""

from __future__ import annotations

from pathlib import Path

from mobilefaceswap_core.errors import OptionError

from .settings import Settings
from .texts import say


def check_size(path: str | Path, settings: Settings, spoken: str = "en") -> None:
    """Refuse a file with too many bytes.

    Raises:
        OptionError: too large.
    """
    size = Path(path).stat().st_size
    if size > settings.max_bytes:
        raise OptionError(say("file_too_large", spoken, got=-(-size // (1 << 20)), wanted=settings.max_upload_mb))
