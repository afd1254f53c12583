"""What every handler is given: the engine, the judges, the running jobs, and the work that needs a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mobilefaceswap_core.video import Person, VideoEvent

from ..settings import Settings
from .clips import SwappedClip, SwappedFrame, people_of, swap_clip, swap_first_frame
from .compare import Bench, Compared, compare
from .engine import Engine, SwappedPhoto
from .jobs import Jobs
from .live_sessions import LiveSessions
from .zerogpu import on_gpu

_SECONDS_A_SECOND = 4  # longest that a second of a clip takes on a Space's GPU


@dataclass(frozen=True, slots=True, eq=False)
class Services:
    """Shared by all visitors; holds nothing of any of them but the signals that stop their jobs.

    Attributes:
        engine: models and the host's rules.
        jobs: what runs for whom, so that it can be stopped.
        bench: the evaluation's judges.
        swap_photo: :meth:`Engine.swap_photo`, on the GPU where a Space lends one.
        people_of: :func:`~demo.work.clips.people_of`, the same way.
        swap_clip: :func:`~demo.work.clips.swap_clip`, the same way.
        swap_first_frame: :func:`~demo.work.clips.swap_first_frame`, the same way.
        compare: :func:`~demo.work.compare.compare`, the same way.
        live: faces prepared for live frames, each for the visit that holds its key.
    """

    engine: Engine
    jobs: Jobs
    bench: Bench
    swap_photo: Callable[..., SwappedPhoto]
    people_of: Callable[..., list[Person]]
    swap_clip: Callable[..., Iterator[VideoEvent | SwappedClip]]
    swap_first_frame: Callable[..., SwappedFrame]
    compare: Callable[..., Iterator[Compared]]
    live: LiveSessions

    @classmethod
    def of(cls, engine: Engine) -> Services:
        """The services around an engine; loads no model."""
        settings = engine.settings
        longest = _SECONDS_A_SECOND * settings.max_video_seconds
        return cls(
            engine, Jobs(), Bench(), on_gpu(engine.swap_photo), on_gpu(people_of),
            on_gpu(swap_clip, seconds=longest), on_gpu(swap_first_frame), on_gpu(compare),
            LiveSessions(settings.live_sessions, streams=settings.live_concurrency, most_s=settings.live_seconds),
        )  # fmt: skip

    @property
    def settings(self) -> Settings:
        """The host's."""
        return self.engine.settings
