"""What a visitor's job may take on this host, whatever its files say they hold."""

from __future__ import annotations

from mobilefaceswap_core.runtime.budget import Budget

from ..settings import Settings

_MOST_FPS = 120  # pictures a second; more only keep other visitors waiting
SLACK_S = 0.5  # a clip of "60 s" may hold half a second more


def budget_of(settings: Settings) -> Budget:
    """Of a swap, a search for people, or a verification."""
    seconds = settings.max_video_seconds + SLACK_S
    return Budget(
        faces=settings.max_faces,
        frames=round(_MOST_FPS * seconds),
        frame_pixels=max(1, round(settings.max_video_megapixels * 1e6)),
        clip_seconds=seconds,
        seconds=settings.max_job_seconds,
    )


def budget_of_set(settings: Settings) -> Budget:
    """Of reading the photos of an uploaded data set."""
    return Budget(pixels=settings.max_set_megapixels * 1_000_000, seconds=settings.max_job_seconds)


def budget_of_evaluation(settings: Settings) -> Budget:
    """Of an evaluation, which runs beside everything else at low priority."""
    return Budget(seconds=settings.max_evaluation_seconds)
