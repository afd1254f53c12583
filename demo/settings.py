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
        max_faces: faces of one picture that are worked on, the largest.
        max_job_seconds: a swap, a search or a verification is stopped after this.
        max_set_megapixels: photos of one uploaded set, together.
        max_evaluation_seconds: an evaluation is stopped after this.
        concurrency: swaps that run at the same time.
        live_concurrency: live streams at the same time.
        live_seconds: a live stream ends after this and can be started again.
        live_budget_ms: latency a live frame may have before newer ones are dropped.
        queue_size: visitors who may wait; more are told to come back.
        keep_minutes: results and uploads are deleted after this.
        per_minute: costly things one visitor may ask for in a minute, such as swaps, searches for faces and people,
            verifications and sets; 0 for no limit.
        badge: draw the visible label on results by default.
        blocklist: folder of photos of protected people, or empty.
        audit: file of the audit log, or empty.
        auth: ``user:password`` to ask for a login, or empty.
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
    max_faces: int = 32
    max_job_seconds: int = 300
    max_set_megapixels: int = 2000
    max_evaluation_seconds: int = 3600
    concurrency: int = 1
    live_concurrency: int = 1
    live_seconds: int = 60
    live_budget_ms: int = 150
    queue_size: int = 20
    keep_minutes: int = 60
    per_minute: int = 0
    badge: bool = False
    blocklist: str = ""
    audit: str = ""
    auth: str = ""
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
                     "keep_minutes", "live_concurrency", "live_seconds", "max_pairs", "max_faces", "max_job_seconds",
                     "max_set_megapixels", "max_evaluation_seconds"):  # fmt: skip
            if getattr(self, name) < 1:
                raise OptionError(f"{PREFIX}{name.upper()} is {getattr(self, name)}, wanted at least 1.")
        if self.auth and ":" not in self.auth:
            raise OptionError(f"{PREFIX}AUTH must be user:password.")
        if self.blocklist and not Path(self.blocklist).is_dir():
            raise OptionError(f"{PREFIX}BLOCKLIST is {self.blocklist}, which is no folder.")

    @property
    def max_pixels(self) -> int:
        return self.max_megapixels * 1_000_000

    @property
    def max_bytes(self) -> int:
        return self.max_upload_mb << 20

    @property
    def login(self) -> tuple[str, str] | None:
        user, _, password = self.auth.partition(":")
        return (user, password) if self.auth else None


def _parse(key: str, text: str, kind: type) -> object:
    if kind is bool:
        if text.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise OptionError(f"{key} is {text!r}, wanted 1 or 0.")
        return text.lower() in ("1", "true", "yes")
    try:
        return kind(text)
    except ValueError:
        raise OptionError(f"{key} is {text!r}, wanted a {'whole ' if kind is int else ''}number.") from None
