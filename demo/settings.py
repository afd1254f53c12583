"""Settings of the app, from environment variables; every one has a default that suits a small public Space."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from mobilefaceswap_core.errors import OptionError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "MFS_"


def _login(text: str) -> str:
    if text and ":" not in text:
        raise ValueError("user:password")
    return text


def _sites(text: str) -> str:
    if any(mark in text for mark in ";,\r\n"):
        raise ValueError("sites with spaces between them")
    return text


def _folder(text: str) -> str:
    if text and not Path(text).is_dir():
        raise ValueError("a folder that is there, or nothing")
    return text


# A validator's message says what is wanted.
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[int, Field(ge=0)]
Size = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Folder = Annotated[str, AfterValidator(_folder)]
Login = Annotated[str, AfterValidator(_login)]
Sites = Annotated[str, AfterValidator(_sites)]
_MOST_ANSWERS = 40  # files of a study's answers that are sent together
_SECRET = {"auth"}  # values that no message repeats


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field ``name`` is read from ``MFS_NAME``. A value of the wrong kind raises pydantic's ``ValidationError``.

    Attributes:
        model: swapper of the image tab; ``auto`` takes the best.
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
        concurrency: swaps that run at the same time; while one is read, packed and sent, the networks of another run.
        live_concurrency: live streams at the same time.
        live_seconds: a live stream ends after this and can be started again.
        live_budget_ms: latency a live frame may have before newer ones are dropped.
        queue_size: jobs that may wait; more are told to come back.
        queue_share: of them, those of one address; one only from the time that half of the queue is taken.
        request_rate: what one address may ask for in a second: a file of the page is 1, a call 50, opening the page 310, a
            call refused for what it brings 200 more; thirty seconds' worth at once.
        live_sessions: faces prepared for live pictures at the same time; one address has a quarter of them.
        keep_minutes: results and uploads are deleted after this.
        visitor_mb: uploads of one address that are kept at the same time.
        disk_mb: uploads and results of everybody that are kept at the same time.
        per_minute: costly things one visitor may ask for in a minute, such as swaps, searches for faces and people,
            verifications and sets; 0 for no limit.
        badge: draw the visible label on results by default.
        blocklist: folder of photos of protected people, or empty.
        audit: file of the audit log, or empty.
        auth: ``user:password`` to ask for a login, or empty.
        trust_proxy: everything comes through a proxy of the host's, whose forwarded headers are true; always so on a
            Space.
        frame_ancestors: sites that may show the page in a frame, as a content security policy names them; if empty the
            page itself, and on a Space its platform.
        reports: folder of evaluation runs to show in the Evaluate tab, or empty.
        browser_page: folder of the built page for the visitor's own browser, or ``off``; if empty the app builds it at its
            first start and keeps it in the user's cache.
        mcp: offer the endpoints as MCP tools as well (needs ``gradio[mcp]``).
    """

    model: str = "auto"
    video_model: str = "auto"
    detector: str = "auto"
    device: str = "auto"
    max_upload_mb: Count = 100
    max_megapixels: Count = 40
    max_sources: Count = 6
    max_video_seconds: Count = 60
    max_video_megapixels: Size = 2.1
    max_pairs: Count = 30
    max_faces: Count = 32
    max_job_seconds: Count = 300
    max_set_megapixels: Count = 2000
    max_evaluation_seconds: Count = 3600
    concurrency: Count = 2
    live_concurrency: Count = 1
    live_seconds: Count = 60
    live_budget_ms: Count = 150
    queue_size: Count = 20
    queue_share: Count = 5
    request_rate: Count = 100
    live_sessions: Count = 8
    keep_minutes: Count = 60
    visitor_mb: Count = 500
    disk_mb: Count = 4000
    per_minute: Rate = 0
    badge: bool = False
    blocklist: Folder = ""
    audit: str = ""
    auth: Login = ""
    trust_proxy: bool = False
    frame_ancestors: Sites = ""
    reports: Folder = ""
    browser_page: str = ""
    mcp: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read all settings.

        Raises:
            OptionError: a value of the wrong kind, out of range, or an unknown ``MFS_`` variable.
        """
        names = {PREFIX + field.name.upper(): field.name for field in fields(cls)}
        if unknown := sorted(key for key in environment if key.startswith(PREFIX) and key not in names):
            raise OptionError(_unknown(unknown[0], sorted(names)))
        given = {name: environment[key] for key, name in names.items() if key in environment}
        try:
            return cls(**given)  # type: ignore[arg-type]  # pydantic reads texts as what the fields hold
        except ValidationError as error:
            raise OptionError(" ".join(_refusal(found) for found in error.errors(include_url=False))) from None

    @property
    def max_pixels(self) -> int:
        return self.max_megapixels * 1_000_000

    @property
    def max_bytes(self) -> int:
        return self.max_upload_mb << 20

    @property
    def most_files(self) -> int:
        """Files of one upload: the photos of one person, or the answers of a study."""
        return max(self.max_sources, _MOST_ANSWERS)

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


def _unknown(key: str, known: list[str]) -> str:
    if near := get_close_matches(key, known, n=1):
        return f"Unknown setting {key}; did you mean {near[0]}? Correct its name or unset it."
    return f"Unknown setting {key}; known are: {', '.join(known)}. Correct its name or unset it."


def _refusal(error: ErrorDetails) -> str:
    """What was got and what was wanted."""
    name = str(error["loc"][0])
    got = "" if name in _SECRET else f" is {error['input']!r},"
    return f"{PREFIX}{name.upper()}{got} wanted {_wanted(error)}."


def _wanted(error: ErrorDetails) -> str:
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "greater_than_equal":
        return f"at least {limits['ge']}"
    if kind == "greater_than":
        return f"more than {limits['gt']:g}"
    if kind == "value_error":
        return str(limits["error"])
    words = {"int_parsing": "a whole number", "int_from_float": "a whole number", "float_parsing": "a number",
             "finite_number": "a finite number", "bool_parsing": "1 or 0"}  # fmt: skip
    return words.get(kind, error["msg"])


def _is_space() -> bool:
    """A Space is reached only through its platform, which shows the page in a frame of its own."""
    return bool(os.environ.get("SPACE_ID"))
