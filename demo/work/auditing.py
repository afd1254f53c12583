"""One line in the host's log for whatever a door refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from mobilefaceswap_core.rules.audit import AuditLog
from mobilefaceswap_core.rules.host import HostRules

from ..settings import Settings

Work = TypeVar("Work", bound=Callable[..., Any])


def log_of(settings: Settings) -> HostRules:
    """The host's log alone: what is refused before a model is loaded is written down too."""
    return HostRules(log=AuditLog(settings.audit) if settings.audit else None)


def door(name: str) -> Callable[[Work], Work]:
    """Decorate work that visitors ask for, so that its refusals are in the host's log, one line each.

    Args:
        name: of the door, for the log.

    Returns:
        Decorator of a function or generator that is given the host's settings, or something that has them.
    """

    def decorate(work: Work) -> Work:
        if inspect.isgeneratorfunction(work):

            @wraps(work)
            def steps(*args: Any, **named: Any) -> Iterator[Any]:
                with log_of(_settings(*args, *named.values())).door(name):
                    yield from work(*args, **named)

            return steps  # type: ignore[return-value]

        @wraps(work)
        def once(*args: Any, **named: Any) -> Any:
            with log_of(_settings(*args, *named.values())).door(name):
                return work(*args, **named)

        return once  # type: ignore[return-value]

    return decorate


def _settings(*given: Any) -> Settings:
    return next(s for value in given if isinstance(s := getattr(value, "settings", value), Settings))
