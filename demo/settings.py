"""Settings of the app, from environment variables; every one has a default that suits a small public Space."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from mobilefaceswap_core.errors import OptionError

PREFIX = "MFS_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field ``name`` is read from ``MFS_NAME``.

    Attributes:
        model: swapper of the image tab; ``auto`` takes the best for stills.
        video_model: swapper of the video and live tabs.
        detector: ``auto``, ``insightface``, ``dlib`` or ``lite``.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        max_upload_mb: largest file a visitor may send.
        max_megapixels: largest photo, checked before it is decoded.
        max_sources: photos of one source person.
        max_video_seconds: longest clip.
        max_video_megapixels: largest frame of a clip.
        max_pairs: pairs of one evaluation.
        concurrency: swaps that run at the same time.
        live_concurrency: live streams at the same time.
        live_seconds: a live stream ends after this and can be started again.
        live_budget_ms: latency a live frame may have before newer ones are dropped.
        queue_size: jobs that may wait; more are told to come back.
        queue_share: of them, those of one address; one only from the time that half of the queue is taken.
        request_rate: what one address may ask for in a second: a file of the page is 1, a call 50, opening the page 310;
            thirty seconds' worth at once.
        live_sessions: faces prepared for live pictures at the same time; one address has a quarter of them.
        keep_minutes: results and uploads are deleted after this.
        visitor_mb: uploads of one address that are kept at the same time.
        disk_mb: uploads and results of everybody that are kept at the same time.
        per_minute: swaps one visitor may ask for in a minute; 0 for no limit.
        badge: draw the visible label on results by default.
        blocklist: folder of photos of protected people, or empty.
        audit: file of the audit log, or empty.
        auth: ``user:password`` to ask for a login, or empty.
        trust_proxy: everything comes through a proxy of the host's, whose forwarded headers are true; always so on a
            Space.
        frame_ancestors: sites that may show the page in a frame, as a content security policy names them; if empty the
            page itself, and on a Space its platform.
        reports: folder of evaluation runs to show in the Evaluate tab, or empty.
        browser_page: folder of the built page for the visitor's own browser; ``demo/browser/dist`` if empty.
        mcp: offer the endpoints as MCP tools as well (needs ``gradio[mcp]``).
    """

    model: str = "auto"
    video_model: str = "auto"
    detector: str = "auto"
    device: str = "auto"
    max_upload_mb: int = 100
    max_megapixels: int = 40
    max_sources: int = 6
    max_video_seconds: int = 60
    max_video_megapixels: float = 2.1
    max_pairs: int = 30
    concurrency: int = 1
    live_concurrency: int = 1
    live_seconds: int = 60
    live_budget_ms: int = 150
    queue_size: int = 20
    queue_share: int = 5
    request_rate: int = 100
    live_sessions: int = 8
    keep_minutes: int = 60
    visitor_mb: int = 500
    disk_mb: int = 4000
    per_minute: int = 0
    badge: bool = False
    blocklist: str = ""
    audit: str = ""
    auth: str = ""
    trust_proxy: bool = False
    frame_ancestors: str = ""
    reports: str = ""
    browser_page: str = ""
    mcp: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read all settings.

        Raises:
            OptionError: a value of the wrong kind, out of range, or an unknown ``MFS_`` variable.
        """
        known = {PREFIX + field.name.upper(): field for field in fields(cls)}
        if unknown := sorted(key for key in environment if key.startswith(PREFIX) and key not in known):
            raise OptionError(f"Unknown setting {unknown[0]}; known are: {', '.join(sorted(known))}.")
        values = {
            field.name: _parse(key, environment[key], type(field.default))
            for key, field in known.items()
            if key in environment
        }
        settings = cls(**values)  # type: ignore[arg-type]
        settings._check()
        return settings

    def _check(self) -> None:
        for name in ("max_upload_mb", "max_megapixels", "max_sources", "max_video_seconds", "concurrency", "queue_size",
                     "keep_minutes", "live_concurrency", "live_seconds", "max_pairs", "queue_share", "request_rate",
                     "live_sessions",
                     "visitor_mb", "disk_mb"):  # fmt: skip
            if getattr(self, name) < 1:
                raise OptionError(f"{PREFIX}{name.upper()} is {getattr(self, name)}, wanted at least 1.")
        if self.auth and ":" not in self.auth:
            raise OptionError(f"{PREFIX}AUTH must be user:password.")
        if any(mark in self.frame_ancestors for mark in ";,\r\n"):
            raise OptionError(f"{PREFIX}FRAME_ANCESTORS must be sites with spaces between them.")
        if self.blocklist and not Path(self.blocklist).is_dir():
            raise OptionError(f"{PREFIX}BLOCKLIST is {self.blocklist}, which is no folder.")

    @property
    def max_pixels(self) -> int:
        return self.max_megapixels * 1_000_000

    @property
    def max_bytes(self) -> int:
        return self.max_upload_mb << 20

    @property
    def most_files(self) -> int:
        """Files of one upload: the photos of one person are the most that the page sends together."""
        return self.max_sources

    @property
    def believes_proxy(self) -> bool:
        return self.trust_proxy or _is_space()

    @property
    def ancestors(self) -> str:
        usual = "'self' https://huggingface.co" if _is_space() else "'self'"
        return self.frame_ancestors or usual

    @property
    def login(self) -> tuple[str, str] | None:
        user, _, password = self.auth.partition(":")
        return (user, password) if self.auth else None


def _is_space() -> bool:
    """A Space is reached only through its platform, which shows the page in a frame of its own."""
    return bool(os.environ.get("SPACE_ID"))


def _parse(key: str, text: str, kind: type) -> object:
    if kind is bool:
        if text.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise OptionError(f"{key} is {text!r}, wanted 1 or 0.")
        return text.lower() in ("1", "true", "yes")
    try:
        return kind(text)
    except ValueError:
        raise OptionError(f"{key} is {text!r}, wanted a {'whole ' if kind is int else ''}number.") from None
